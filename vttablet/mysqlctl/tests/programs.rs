//! The programs `mysqlctl` and `mysqlctld` as scripts call them, on a real mysqld.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use mysql_async::prelude::Queryable;
use mysqlctl::{
    Binaries, CnfOptions, FlavorKind, Mycnf, Mysqld, RemoteMysqld, binaries::SearchPath, process,
};
use testkit::{
    program::{check_faults, check_help, check_version},
    wait_until_async,
};

const LIMIT: Duration = Duration::from_secs(90);

fn mysqlctl(root: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mysqlctl")).args(args).env("VTDATAROOT", root).output().unwrap()
}

fn text(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn mysqld(root: &Path, uid: u32, port: u16) -> Mysqld {
    Mysqld::new(
        Mycnf::new(root, uid, port, None),
        Binaries::find(&SearchPath::from_env(), Some(FlavorKind::MySql)).unwrap(),
    )
    .unwrap()
}

/// Stops the server of a tablet whatever happens to the test.
struct Stop<'a>(&'a Path, u32);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        if let Some(pid) = mysqld(self.0, self.1, 1).running_pid() {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ended_already = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[test]
fn mysqlctl_goes_through_a_tablet_s_life() {
    let dir = testkit::temp_dir();
    let root = dir.path();
    let _stop = Stop(root, 200);
    let port = testkit::free_ports(1).to_string();
    let extra = root.join("extra.cnf");
    fs::write(&extra, "performance_schema = OFF\nmax_connections = 123\n").unwrap();
    // Underscores and dashes are the same, and flags may come before the command.
    let out = Command::new(env!("CARGO_BIN_EXE_mysqlctl"))
        .args(["--tablet_uid", "200", "--mysql-port", &port, "init"])
        .env("VTDATAROOT", root)
        .env("EXTRA_MY_CNF", &extra)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out));
    let cnf = fs::read_to_string(root.join("vt_0000000200/my.cnf")).unwrap();
    assert!(cnf.contains("max_connections = 123") && cnf.contains(&format!("port = {port}")), "{cnf}");
    let server = mysqld(root, 200, 1);
    assert!(server.running_pid().is_some());

    let again = mysqlctl(root, &["--tablet-uid=200", "init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again).contains("already holds data"), "{}", text(&again));
    for command in ["shutdown", "shutdown", "start", "start"] {
        let out = mysqlctl(root, &["--tablet-uid=200", command]);
        assert!(out.status.success(), "{command}: {}", text(&out));
        assert_eq!(server.running_pid().is_some(), command == "start", "{command}");
    }
    let out = mysqlctl(root, &["--tablet-uid=200", "teardown", "--force"]);
    assert!(out.status.success(), "{}", text(&out));
    assert!(!root.join("vt_0000000200").exists());
    assert_eq!(mysqlctl(root, &["--tablet-uid=200", "start"]).status.code(), Some(1));
}

/// What is broken off leaves a directory with something in it, which is no server's data.
#[test]
fn an_initialisation_that_was_killed_begins_anew() {
    let dir = testkit::temp_dir();
    let root = dir.path();
    let _stop = Stop(root, 201);
    let port = format!("--mysql-port={}", testkit::free_ports(1));
    let mut first = Command::new(env!("CARGO_BIN_EXE_mysqlctl"))
        .args(["--tablet-uid=201", &port, "init"])
        .env("VTDATAROOT", root)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let tablet = root.join("vt_0000000201");
    let has_data = || match ["data/ibdata1", "innodb/data/ibdata1"].iter().any(|f| tablet.join(f).exists()) {
        true => Ok(()),
        false => Err("no ibdata1".to_owned()),
    };
    testkit::wait_until("mysqld writes its first files", LIMIT, has_data);
    let second = mysqlctl(root, &["--tablet-uid=201", &port, "init"]);
    assert!(text(&second).contains("is being initialised by another process"), "{}", text(&second));
    // Its mysqld is in a session of its own and goes on.
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(tablet.join("initialising").exists() && !mysqld(root, 201, 1).is_initialized());

    let again = mysqlctl(root, &["--tablet-uid=201", &port, "init"]);
    assert!(again.status.success() && text(&again).contains("broken off"), "{}", text(&again));
    let server = mysqld(root, 201, 1);
    assert!(server.is_initialized() && server.running_pid().is_some());
    let once_more = mysqlctl(root, &["--tablet-uid=201", "init"]);
    assert!(text(&once_more).contains("already holds data"), "{}", text(&once_more));
}

/// Nobody may find a server without its users, running or not.
#[test]
fn a_server_whose_init_sql_fails_is_stopped_and_begun_anew() {
    let dir = testkit::temp_dir();
    let root = dir.path();
    let _stop = Stop(root, 202);
    let port = format!("--mysql-port={}", testkit::free_ports(1));
    let sql = root.join("init.sql");
    fs::write(&sql, "CREATE USER x@localhost; CREATE USER y@localhost IDENTIFIED 'planted';").unwrap();
    let file = format!("--init-db-sql-file={}", sql.display());
    let mysqlctld = Command::new(env!("CARGO_BIN_EXE_mysqlctld"))
        .args(["--tablet-uid=202", &port, &file])
        .env("VTDATAROOT", root)
        .output()
        .unwrap();
    let said = text(&mysqlctld);
    assert_eq!(mysqlctld.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("statement 2 of {}", sql.display())), "{said}");
    assert!(said.contains("the next attempt begins anew") && !said.contains("planted"), "{said}");
    let server = mysqld(root, 202, 1);
    assert!(!process::is_locked(&server.cnf().innodb_data_dir().join("ibdata1")) && !server.is_initialized());

    let start = mysqlctl(root, &["--tablet-uid=202", "start"]);
    assert_eq!(start.status.code(), Some(1));
    assert!(text(&start).contains("run init, which begins anew"), "{}", text(&start));
    assert_eq!(server.running_pid(), None);

    // x would be there already in what was left.
    fs::write(&sql, "CREATE USER x@localhost").unwrap();
    let again = mysqlctl(root, &["--tablet-uid=202", &port, "init", &file]);
    assert!(again.status.success() && text(&again).contains("broken off"), "{}", text(&again));
    assert!(server.is_initialized() && server.running_pid().is_some());
}

