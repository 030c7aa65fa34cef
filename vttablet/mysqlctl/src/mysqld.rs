//! One mysqld, acted on: the only place here that touches its files and its process.
//!
//! A server is found by its pid file, and believed to be ours only when its command line names our my.cnf.
//! Every wait has a limit, and an error says which step it was, the path of the error log and its last lines.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use secrets::Password;
use tokio::process::Child;
use vterrors::{Condition, Error, Result};

use crate::{
    binaries::Binaries,
    flavor::{Flavor, NamedRow, detect},
    mycnf::{CnfOptions, Mycnf, io_error},
    process::{self, Deadline},
};

mod init;

/// Lines of the error log that an error quotes.
const QUOTED_LINES: usize = 12;
/// How long one attempt to connect over the socket may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A clone ends with this code and asks whoever started the server to start it again.
pub const RESTART_EXIT_CODE: i32 = 16;

/// A mysqld by its files and its program. Cheap to clone; holds no process.
#[derive(Debug, Clone)]
pub struct Mysqld {
    cnf: Mycnf,
    binaries: Binaries,
    flavor: Arc<dyn Flavor>,
    /// See [`process::detached_by`].
    launcher: Vec<String>,
    /// User and password for administration, where signals do not reach the server.
    dba: (String, Password),
}

impl Mysqld {
    /// Takes server id, port and socket from an existing my.cnf.
    pub fn new(mut cnf: Mycnf, binaries: Binaries) -> Result<Self> {
        cnf.check()?;
        if cnf.path().exists() {
            cnf.read_back()?;
        }
        let flavor = detect(&binaries.version.text)?;
        let dba = ("vt_dba".to_owned(), Password::default());
        Ok(Self { cnf, binaries, flavor, launcher: Vec::new(), dba })
    }

    /// Starts its programs by way of another, as [`process::detached_by`] does.
    pub fn with_launcher(mut self, launcher: &[String]) -> Self {
        self.launcher = launcher.to_vec();
        self
    }

    /// Administers as this user, and not as `vt_dba` without a password.
    pub fn with_dba(mut self, user: &str, password: impl Into<Password>) -> Self {
        self.dba = (user.to_owned(), password.into());
        self
    }

    pub fn cnf(&self) -> &Mycnf {
        &self.cnf
    }

    pub fn flavor(&self) -> &Arc<dyn Flavor> {
        &self.flavor
    }

    pub fn version(&self) -> &str {
        &self.binaries.version.text
    }

    fn make_directories(&self) -> Result<()> {
        self.cnf.directories().iter().try_for_each(|dir| {
            let made = fs::DirBuilder::new().recursive(true).mode(0o750).create(dir);
            made.map_err(|e| io_error("make the directory", dir, &e))
        })
    }

    /// Makes the directories and my.cnf; an existing my.cnf keeps its server id.
    pub fn init_config(&mut self, options: &CnfOptions) -> Result<()> {
        self.make_directories()?;
        if self.cnf.server_id == 0 {
            // Zero switches replication off and is not a server id.
            self.cnf.server_id = rand::random_range(1..=u32::MAX);
        }
        write_private(&self.cnf.path(), &self.cnf.generate(self.flavor.as_ref(), options))
    }

    /// Starts the server in a session of its own and returns when it answers on its socket. A server that
    /// is running already is left alone.
    ///
    /// Errors: it was not initialised to the end; it ends, or does not answer in time.
    pub async fn start(&self, extra_args: &[String], limit: Duration) -> Result<()> {
        self.check_finished()?;
        if self.running_pid().is_some() {
            return self.wait(limit).await;
        }
        let mut child = self.spawn(extra_args, None)?;
        self.wait_for_child(&mut child, limit).await
    }

    /// Starts the server as a child of this process. With `parent_pid` the server asks, by ending with
    /// [`RESTART_EXIT_CODE`], to be started again after a clone.
    pub fn spawn(&self, extra_args: &[String], parent_pid: Option<u32>) -> Result<Child> {
        if !self.cnf.path().is_file() {
            return Err(Error::new(
                Condition::NotFound,
                format!("{} does not exist: run init first", self.cnf.path().display()),
            ));
        }
        self.check_finished()?;
        self.launch(extra_args, parent_pid)
    }

