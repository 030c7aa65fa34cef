use std::time::Duration;

use super::*;

#[test]
fn a_line_is_made_and_read_again() {
    let line = user_line("ada@example", Role::Operator, "correct horse").unwrap();
    let users = parse(&format!("# people\n\n{line}\n")).unwrap();
    let ada = &users["ada@example"];
    assert_eq!(ada.role, Role::Operator);
    assert!(is_password("correct horse", &ada.hash) && !is_password("correct horsf", &ada.hash));
    assert!(!is_password("anything", "not a hash"));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_without_the_hash() {
    let good = user_line("ada", Role::Viewer, "correct horse").unwrap();
    for (text, part) in [
        ("ada".to_owned(), "line 1: expected name:role:hash"),
        (format!("{good}\n{good}"), "line 2: ada is there twice"),
        (good.replace("viewer", "admin"), "no role \"admin\""),
        (good.replace("ada:", "a b:"), "invalid user name"),
        ("ada:viewer:planted".to_owned(), "the password of ada is no argon2 hash"),
    ] {
        let told = parse(&text).unwrap_err().to_string();
        assert!(told.contains(part) && !told.contains("planted") && !told.contains("$argon2"), "{told}");
    }
    user_line("ada", Role::Viewer, "short").unwrap_err();
}

#[test]
fn a_changed_file_is_read_again_and_a_broken_one_is_not() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("users");
    let ada = user_line("ada", Role::Viewer, "correct horse").unwrap();
    fs::write(&path, &ada).unwrap();
    let users = Users::open(path.clone()).unwrap();
    assert_eq!((users.role("ada"), users.role("bob")), (Some(Role::Viewer), None));
    let write = |text: String, later: u64| {
        fs::write(&path, text).unwrap();
        let at = SystemTime::now() + Duration::from_secs(later);
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    };
    write(ada.replace("viewer", "operator"), 10);
    assert_eq!(users.role("ada"), Some(Role::Operator));
    write("nonsense".into(), 20);
    assert_eq!(users.role("ada"), Some(Role::Operator));
    write(ada.replace("ada", "bob"), 30);
    assert_eq!((users.role("ada"), users.knows("bob")), (None, true));
    assert!(Users::open(dir.path().join("missing")).is_err());
}
