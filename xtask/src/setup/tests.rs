use super::*;

#[test]
fn purposes_are_read_and_others_refused() {
    assert_eq!("bench".parse(), Ok(Purpose::Bench));
    assert!("everything".parse::<Purpose>().unwrap_err().contains("everything"));
}

#[test]
fn only_the_benchmarks_want_sysbench() {
    let wants = |p| needs(p).iter().any(|n| n.name == "sysbench");
    assert!(wants(Purpose::Bench) && !wants(Purpose::Up) && !wants(Purpose::Test));
}

#[test]
fn a_command_that_fails_shows_its_last_lines() {
    let error =
        quietly("trying", Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap_err();
    assert!(error.contains("trying failed") && error.contains("out") && error.contains("err"), "{error}");
}

#[test]
fn a_server_s_family_is_read_from_its_version() {
    assert_eq!(family_in("mysqld  Ver 10.11.19-MariaDB for debian"), Some(Family::MariaDb));
    assert_eq!(family_in("mysqld  Ver 9.7.4-2 for Linux"), Some(Family::MySql));
    assert_eq!(family_in("something else"), None);
}
