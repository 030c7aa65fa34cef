//! The audit log's lines of logins: of clients that are let in, of those that are turned away, and nobody let in
//! without one. No tablet is there: nothing is asked of one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mysql_async::{ChangeUserOpts, Error as ClientError};
use querylog::{AuditOptions, OnFailure, QueryLogOptions};
use secrets::{
    Named,
    tls::{ServerFiles, ServerTls},
};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracer::TracerOptions;

use super::*;
use crate::observe::{Newcomer, Observer, Refusal};

const SECRET: &str = "planted-4711";

struct Port {
    number: u16,
    context: Context,
    executor: Arc<Executor>,
    log: PathBuf,
    _dir: tempfile::TempDir,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.context.stop.cancel();
    }
}

impl Port {
    /// The log is a link to `file`, where one is given. `change` is done to the server before it serves.
    async fn start(
        on_failure: OnFailure,
        file: Option<&str>,
        change: impl FnOnce(&Path, MysqlServer) -> MysqlServer,
    ) -> Self {
        let dir = testkit::temp_dir();
        let log = dir.path().join("audit");
        if let Some(file) = file {
            std::os::unix::fs::symlink(file, &log).unwrap();
        }
        let context = Context::new("vtgate");
        let metrics = GateMetrics::new(&context.metrics);
        let buffer = BufferConfig {
            window: Duration::from_secs(1),
            size: 10,
            bytes: 1 << 20,
            max_failover_duration: Duration::from_secs(20),
            min_time_between_failovers: Duration::from_secs(60),
            drain_concurrency: 1,
        };
        let gateway_config = GatewayConfig { retry_count: 0, buffer, max_calls_per_tablet: 100 };
        let gateway = Gateway::new(Discovery::fixed(Snapshot::of([])), gateway_config, metrics.clone());
        let audit = AuditOptions { audit_log_file: Some(log.clone()), audit_log_on_failure: on_failure };
        let (queries, traces) = (QueryLogOptions::default(), TracerOptions::default());
        let observer = Observer::start(&queries, &audit, &traces, &context).unwrap();
        let schema = schema(&context).await;
        let executor = Executor::new(schema, Arc::new(gateway), executor_config(), metrics.clone(), 1 << 20);
        let executor = Arc::new(executor.with_observer(observer));
        let users = format!(
            r#"{{"u": {{"Password": "{SECRET}", "UserData": "reporting"}}, "other": {{"Password": ""}}}}"#
        );
        let users = Users::from_json(&users).unwrap();
        let target = TargetString::parse("ks").unwrap();
        let server = MysqlServer::new(executor.clone(), users, "8.4.6-Vitess".into(), target, 100, metrics);
        let server = change(dir.path(), server);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let number = listener.local_addr().unwrap().port();
        context.spawn("mysql", serve_tcp(Arc::new(server), listener));
        Self { number, context, executor, log, _dir: dir }
    }

    async fn client(&self, user: &str, password: &str, database: &str) -> Result<Conn, ClientError> {
        let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(self.number);
        let options = options.user(Some(user)).pass(Some(password)).db_name(Some(database));
        // Else the client asks for these when it is let in.
        let options = options.max_allowed_packet(Some(1 << 20)).wait_timeout(Some(60)).prefer_socket(false);
        Conn::new(options).await
    }

    /// The error of a client that is not let in.
    async fn refused(&self, user: &str, password: &str, database: &str) -> (u16, String) {
        match self.client(user, password, database).await.map(drop).unwrap_err() {
            ClientError::Server(e) => (e.code, e.message),
            other => panic!("{other}"),
        }
    }