#[test]
fn positions_are_compared_and_extended() {
    let root = Path::new("/nowhere");
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let (short, long) = (format!("MySQL56/{uuid}:1-4"), format!("MySQL56/{uuid}:1-5"));
    let ask = |args: [&str; 3]| text(&mysqlctl(root, &[&["position"][..], &args].concat())).trim().to_owned();
    assert_eq!(ask(["equal", &short, &long]), "false");
    assert_eq!(ask(["equal", &short, &short]), "true");
    assert_eq!(ask(["at_least", &long, &short]), "true");
    assert_eq!(ask(["at_least", &short, &long]), "false");
    assert_eq!(ask(["append", &short, &format!("{uuid}:5")]), long);
    assert_eq!(ask(["append", "MariaDB/0-1-5", "0-1-6"]), "MariaDB/0-1-6");
    assert!(ask(["equal", "Oracle/1", &short]).contains("Oracle"));
}

#[test]
fn the_command_lines() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let (mysqlctl, mysqlctld) = (env!("CARGO_BIN_EXE_mysqlctl"), env!("CARGO_BIN_EXE_mysqlctld"));
    check_help(mysqlctl, &data.join("mysqlctl-help.txt"));
    check_help(mysqlctld, &data.join("mysqlctld-help.txt"));
    for program in [mysqlctl, mysqlctld] {
        check_version(program);
        check_faults(program, &["--no-such", "--mysql-port=many"], &["--no-such", "many"]);
    }
    check_faults(
        mysqlctl,
        &["start", "--wait-time=soon", "--tablet-uid=x", "--none"],
        &["soon", "'x'", "--none"],
    );
    check_faults(mysqlctl, &["position", "near", "a", "b"], &["near", "at_least"]);
    // Before it touches a mysqld.
    check_faults(mysqlctld, &["--grpc-port=1", "--wait-time=soon"], &["--grpc-port: mysqlctld", "soon"]);
}

#[tokio::test]
async fn mysqlctld_keeps_a_server_and_starts_it_again_after_a_clone() {
    let dir = testkit::temp_dir();
    let root = dir.path();
    let _stop = (Stop(root, 210), Stop(root, 211));
    let ports = testkit::free_ports(2);
    let socket = root.join("mysqlctl.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mysqlctld"));
    command.args(["--tablet-uid=210", &format!("--mysql-port={ports}"), "--socket-file"]).arg(&socket);
    command.env("VTDATAROOT", root);
    let mut process = testkit::spawn(command, &root.join("mysqlctld.log"));
    let remote = RemoteMysqld::new(&socket).unwrap();
    let pause = async |time| tokio::time::sleep(time).await;
    wait_until_async("mysqlctld to answer", LIMIT, pause, async || {
        if let Some(status) = process.ended() {
            panic!("mysqlctld ended ({status}): {}", process.output());
        }
        remote.version().await.map_err(|e| e.to_string())
    })
    .await;
    let server = mysqld(root, 210, ports);
    let first = server.running_pid().unwrap();

    // Stop and start on request: mysqlctld stays.
    remote.shutdown(LIMIT).await.unwrap();
    assert_eq!(server.running_pid(), None);
    remote.start(Vec::new(), LIMIT).await.unwrap();
    let second = server.running_pid().unwrap();
    assert_ne!(first, second);

    clone_from_a_donor(root, &server, ports + 1).await;
    let third = wait_until_async("the server to be back after its clone", LIMIT, pause, async || {
        match (server.running_pid(), server.connect("vt_dba", "").await) {
            (Some(pid), Ok(mut conn)) if pid != second => {
                let rows: Option<u32> =
                    conn.query_first("SELECT a FROM vt_x.t").await.map_err(|e| e.to_string())?;
                assert_eq!(rows, Some(42));
                Ok(pid)
            }
            (pid, conn) => Err(format!("{pid:?} {:?}", conn.err())),
        }
    })
    .await;
    assert_ne!(second, third);
    assert!(process.ended().is_none(), "{}", process.output());

    // A server that ends by itself takes mysqlctld with it.
    let out = mysqlctl(root, &["--tablet-uid=210", "shutdown"]);
    assert!(out.status.success(), "{}", text(&out));
    wait_until_async("mysqlctld to end", LIMIT, pause, async || {
        process.ended().map(drop).ok_or_else(|| process.output())
    })
    .await;
}

