//! The life of a real mysqld. `cargo xtask setup --for test` installs one where there is none.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use mysql_async::prelude::Queryable;
use mysqlctl::{
    Binaries, CnfOptions, FlavorKind, Mycnf, Mysqld,
    binaries::SearchPath,
    flavor::{SemiSync, Source, Threads},
    mysqld::{query_row, query_rows, run},
    process,
};

const LIMIT: Duration = Duration::from_secs(60);

/// MySQL has to be there; a test on MariaDB says so when there is none.
fn binaries(kind: FlavorKind) -> Option<Binaries> {
    match Binaries::find(&SearchPath::from_env(), Some(kind)) {
        Ok(binaries) => Some(binaries),
        Err(e) if kind == FlavorKind::MariaDb => {
            println!("not run: {e}");
            None
        }
        Err(e) => panic!("{e}"),
    }
}

fn mysqld(binaries: &Binaries, root: &Path, uid: u32) -> Mysqld {
    let port = testkit::free_ports(1);
    Mysqld::new(Mycnf::new(root, uid, port, None), binaries.clone()).unwrap()
}

fn options() -> CnfOptions {
    CnfOptions {
        performance_schema: Some(false),
        bind_address: Some("127.0.0.1".into()),
        ..CnfOptions::default()
    }
}

/// Stops the server whatever happens to the test.
struct Stop(Mysqld);

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(pid) = self.0.running_pid() {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ended_already = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[tokio::test]
async fn mysql_lives_from_init_to_teardown() {
    a_server_lives_from_init_to_teardown(FlavorKind::MySql).await;
}

#[tokio::test]
async fn mariadb_lives_from_init_to_teardown() {
    a_server_lives_from_init_to_teardown(FlavorKind::MariaDb).await;
}

async fn a_server_lives_from_init_to_teardown(kind: FlavorKind) {
    let Some(binaries) = binaries(kind) else { return };
    let dir = testkit::temp_dir();
    let mut server = mysqld(&binaries, dir.path(), 100);
    let _stop = Stop(server.clone());
    server.init(&options(), None, LIMIT).await.unwrap();
    let server_id = server.cnf().server_id;

    // Every service user gets in over the socket; the server is read-only and has no GTIDs.
    for user in ["vt_dba", "vt_app", "vt_appdebug", "vt_allprivs", "vt_filtered", "vt_monitoring"] {
        let mut conn = server.connect(user, "").await.unwrap();
        let who: Option<String> = conn.query_first("SELECT CURRENT_USER()").await.unwrap();
        assert_eq!(who.unwrap(), format!("{user}@localhost"));
    }
    let mut dba = server.connect("vt_dba", "").await.unwrap();
    let row = query_row(&mut dba, server.flavor().read_only_query()).await.unwrap().unwrap();
    assert_eq!((row.text("read_only"), row.text("super_read_only")), (Some("1"), Some("1")));
    for user in ["vt_app", "vt_allprivs", "vt_filtered"] {
        let mut conn = server.connect(user, "").await.unwrap();
        let error = conn.query_drop("CREATE DATABASE vt_y").await.unwrap_err();
        assert!(error.to_string().contains("1290"), "{user}: {error}");
    }
    if kind == FlavorKind::MySql {
        let error = dba.query_drop("CREATE DATABASE vt_x").await.unwrap_err();
        assert!(error.to_string().contains("1290"), "{error}");
    }
    let row = query_row(&mut dba, server.flavor().primary_position_query()).await.unwrap().unwrap();
    let empty = format!("{}/", kind.position_prefix());
    assert_eq!(server.flavor().parse_primary_position(&row).unwrap().position, empty);

    // Nothing of it is for the world, and a second init touches nothing.
    assert_private(&server.cnf().tablet_dir);
    let error = server.clone().init(&options(), None, LIMIT).await.unwrap_err();
    assert!(error.message().contains("already holds data"), "{error}");

    // Data and server id survive a restart; a start of a running server is no error.
    run(&mut dba, &server.flavor().set_super_read_only(false)).await.unwrap();
    dba.query_drop("CREATE DATABASE vt_x; CREATE TABLE vt_x.t (a INT); INSERT INTO vt_x.t VALUES (7)")
        .await
        .unwrap();
    drop(dba);
    server.shutdown(LIMIT).await.unwrap();
    assert_eq!(server.running_pid(), None);
    server.shutdown(LIMIT).await.unwrap();
    let again = mysqld(&binaries, dir.path(), 100);
    assert_eq!((again.cnf().server_id, again.cnf().mysql_port), (server_id, server.cnf().mysql_port));
    again.start(&[], LIMIT).await.unwrap();
    again.start(&[], LIMIT).await.unwrap();
    let mut app = again.connect("vt_app", "").await.unwrap();
    let value: Option<u32> = app.query_first("SELECT a FROM vt_x.t").await.unwrap();
    assert_eq!(value, Some(7));
    let id: Option<u32> = app.query_first("SELECT @@server_id").await.unwrap();
    assert_eq!(id, Some(server_id));
    drop(app);

    // A server whose process cannot be seen is stopped by the user for administration, with its password.
    let mut dba = again.connect("vt_dba", "").await.unwrap();
    dba.query_drop("SET GLOBAL read_only = OFF; ALTER USER 'vt_dba'@'localhost' IDENTIFIED BY 'a secret'")
        .await
        .unwrap();
    drop(dba);
    let pid = again.running_pid().unwrap();
    fs::remove_file(again.cnf().pid_file()).unwrap();
    let error = again.shutdown(LIMIT).await.unwrap_err();
    assert!(error.message().contains("Access denied"), "{error}");
    again.clone().with_dba("vt_dba", "a secret").shutdown(LIMIT).await.unwrap();
    assert!(!holds_its_files(pid, &again.cnf().innodb_data_dir()));

    again.teardown(false, LIMIT).await.unwrap();
    assert!(!again.cnf().tablet_dir.exists());
}

/// Whether a process has files below `dir` open.
fn holds_its_files(pid: i32, dir: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).any(|file| file.starts_with(dir))
}