    fn launch(&self, extra_args: &[String], parent_pid: Option<u32>) -> Result<Child> {
        self.remove_stale_socket_lock()?;
        let mut command = process::detached_by(&self.launcher, &self.binaries.mysqld);
        command.arg(self.defaults_file()).args(as_root()).args(extra_args);
        command.stdin(Stdio::null()).stdout(self.log_file()?).stderr(self.log_file()?);
        if let Some(pid) = parent_pid {
            command.env("MYSQLD_PARENT_PID", pid.to_string());
        }
        command.spawn().map_err(|e| io_error("run", &self.binaries.mysqld, &e))
    }

    /// mysqld refuses its socket while the process exists that the lock beside it names. One that was killed and that
    /// nobody waited for, as in a container without an init, exists for good; to us it has ended.
    fn remove_stale_socket_lock(&self) -> Result<()> {
        let mut lock = self.cnf.socket.clone().into_os_string();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        match process::read_pid(&lock) {
            Some(pid) if !process::is_alive(pid) => {
                fs::remove_file(&lock).map_err(|e| io_error("remove", &lock, &e))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the child answers; says so at once when it ends instead.
    pub async fn wait_for_child(&self, child: &mut Child, limit: Duration) -> Result<()> {
        let deadline = Deadline::after(limit);
        while !self.answers().await {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(self.failed(format!("mysqld ended while starting ({status})")));
            }
            if !deadline.pause().await {
                return Err(self.failed(format!("mysqld did not answer on its socket within {limit:?}")));
            }
        }
        Ok(())
    }

    /// Waits until a running server answers on its socket.
    pub async fn wait(&self, limit: Duration) -> Result<()> {
        let deadline = Deadline::after(limit);
        while !self.answers().await {
            if !deadline.pause().await {
                return Err(self.failed(format!("mysqld did not answer on its socket within {limit:?}")));
            }
        }
        Ok(())
    }

    /// Whether a server greets on the socket. No login: its users may not exist yet.
    pub async fn answers(&self) -> bool {
        let greeting = async {
            let mut stream = tokio::net::UnixStream::connect(&self.cnf.socket).await.ok()?;
            // Three bytes of length, one of sequence, then the protocol's version, or 0xff for an error.
            let mut head = [0u8; 5];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head).await.ok()?;
            Some(head[4])
        };
        matches!(tokio::time::timeout(CONNECT_LIMIT, greeting).await, Ok(Some(10)))
    }

    /// Asks the server to end and waits for it. Nothing to do when it is not running.
    ///
    /// Errors: it is still there after `limit`.
    pub async fn shutdown(&self, limit: Duration) -> Result<()> {
        let Some(pid) = self.running_pid() else {
            return match self.answers().await {
                true => self.shutdown_by_sql(limit).await,
                false => Ok(()),
            };
        };
        // SIGTERM and the statement SHUTDOWN are the same to mysqld; the signal needs no user.
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)
            .map_err(|e| Error::internal(format!("cannot signal mysqld {pid}: {e}")))?;
        match process::wait_gone(limit, || process::is_alive(pid)).await {
            true => Ok(()),
            false => Err(self.failed(format!("mysqld {pid} did not end within {limit:?}"))),
        }
    }

    /// For a server in another process namespace, of which only the socket is seen.
    async fn shutdown_by_sql(&self, limit: Duration) -> Result<()> {
        let mut conn = self.connect_as_dba().await?;
        run(&mut conn, &["SHUTDOWN".to_owned()]).await?;
        let deadline = Deadline::after(limit);
        // It answers nobody any more long before it has written everything.
        while self.answers().await || process::is_locked(&self.cnf.innodb_data_dir().join("ibdata1")) {
            if !deadline.pause().await {
                return Err(self.failed(format!("mysqld did not end within {limit:?}")));
            }
        }
        Ok(())
    }