    async fn raw(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.number)).await.unwrap()
    }

    fn lines(&self) -> Vec<Json> {
        let text = fs::read_to_string(&self.log).unwrap();
        assert!(!text.contains(SECRET), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The line of that number, from 1 on.
    async fn line(&self, number: usize) -> Json {
        testkit::wait_until_async("the line", LIMIT, tokio::time::sleep, async || {
            let lines = self.lines();
            lines.get(number - 1).cloned().ok_or_else(|| format!("{lines:#?}"))
        })
        .await
    }

    fn counter(&self, name: &str) -> u64 {
        self.context.metrics.to_json()[name].as_u64().unwrap()
    }
}

fn of(line: &Json) -> [&str; 5] {
    ["StmtType", "User", "Outcome", "Reason", "Plugin"].map(|name| line[name].as_str().unwrap_or("-"))
}

const SHA2: &str = "caching_sha2_password";

#[tokio::test]
async fn each_login_has_its_line() {
    let port = Port::start(OnFailure::Refuse, None, |_, server| server).await;
    let conn = port.client("u", SECRET, "ks@replica").await.unwrap();
    // A client that is let in finds its line in the file.
    let line = port.lines().pop().unwrap();
    assert_eq!(of(&line), ["LOGIN", "u", "ok", "", SHA2]);
    assert_eq!((&line["ImmediateCaller"], &line["Keyspace"]), (&"reporting".into(), &"ks@replica".into()));
    assert_eq!((&line["Tls"], &line["Errno"]), (&false.into(), &0.into()));
    let address = line["RemoteAddr"].as_str().unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    conn.disconnect().await.unwrap();
    let end = port.line(2).await;
    assert_eq!((of(&end)[0], of(&end)[1]), ("LOGOUT", "u"));
    assert_eq!((&end["ConnectionId"], &end["RemoteAddr"]), (&line["ConnectionId"], &line["RemoteAddr"]));
    assert!(end["TotalTime"].as_f64().unwrap() > 0.0, "{end}");

    assert_eq!(port.refused("u", "wrong-4711", "ks").await.0, 1045);
    let line = port.line(3).await;
    assert_eq!(of(&line), ["LOGIN", "u", "error", "credentials", SHA2]);
    assert_eq!((&line["Errno"], &line["Keyspace"]), (&1045.into(), &"".into()));
    assert!(!line.to_string().contains("4711"), "{line}");
    assert_eq!(port.refused(&"nobody".repeat(100), "", "ks").await.0, 1045);
    let line = port.line(4).await;
    assert_eq!(line["User"].as_str().unwrap().len(), 128, "{line}");
    assert_eq!(port.refused("u", SECRET, "nowhere").await.0, 1049);
    assert_eq!(of(&port.line(5).await), ["LOGIN", "u", "error", "session", SHA2]);

    // Another user on the same connection, and then one who is not let in.
    let mut conn = port.client("other", "", "ks").await.unwrap();
    let id = port.line(6).await["ConnectionId"].clone();
    let user = |user: &str, password: &str| {
        let options = ChangeUserOpts::default().with_user(Some(user.to_owned()));
        options.with_pass(Some(password.to_owned()))
    };
    conn.change_user(user("u", SECRET)).await.unwrap();
    assert_eq!(port.lines().len(), 8);
    let (end, line) = (port.lines()[6].clone(), port.lines()[7].clone());
    assert_eq!((of(&end)[0], of(&end)[1]), ("LOGOUT", "other"));
    assert_eq!((of(&line)[0], of(&line)[1], of(&line)[2]), ("LOGIN", "u", "ok"));
    assert_eq!((&end["ConnectionId"], &line["ConnectionId"]), (&id, &id));
    conn.change_user(user("u", "wrong-4711")).await.unwrap_err();
    assert_eq!((of(&port.line(9).await)[0], of(&port.line(9).await)[1]), ("LOGOUT", "u"));
    assert_eq!(of(&port.line(10).await)[2..4], ["error", "credentials"]);
    assert_eq!(port.lines().len(), 10);
}

/// Clients that never say who they are.
#[tokio::test]
async fn handshakes_that_fail_have_a_reason() {
    let port = Port::start(OnFailure::Refuse, None, |_, server| server).await;
    // Two that say nothing at all, of which one does not even read: their lines would be the first.
    let mut silent = port.raw().await;
    silent.read_exact(&mut [0; 70]).await.unwrap();
    drop(silent);
    drop(port.raw().await);
    let mut wrong = port.raw().await;
    wrong.read_u8().await.unwrap();
    wrong.write_all(b"\x04\0\0\x01\0\0\0\0").await.unwrap();
    let line = port.line(1).await;
    assert_eq!(of(&line), ["LOGIN", "", "error", "protocol", ""]);
    assert_eq!(line["RemoteAddr"], wrong.local_addr().unwrap().to_string());
    assert_eq!(port.lines().len(), 1);

    let port = Port::start(OnFailure::Refuse, None, |_, mut server| {
        server.handshake_limit = Duration::from_millis(50);
        server
    })
    .await;
    let _slow = port.raw().await;
    assert_eq!(of(&port.line(1).await), ["LOGIN", "", "error", "timeout", ""]);
}

#[tokio::test]
async fn clients_without_good_tls_have_a_reason() {
    let with_tls = |dir: &Path, server: MysqlServer| {
        let authority = authority::Authority::new("Ours").unwrap();
        let request = authority::Request::new("vtgate", &["localhost"]);
        let (cert, key) = authority.issue(&request).unwrap().write(dir, "vtgate").unwrap();
        let files = ServerFiles {
            cert: Named::new("--mysql-server-ssl-cert", cert),
            key: Named::new("--mysql-server-ssl-key", key),
            chain: None,
            client_ca: None,
            crl: None,
            allowed_subjects: Vec::new(),
        };
        server.with_tls(Some(Arc::new(ServerTls::open(files, &[]).unwrap())), true)
    };
    let port = Port::start(OnFailure::Refuse, None, with_tls).await;
    assert_eq!(port.refused("u", SECRET, "ks").await.0, 3159);
    let line = port.line(1).await;
    assert_eq!((&line["Reason"], &line["Errno"]), (&"insecure transport".into(), &3159.into()));
    // It asks for TLS, and speaks something else.
    let mut wrong = port.raw().await;
    wrong.read_u8().await.unwrap();
    let mut asks = vec![32, 0, 0, 1, 0, 0x0a, 0, 0];
    asks.extend([0; 28]);
    asks.extend(b"GET / HTTP/1.1\r\n\r\n");
    wrong.write_all(&asks).await.unwrap();
    assert_eq!(port.line(2).await["Reason"], "tls");
}

/// A login whose line cannot be written is refused as a statement is, or not, as the flag says.
#[tokio::test]
async fn nobody_is_let_in_without_a_line() {
    for on_failure in [OnFailure::Refuse, OnFailure::Continue] {
        // Every write is ENOSPC.
        let port = Port::start(on_failure, Some("/dev/full"), |_, server| server).await;
        let observer = port.executor.clone();
        let first = tokio::spawn(async move {
            let new = Newcomer { user: "first".into(), ..Newcomer::default() };
            observer.observer.turned_away(&new, Refusal::Credentials, 1045).await;
        });
        testkit::wait_until_async("a fault", LIMIT, tokio::time::sleep, async || {
            if port.counter("AuditLogFailing") == 1 { Ok(()) } else { Err("none".to_owned()) }
        })
        .await;
        if on_failure == OnFailure::Continue {
            port.client("u", SECRET, "ks").await.unwrap();
            first.abort();
            continue;
        }
        // With a right password and with a wrong one alike.
        for password in [SECRET, "wrong"] {
            let (errno, message) = port.refused("u", password, "ks").await;
            assert_eq!(errno, 1105);
            assert!(
                message.contains("the audit log cannot be written") && message.contains("No space"),
                "{message}"
            );
        }
        assert!(port.counter("AuditLogRefused") >= 2);
        // There is room again: the line that waited is there, and clients are let in.
        fs::remove_file(&port.log).unwrap();
        first.await.unwrap();
        testkit::wait_until_async("a login", LIMIT, tokio::time::sleep, async || {
            port.client("u", SECRET, "ks").await.map(drop).map_err(|e| e.to_string())
        })
        .await;
        assert_eq!(of(&port.lines()[0])[1], "first");
        assert_eq!(of(&port.lines()[1])[..3], ["LOGIN", "u", "ok"]);
        assert_eq!(port.counter("AuditLogLost"), 0);
    }
}