/// No file or directory below `dir` gives anything to others; sockets are mysqld's own and in a closed directory.
fn assert_private(dir: &Path) {
    assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o007, 0, "{}", dir.display());
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            assert_private(&entry.path());
        } else if kind.is_file() {
            let mode = entry.metadata().unwrap().permissions().mode();
            // The servers publish the public halves of their TLS keys and the version of their tables.
            let public = entry.path().extension().is_some_and(|e| e == "pem")
                || entry.file_name() == "mysql_upgrade_info";
            assert!(public || mode & 0o007 == 0, "{} {mode:o}", entry.path().display());
        }
    }
}

#[tokio::test]
async fn a_server_that_dies_is_reported_with_its_log() {
    let binaries = binaries(FlavorKind::MySql).unwrap();
    let dir = testkit::temp_dir();
    let mut server = mysqld(&binaries, dir.path(), 101);
    let bad = CnfOptions { extra: vec!["no_such_setting = 3".into()], ..options() };
    let error = server.init(&bad, None, LIMIT).await.unwrap_err();
    let text = error.message();
    assert!(text.contains("vt_0000000101/error.log"), "{text}");
    assert!(text.contains("no_such_setting"), "{text}");
    assert_eq!(server.running_pid(), None);

    let error = mysqld(&binaries, dir.path(), 102).start(&[], LIMIT).await.unwrap_err();
    assert!(error.message().contains("run init first"), "{error}");
    let mut server = mysqld(&binaries, dir.path(), 103);
    let error = server.init(&options(), Some(Path::new("/no/such.sql")), LIMIT).await.unwrap_err();
    assert!(error.message().contains("/no/such.sql") && !server.is_initialized(), "{error}");
}

#[tokio::test]
async fn a_mysql_replica_follows() {
    a_replica_follows_by_the_flavour_s_words(FlavorKind::MySql).await;
}

#[tokio::test]
async fn a_mariadb_replica_follows() {
    a_replica_follows_by_the_flavour_s_words(FlavorKind::MariaDb).await;
}

