//! A cluster in which everything is encrypted: who is let in, that passwords and certificates change while it runs, and
//! that nothing secret is seen.
//!
//! One cluster, one test, step by step: starting it costs more than the steps.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use authority::{Authority, Request};
use e2e::{Cluster, exec, rows, scenario::step, secrecy::nothing_secret_is_seen, text, try_rows};
use mysql_async::prelude::Queryable;
use mysqlctl::binaries::SearchPath;
use vtlocal::supervise::{http_get, https_get};

const LIMIT: Duration = Duration::from_secs(60);
/// Passwords by user, made to be looked for. None is a part of another text.
const PASSWORDS: [(&str, &str); 4] = [
    ("vt_app", "pw-app-it's-5af31c"),
    ("vt_dba", "pw-dba-71be90"),
    ("vt_allprivs", "pw-allprivs-c04d12"),
    ("vt_repl", "pw-repl-it's-9e77a4"),
];
const USER_PASSWORD: &str = "pw-user-0d6cb3";
const WRONG_PASSWORD: &str = "pw-wrong-ee41f8";

/// The `mysql` client of the system over TCP.
fn mysql(cluster: &Cluster, flags: &[String], sql: &str) -> Output {
    let client = SearchPath::from_env().find(&["mysql", "mariadb"]).expect("a mysql client");
    let port = cluster.plan().ports.vtgate_mysql.to_string();
    Command::new(client)
        .arg("--no-defaults")
        .args(["-h", "127.0.0.1", "-P", &port, "-N", "-e", sql])
        .args(flags)
        .output()
        .unwrap()
}

/// Flags of a client that believes the authority of `dir`. The two families verify by different words.
fn by_tls(dir: &Path, user: &str) -> Vec<String> {
    vec![format!("--ssl-ca={}", dir.join("ca.pem").display()), "--user".into(), user.into()]
}

fn log(cluster: &Cluster, process: &str) -> String {
    fs::read_to_string(cluster.data_dir().join("logs").join(format!("{process}.log"))).unwrap()
}

async fn poll<T>(what: &str, check: impl AsyncFnMut() -> Result<T, String>) -> T {
    testkit::wait_until_async(what, LIMIT, tokio::time::sleep, check).await
}