    /// Stops the server and removes everything of this tablet. `force` removes even what will not stop.
    pub async fn teardown(&self, force: bool, limit: Duration) -> Result<()> {
        if let Err(e) = self.shutdown(limit).await {
            let Some(pid) = self.running_pid().filter(|_| force) else { return Err(e) };
            tracing::warn!(pid, error = %e, "killing mysqld");
            let _gone_already =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
        match fs::remove_dir_all(&self.cnf.tablet_dir) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(io_error("remove", &self.cnf.tablet_dir, &e)),
        }
    }

    /// See [`Mycnf::running_pid`].
    pub fn running_pid(&self) -> Option<i32> {
        self.cnf.running_pid()
    }

    /// A connection as the user for administration, by the password of now.
    async fn connect_as_dba(&self) -> Result<Conn> {
        let (user, password) = &self.dba;
        self.connect(user, &password.current()).await
    }

    /// A connection over the socket, for administration.
    pub async fn connect(&self, user: &str, password: &str) -> Result<Conn> {
        let socket = self.cnf.socket.display();
        match tokio::time::timeout(CONNECT_LIMIT, Conn::new(self.connect_options(user, password))).await {
            Ok(conn) => conn.map_err(|e| mysql_error(e).context(format!("connecting to {socket} as {user}"))),
            Err(_) => Err(Error::new(
                Condition::Timeout,
                format!("connecting to {socket} as {user} took longer than {CONNECT_LIMIT:?}"),
            )),
        }
    }

    fn connect_options(&self, user: &str, password: &str) -> Opts {
        OptsBuilder::default()
            .socket(Some(self.cnf.socket.to_string_lossy()))
            .user(Some(user))
            .pass(Some(password).filter(|p| !p.is_empty()))
            .prefer_socket(false)
            .into()
    }

    fn defaults_file(&self) -> String {
        format!("--defaults-file={}", self.cnf.path().display())
    }

    /// What the server prints before its own log is open goes to the same file.
    fn log_file(&self) -> Result<Stdio> {
        let path = self.cnf.error_log();
        let file = fs::OpenOptions::new().create(true).append(true).mode(0o640).open(&path);
        file.map(Stdio::from).map_err(|e| io_error("open", &path, &e))
    }

    /// An error that names the error log and quotes its end.
    fn failed(&self, what: String) -> Error {
        let log = self.cnf.error_log();
        let lines = process::tail(&log, QUOTED_LINES);
        let quoted =
            if lines.is_empty() { "it is empty".to_owned() } else { format!("it ends with:\n{lines}") };
        Error::new(Condition::FailedPrecondition, format!("{what}; see {}: {quoted}", log.display()))
    }
}

/// mysqld refuses to run as root unless it is told to.
fn as_root() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some("--user=root")
}

/// Readable for owner and group, never for the world.
fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o640)
        .open(path)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|e| io_error("write", path, &e))
}

/// Runs statements in order; the first error ends the list.
pub async fn run(conn: &mut Conn, statements: &[String]) -> Result<()> {
    for statement in statements {
        conn.query_drop(statement.as_str()).await.map_err(mysql_error)?;
    }
    Ok(())
}

/// The first row of a query by its column names.
pub async fn query_row(conn: &mut Conn, query: &str) -> Result<Option<NamedRow>> {
    let row: Option<mysql_async::Row> = conn.query_first(query).await.map_err(mysql_error)?;
    Ok(row.as_ref().map(NamedRow::from))
}

/// All rows of a query by their column names; for short answers.
pub async fn query_rows(conn: &mut Conn, query: &str) -> Result<Vec<NamedRow>> {
    let rows: Vec<mysql_async::Row> = conn.query(query).await.map_err(mysql_error)?;
    Ok(rows.iter().map(NamedRow::from).collect())
}

/// A mysqld's own error keeps errno, sqlstate and text; anything else is a lost connection.
pub fn mysql_error(e: mysql_async::Error) -> Error {
    match e {
        mysql_async::Error::Server(e) => {
            let mut sqlstate = *b"HY000";
            if let Ok(state) = <[u8; 5]>::try_from(e.state.as_bytes()) {
                sqlstate = state;
            }
            Error::mysql(e.code, sqlstate, e.message)
        }
        mysql_async::Error::Io(e) => {
            Error::new(Condition::ConnectionLost, format!("connection to mysqld: {e}"))
        }
        other => Error::internal(format!("talking to mysqld: {other}")),
    }
}