async fn a_replica_follows_by_the_flavour_s_words(kind: FlavorKind) {
    let Some(binaries) = binaries(kind) else { return };
    let dir = testkit::temp_dir();
    let (mut a, mut b) = (mysqld(&binaries, dir.path(), 110), mysqld(&binaries, dir.path(), 111));
    let _stop = (Stop(a.clone()), Stop(b.clone()));
    // The names of the users come from a file of ours this time.
    let sql = dir.path().join("init.sql");
    fs::write(
        &sql,
        format!("# ours\n{};\nCREATE USER extra@localhost;\n", a.flavor().init_sql().join(";\n")),
    )
    .unwrap();
    let (option, other) = (options(), options());
    let (x, y) = tokio::join!(a.init(&option, Some(&sql), LIMIT), b.init(&other, Some(&sql), LIMIT));
    x.unwrap();
    y.unwrap();
    a.connect("extra", "").await.unwrap();
    let flavor = a.flavor().clone();
    let mut source = a.connect("vt_dba", "").await.unwrap();
    let mut replica = b.connect("vt_dba", "").await.unwrap();
    let want = Source {
        host: "127.0.0.1".into(),
        port: a.cnf().mysql_port,
        user: "vt_repl".into(),
        password: String::new(),
        connect_retry: 1,
        heartbeat_interval: 1.0,
        tls: None,
    };
    assert!(query_row(&mut replica, flavor.replica_status_query()).await.unwrap().is_none());
    run(&mut replica, &flavor.set_source(&want)).await.unwrap();
    run(&mut source, &flavor.set_semi_sync(SemiSync { source: true, replica: false })).await.unwrap();
    run(&mut replica, &flavor.set_semi_sync(SemiSync { source: false, replica: true })).await.unwrap();
    run(&mut replica, &flavor.start_replication(Threads::Both)).await.unwrap();
    run(&mut source, &flavor.set_super_read_only(false)).await.unwrap();
    // Semi-sync: this returns only when the replica has it.
    source
        .query_drop(
            "CREATE DATABASE vt_x; CREATE TABLE vt_x.t (a INT PRIMARY KEY); INSERT INTO vt_x.t VALUES (1)",
        )
        .await
        .unwrap();
    let row = query_row(&mut source, flavor.primary_position_query()).await.unwrap().unwrap();
    let position = flavor.parse_primary_position(&row).unwrap().position;
    let wait = flavor.wait_for_position(&position, LIMIT);
    let row = query_row(&mut replica, &wait).await.unwrap().unwrap();
    assert!(flavor.parse_wait(&row).unwrap());
    let status = query_row(&mut replica, flavor.replica_status_query()).await.unwrap().unwrap();
    let status = flavor.parse_replica_status(&status).unwrap();
    assert_eq!(
        (status.io_state, status.sql_state, status.source_port),
        (3, 3, i32::from(a.cnf().mysql_port))
    );
    assert_eq!(status.position, position);
    let rows = query_rows(&mut source, flavor.semi_sync_query()).await.unwrap();
    let semi_sync = flavor.parse_semi_sync(&rows);
    assert!(
        semi_sync.source_enabled && semi_sync.source_active && semi_sync.clients == 1,
        "{semi_sync:?} {rows:?}"
    );
    // Longer than anybody waits.
    assert!(semi_sync.timeout_ms >= 1_000_000_000_000_000_000, "{}", semi_sync.timeout_ms);
    assert_eq!(semi_sync.wait_for_replica_count, 1);
    run(&mut replica, &flavor.forget_source()).await.unwrap();
    assert!(query_row(&mut replica, flavor.replica_status_query()).await.unwrap().is_none());
    run(&mut source, &flavor.set_semi_sync(SemiSync::default())).await.unwrap();
    drop((source, replica));

    // The pid file names the server for good.
    let pid = a.running_pid().unwrap();
    assert!(process::start_time(pid).is_some());
    a.shutdown(LIMIT).await.unwrap();
    assert!(!process::is_alive(pid));
    b.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_and_never_waited_for_is_started_again() {
    let Some(binaries) = binaries(FlavorKind::MySql) else { return };
    let dir = testkit::temp_dir();
    let mut server = mysqld(&binaries, dir.path(), 100);
    let _stop = Stop(server.clone());
    server.init(&options(), None, LIMIT).await.unwrap();
    server.shutdown(LIMIT).await.unwrap();
    let mut child = server.spawn(&[], None).unwrap();
    server.wait_for_child(&mut child, LIMIT).await.unwrap();
    let pid = server.running_pid().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    // Not waited for: it stays in the table of processes, as a child of a dead init would.
    assert!(process::wait_gone(LIMIT, || process::is_alive(pid)).await);
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    server.start(&[], LIMIT).await.unwrap();
    assert_ne!(server.running_pid(), Some(pid));
    drop(child);
}