/// A certificate for everything that is called here.
fn request(name: &str) -> Request {
    Request::new(name, &["127.0.0.1", "localhost"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_encrypted() {
    let files = testkit::temp_dir();
    let credentials = files.path().join("db.json");
    fs::write(&credentials, "{}").unwrap();
    let users = files.path().join("users.json");
    let text = format!(r#"{{"user": [{{"Password": ""}}], "planted": [{{"Password": "{USER_PASSWORD}"}}]}}"#);
    fs::write(&users, text).unwrap();
    let cluster = Cluster::start(&[
        "--tls",
        "--mysql-flavor=mysql",
        "--keyspace=ks=1",
        &format!("--vttablet-arg=--db-credentials-file={}", credentials.display()),
        "--vttablet-arg=--log-level=debug",
        &format!("--vtgate-arg=--mysql-auth-server-static-file={}", users.display()),
        "--vtgate-arg=--log-level=debug",
    ]);
    let tls = cluster.data_dir().join("tls");

    step("clients of MySQL's protocol");
    let mut answers = clients_of_mysql(&cluster, &tls);
    step("clients of vtctld");
    clients_of_vtctld(&cluster, &tls, files.path()).await;
    step("readers of the web pages");
    readers_of_pages(&cluster, &tls).await;
    step("a certificate changes while it runs");
    a_certificate_changes(&cluster, &tls).await;
    step("passwords change while it runs");
    passwords_change(&cluster, &credentials).await;
    step("a planned reparent");
    a_planned_reparent(&cluster).await;
    step("a wrong password for replication");
    answers.extend(a_wrong_password_for_replication(&cluster, &credentials).await);

    step("nothing secret is seen");
    let mut secrets: Vec<String> = PASSWORDS.iter().map(|(_, p)| (*p).to_owned()).collect();
    secrets.extend([USER_PASSWORD.to_owned(), WRONG_PASSWORD.to_owned()]);
    // As a statement quotes them.
    secrets.extend(PASSWORDS.iter().map(|(_, p)| p.replace('\'', "''")));
    secrets.extend(keys(&tls));
    let visible = ["subject CN=intruder", "--db-credentials-file=", "TransactionPoolCapacity"];
    nothing_secret_is_seen(&cluster, &secrets, visible, &answers).await;
    // mysqld's dba has a password that those who stop the cluster do not know; it goes by signals.
}

/// Gives the texts that clients were refused by.
fn clients_of_mysql(cluster: &Cluster, tls: &Path) -> Vec<String> {
    let ok = mysql(cluster, &by_tls(tls, "user"), "select 7");
    assert!(ok.status.success() && text(&ok).contains('7'), "{}", text(&ok));
    let plain = ["--skip-ssl", "--ssl-mode=DISABLED"]
        .map(|flag| mysql(cluster, &[flag.to_owned(), "--user=user".into()], "select 7"));
    // Each family knows one of the flags.
    assert!(plain.iter().all(|out| !out.status.success()));
    assert!(plain.iter().any(|out| text(out).contains("insecure transport")), "{}", text(&plain[0]));
    let login = |password: &str| {
        let mut flags = by_tls(tls, "planted");
        flags.push(format!("--password={password}"));
        mysql(cluster, &flags, "select 7")
    };
    assert!(login(USER_PASSWORD).status.success());
    let wrong = login(WRONG_PASSWORD);
    assert!(text(&wrong).contains("Access denied for user 'planted'"), "{}", text(&wrong));
    vec![text(&wrong)]
}

/// The pages on which people sign in come by TLS alone.
async fn readers_of_pages(cluster: &Cluster, tls: &Path) {
    let vtctld = cluster.plan().vtctld.http();
    let page = https_get(vtctld, "/api/session", &tls.join("ca.pem")).await;
    assert!(page.as_ref().is_some_and(|p| p.contains("\"sign_in\"")), "{page:?}");
    assert_eq!(http_get(vtctld, "/api/session").await, None);
}

async fn clients_of_vtctld(cluster: &Cluster, tls: &Path, dir: &Path) {
    assert!(cluster.vtctl_ok(&["GetTablets"]).contains("ks 0 primary"));
    let flags = |cert: Option<&Path>| {
        let ca = format!("--vtctld-grpc-ca={}", tls.join("ca.pem").display());
        let pair = cert.map(|cert| {
            let key = cert.with_file_name("client-key.pem");
            [format!("--vtctld-grpc-cert={}", cert.display()), format!("--vtctld-grpc-key={}", key.display())]
        });
        std::iter::once(ca).chain(pair.into_iter().flatten()).collect::<Vec<String>>()
    };
    let refused = |flags: &[String]| {
        let out = cluster.vtctl_with(flags, &["GetTablets"]);
        assert!(!out.status.success(), "let in: {}", text(&out));
        text(&out)
    };
    let said = refused(&[]);
    assert!(said.contains("give --vtctld-grpc-ca"), "{said}");
    let said = refused(&flags(None));
    assert!(said.contains("--vtctld-grpc-cert is not given"), "{said}");

    let foreign = Authority::new("Theirs").unwrap();
    let (cert, _) = foreign.issue(&request("intruder")).unwrap().write(dir, "client").unwrap();
    let said = refused(&flags(Some(&cert)));
    for part in ["--vtctld-grpc-cert", "client.pem", "CN=intruder", "CN=Theirs", "not signed by an authority"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let ours = Authority::read(tls, "vtlocal").unwrap().unwrap();
    let (cert, _) = ours.issue(&request("latecomer").expired()).unwrap().write(dir, "client").unwrap();
    let said = refused(&flags(Some(&cert)));
    assert!(said.contains("CN=latecomer") && said.contains("expired"), "{said}");
    // The server tells it after the client has hung up.
    let told = [
        "does not speak TLS",
        "it has no certificate, and --grpc-ca",
        "subject CN=intruder, issuer CN=Theirs",
        "it is not signed by an authority of --grpc-ca",
        "subject CN=latecomer, issuer CN=vtlocal",
        "it has expired",
    ];
    poll("vtctld's log to tell of all of them", async || {
        let log = log(cluster, "vtctld");
        match told.iter().find(|part| !log.contains(**part)) {
            Some(part) => Err(format!("it does not say {part:?}:\n{log}")),
            None => Ok(()),
        }
    })
    .await;
}

/// vtctld gets a certificate that has expired, then a good one again; nobody is restarted.
async fn a_certificate_changes(cluster: &Cluster, tls: &Path) {
    let ours = Authority::read(tls, "vtlocal").unwrap().unwrap();
    ours.issue(&request("vtctld").expired()).unwrap().write(tls, "vtctld").unwrap();
    let said = poll("the expired certificate to be shown", async || {
        let out = cluster.vtctl(&["GetTablets"]);
        if out.status.success() { Err("it is not yet".to_owned()) } else { Ok(text(&out)) }
    })
    .await;
    assert!(said.contains("subject CN=vtctld") && said.contains("it has expired"), "{said}");
    ours.issue(&request("vtctld")).unwrap().write(tls, "vtctld").unwrap();
    poll("the new certificate to be shown", async || {
        let out = cluster.vtctl(&["GetTablets"]);
        if out.status.success() { Ok(()) } else { Err(text(&out)) }
    })
    .await;
    let log = log(cluster, "vtctld");
    assert!(
        log.contains("refuses our certificate --grpc-cert") && log.contains("CertificateExpired"),
        "{log}"
    );
}

/// The users get passwords, and the tablets' file tells them: queries go on, on new connections too.
async fn passwords_change(cluster: &Cluster, credentials: &Path) {
    let mut conn = cluster.connect("ks").await;
    exec(&mut conn, "create table t (id int primary key)").await;
    let primary = cluster.primary("ks", "0").await;
    let mut mysqld = cluster.mysqld(primary).await;
    write_credentials(credentials, PASSWORDS.iter().copied());
    for (user, password) in PASSWORDS {
        let host = if user == "vt_repl" { "%" } else { "localhost" };
        let sql = format!("alter user '{user}'@'{host}' identified by '{}'", password.replace('\'', "''"));
        mysqld.query_drop(sql).await.unwrap();
    }
    let ids: Vec<u64> = mysqld
        .query(
            "select id from information_schema.processlist where user in ('vt_app', 'vt_dba', 'vt_allprivs')",
        )
        .await
        .unwrap();
    let own: u64 = mysqld.query_first("select connection_id()").await.unwrap().unwrap();
    for id in ids.into_iter().filter(|id| *id != own) {
        // Some end by themselves meanwhile.
        let _ = mysqld.query_drop(format!("kill {id}")).await;
    }
    poll("queries to go on with the new passwords", async || {
        match try_rows(&mut conn, "insert into t values (1)").await {
            Ok(_) => Ok(()),
            Err(e) if e.to_string().contains("Duplicate") => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    })
    .await;
    assert_eq!(rows(&mut conn, "select id from t").await, [["1"]]);
}

fn write_credentials<'a>(path: &Path, passwords: impl Iterator<Item = (&'a str, &'a str)>) {
    let users: serde_json::Map<String, serde_json::Value> =
        passwords.map(|(user, password)| (user.to_owned(), serde_json::json!([password]))).collect();
    let fresh = path.with_extension("new");
    fs::write(&fresh, serde_json::Value::from(users).to_string()).unwrap();
    fs::rename(fresh, path).unwrap();
}

/// A connection to a tablet's mysqld as its dba, who has a password by now.
async fn dba(cluster: &Cluster, uid: u32) -> mysql_async::Conn {
    let socket = cluster.data_dir().join(format!("vt_{uid:010}/mysql.sock"));
    let options = mysql_async::OptsBuilder::default()
        .socket(Some(socket.display().to_string()))
        .user(Some("vt_dba"))
        .pass(Some(PASSWORDS[1].1))
        .prefer_socket(false);
    mysql_async::Conn::new(options).await.unwrap()
}

async fn replica_status(cluster: &Cluster, uid: u32, column: &str) -> String {
    let mut conn = dba(cluster, uid).await;
    let row: Option<mysql_async::Row> = conn.query_first("show replica status").await.unwrap();
    row.and_then(|row| row.get::<Option<String>, _>(column).flatten()).unwrap_or_default()
}

/// The former primary follows the new one by TLS, with a password.
async fn a_planned_reparent(cluster: &Cluster) {
    let (old, new) = (cluster.primary("ks", "0").await, cluster.replica("ks", "0").await);
    let candidate = format!("zone1-{new:010}");
    let told = cluster.vtctl_ok(&["PlannedReparentShard", "--dry-run", "--new-primary", &candidate, "ks/0"]);
    assert!(told.contains(&format!("primary zone1-{old:010} -> {candidate}\n")), "{told}");
    assert!(told.lines().count() > 3, "{told}");
    let told = cluster.vtctl_ok(&["EmergencyReparentShard", "--dry-run", "ks/0"]);
    assert!(told.starts_with("Emergency: primary "), "{told}");
    assert_eq!(cluster.primary("ks", "0").await, old);
    cluster.vtctl_ok(&["PlannedReparentShard", "--new-primary", &candidate, "ks/0"]);
    let history = cluster.vtctl_ok(&["GetHistory", "--limit=1", "ks"]);
    assert!(
        history.contains("(certificate), says ") && history.contains("PlannedReparentShard"),
        "{history}"
    );
    let mut conn = cluster.connect("ks").await;
    exec(&mut conn, "insert into t values (2)").await;
    poll("the former primary to replicate", async || {
        let state = replica_status(cluster, old, "Replica_IO_Running").await;
        if state == "Yes" { Ok(()) } else { Err(replica_status(cluster, old, "Last_IO_Error").await) }
    })
    .await;
    assert_eq!(replica_status(cluster, old, "Source_SSL_Allowed").await, "Yes");
    assert_eq!(replica_status(cluster, old, "Source_SSL_Verify_Server_Cert").await, "Yes");
    poll("the row to arrive", async || {
        let found: Vec<u32> = dba(cluster, old).await.query("select id from vt_ks.t").await.unwrap();
        if found == [1, 2] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// The replica is pointed at its source with a password that is wrong, then with the right one. Gives what was answered.
async fn a_wrong_password_for_replication(cluster: &Cluster, credentials: &Path) -> Vec<String> {
    let wrong = |(user, right): (&'static str, &'static str)| {
        (user, if user == "vt_repl" { WRONG_PASSWORD } else { right })
    };
    let replica = cluster.replica("ks", "0").await;
    let alias = format!("zone1-{replica:010}");
    let repoint = || {
        cluster.vtctl(&["StopReplication", &alias]);
        text(&cluster.vtctl(&["ReparentTablet", &alias]))
    };
    let mut answers = Vec::new();
    write_credentials(credentials, PASSWORDS.into_iter().map(wrong));
    let error = poll("the wrong password to be refused", async || {
        answers.push(repoint());
        let error = replica_status(cluster, replica, "Last_IO_Error").await;
        if error.contains("vt_repl") { Ok(error) } else { Err(format!("{error:?}, {:?}", answers.last())) }
    })
    .await;
    answers.push(error);
    let status = cluster.vtctl(&["GetFullStatus", &alias]);
    answers.push(text(&status));
    write_credentials(credentials, PASSWORDS.into_iter());
    poll("the right password to be taken", async || {
        answers.push(repoint());
        let state = replica_status(cluster, replica, "Replica_IO_Running").await;
        if state == "Yes" { Ok(()) } else { Err(state) }
    })
    .await;
    answers
}

/// A line from the middle of each private key.
fn keys(tls: &Path) -> Vec<String> {
    let files = fs::read_dir(tls).unwrap().flatten().map(|e| e.path());
    let keys: Vec<PathBuf> = files.filter(|p| p.to_string_lossy().ends_with("-key.pem")).collect();
    assert!(keys.len() > 6, "{keys:?}");
    keys.iter().map(|p| fs::read_to_string(p).unwrap().lines().nth(1).unwrap().to_owned()).collect()
}
