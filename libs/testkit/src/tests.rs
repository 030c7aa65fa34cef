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
fn a_program_s_help_is_that_of_its_commands_too() {
    let dir = temp_dir();
    let program = dir.path().join("tool");
    let script = "#!/bin/sh\ncase \"$1\" in\n--help) printf 'A tool\\n\\nCommands:\\n  one   First\\n        \
                  and more\\n  help  Help\\n\\nOptions:\\n  --x\\n';;\none) printf \"help of $1\\n\\nOptions:\\n  --x\\n\";;\n*) exit 7;;\nesac\n";
    std::fs::write(&program, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    let golden = dir.path().join("help.txt");
    let text = "$ tool --help\nA tool\n\nCommands:\n  one   First\n        and more\n  help  Help\n\nOptions:\n  \
                --x\n\n$ tool one --help\nhelp of one\n";
    std::fs::write(&golden, text).unwrap();
    program::check_help(program.to_str().unwrap(), &golden);
}

#[test]
fn the_corpus_is_read_line_by_line() {
    let line = r#"{"sql": "select 1", "source": "planbuilder", "mysql_accepts": true}"#;
    let read = corpus::parse(line);
    assert_eq!((read.len(), read[0].text().as_str(), read[0].mysql_accepts), (1, "select 1", true));
}

#[test]
fn free_ports_can_be_bound() {
    let base = free_ports(10);
    assert!(std::net::TcpListener::bind(("127.0.0.1", base + 9)).is_ok());
}
