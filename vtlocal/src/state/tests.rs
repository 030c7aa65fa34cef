use super::*;

fn pid() -> i32 {
    std::process::id().try_into().unwrap()
}

#[test]
fn a_pid_with_another_start_time_is_another_process() {
    let me = Recorded::of("me", pid(), &[Port { what: "http", port: 1 }], Path::new("/x.log")).unwrap();
    assert!(me.is_running());
    assert!(!Recorded { start_time: me.start_time + 1, ..me.clone() }.is_running());
    assert!(!Recorded { pid: i32::MAX, ..me }.is_running());
}

#[test]
fn a_record_reads_back_as_written_and_a_broken_one_is_named() {
    let dir = testkit::temp_dir();
    assert_eq!(State::read(dir.path()).unwrap(), None);
    let mut state = State { spec: ClusterSpec::default(), loaded: true, processes: Vec::new() };
    let me = Recorded::of("me", pid(), &[], Path::new("/x.log")).unwrap();
    state.add(Recorded { pid: 1, ..me.clone() });
    state.add(me);
    assert_eq!(state.processes.len(), 1);
    state.write(dir.path()).unwrap();
    assert_eq!(State::read(dir.path()).unwrap(), Some(state));
    fs::write(dir.path().join("vtlocal.json"), "{").unwrap();
    assert!(State::read(dir.path()).unwrap_err().message().contains("vtlocal.json"));
}