/// In a pod of several containers only the socket of a mysqld is seen, and users get in by passwords alone.
#[tokio::test]
async fn a_server_whose_process_is_not_seen_is_stopped_with_the_password_of_now() {
    let dir = testkit::temp_dir();
    let root = dir.path();
    let _stop = Stop(root, 203);
    let (sql, passwords, socket) = (root.join("init.sql"), root.join("db.json"), root.join("mysqlctl.sock"));
    fs::write(
        &sql,
        "CREATE USER vt_dba@localhost IDENTIFIED BY 'right'; GRANT ALL ON *.* TO vt_dba@localhost; \
         ALTER USER root@localhost ACCOUNT LOCK",
    )
    .unwrap();
    fs::write(&passwords, r#"{"vt_dba": ["wrong"]}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mysqlctld"));
    command.args(["--tablet-uid=203", &format!("--mysql-port={}", testkit::free_ports(1))]);
    command.arg("--init-db-sql-file").arg(&sql).arg("--db-credentials-file").arg(&passwords);
    command.arg("--socket-file").arg(&socket).env("VTDATAROOT", root);
    let mut process = testkit::spawn(command, &root.join("mysqlctld.log"));
    let remote = RemoteMysqld::new(&socket).unwrap();
    let pause = async |time| tokio::time::sleep(time).await;
    wait_until_async("mysqlctld to answer", LIMIT, pause, async || {
        assert!(process.ended().is_none(), "{}", process.output());
        remote.version().await.map_err(|e| e.to_string())
    })
    .await;
    // Whoever wrote the two files hears of it early.
    let said = process.output();
    assert!(said.contains("do not fit") && !said.contains("right") && !said.contains("wrong"), "{said}");

    let server = mysqld(root, 203, 1);
    fs::remove_file(server.cnf().pid_file()).unwrap();
    let refused = remote.shutdown(LIMIT).await.unwrap_err();
    assert!(refused.message().contains("Access denied"), "{refused}");
    fs::write(&passwords, r#"{"vt_dba": ["right", "older"]}"#).unwrap();
    wait_until_async("the new password to be used", LIMIT, pause, async || {
        remote.shutdown(LIMIT).await.map_err(|e| e.to_string())
    })
    .await;
    assert!(!process::is_locked(&server.cnf().innodb_data_dir().join("ibdata1")) && !server.answers().await);

    // mysqlctl has the same flag.
    let file = format!("--db-credentials-file={}", passwords.display());
    assert!(mysqlctl(root, &["--tablet-uid=203", &file, "start"]).status.success());
    fs::remove_file(server.cnf().pid_file()).unwrap();
    let out = mysqlctl(root, &["--tablet-uid=203", &file, "shutdown"]);
    assert!(out.status.success() && !server.answers().await, "{}", text(&out));
    let out = mysqlctl(root, &["--tablet-uid=203", "--db-credentials-file=/no/such", "start"]);
    assert!(text(&out).contains("--db-credentials-file: /no/such"), "{}", text(&out));
}

/// Replaces the data of `server` by that of a new one that holds one row.
async fn clone_from_a_donor(root: &Path, server: &Mysqld, port: u16) {
    let mut donor = mysqld(root, 211, port);
    donor.init(&CnfOptions::default(), None, LIMIT).await.unwrap();
    let mut conn = donor.connect("vt_dba", "").await.unwrap();
    for sql in [
        "SET GLOBAL read_only = 0",
        "CREATE DATABASE vt_x",
        "CREATE TABLE vt_x.t (a INT)",
        "INSERT INTO vt_x.t VALUES (42)",
    ] {
        conn.query_drop(sql).await.unwrap();
    }
    drop(conn);
    let mut conn = server.connect("vt_dba", "").await.unwrap();
    conn.query_drop("SET GLOBAL read_only = 0").await.unwrap();
    conn.query_drop(format!("SET GLOBAL clone_valid_donor_list = '127.0.0.1:{port}'")).await.unwrap();
    let clone = format!("CLONE INSTANCE FROM 'vt_repl'@'127.0.0.1':{port} IDENTIFIED BY ''");
    conn.query_drop(clone).await.unwrap();
    drop(conn);
    donor.shutdown(LIMIT).await.unwrap();
}
