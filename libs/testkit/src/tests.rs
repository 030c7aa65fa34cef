use std::{process::Command, time::Duration};

use super::*;

#[test]
fn cases_are_read_as_written() {
    let (head, cases) = parse_cases("# about\n\n=== one\na\nb\n---\nx\n\n=== two\nc\n---\n");
    assert_eq!(head.trim(), "# about");
    let of = |n: &str, i: &str, o: &str| Case { name: n.into(), input: i.into(), output: o.into() };
    assert_eq!(cases, [of("one", "a\nb", "x"), of("two", "c", "")]);
}

#[test]
#[should_panic(expected = "case \"one\" differs at line 1")]
fn a_case_that_differs_fails_by_name() {
    let dir = temp_dir();
    let file = dir.path().join("cases.txt");
    std::fs::write(&file, "=== one\na\n---\nx\n").unwrap();
    run_cases(&file, str::to_uppercase);
}

#[test]
#[should_panic(expected = "the moon: not within 50ms; last: not yet")]
fn waiting_ends() {
    wait_until::<()>("the moon", Duration::from_millis(50), || Err("not yet".into()));
}

#[test]
fn a_process_has_a_log_and_ends_with_its_value() {
    let dir = temp_dir();
    let mut command = Command::new("sh");
    command.args(["-c", "echo hello; exec sleep 600"]);
    let mut process = spawn(command, &dir.path().join("log"));
    wait_until("its output", Duration::from_secs(5), || match process.output().contains("hello") {
        true => Ok(()),
        false => Err(process.output()),
    });
    assert!(process.ended().is_none());
    process.kill();
    assert!(process.ended().is_some());
}

#[test]
fn free_ports_can_be_bound() {
    let base = free_ports(10);
    assert!(std::net::TcpListener::bind(("127.0.0.1", base + 9)).is_ok());
}
