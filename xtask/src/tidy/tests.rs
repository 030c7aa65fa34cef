use super::*;

#[test]
fn a_long_function_is_found_wherever_it_stands() {
    let body = "        let x = 1;\n".repeat(100);
    let text = format!(
        "//! Doc.\nimpl A {{\n    fn short(&self);\n    pub async fn long<T>(x: T) {{\n{body}    }}\n}}\n"
    );
    assert_eq!(long_functions(&text), [(4, "long".to_owned(), 102)]);
    assert!(long_functions("fn a() {\n    b();\n}\n").is_empty());
}

#[test]
fn a_declaration_has_no_body() {
    let text = format!(
        "//! Doc.\ntrait A {{\n    fn b(&self);\n{}    fn c() {{\n    }}\n}}\n",
        "    const X: u8 = 1;\n".repeat(120)
    );
    assert!(long_functions(&text).is_empty());
}

#[test]
fn modules_need_docs_and_files_an_end() {
    assert_eq!(check_rust("a/src/lib.rs", "fn a() {}\n").len(), 1);
    assert!(check_rust("a/src/lib.rs", "//! About.\n").is_empty());
    assert!(check_rust("a/src/b/tests.rs", "use super::*;\n").is_empty());
    assert_eq!(check_rust("a/src/lib.rs", &format!("//! x\n{}", "\n".repeat(1_000))).len(), 1);
    assert_eq!(check_rust("a/src/b/mod.rs", "//! x\n").len(), 1);
}

#[test]
fn paths_of_a_machine_are_found_with_their_line() {
    let text = format!("fine\nsee {}x\n", ["/work", "/main/"].concat());
    let faults = check_words("README.md", &text);
    assert!(faults.len() == 1 && faults[0].starts_with("README.md:2:"), "{faults:?}");
}
