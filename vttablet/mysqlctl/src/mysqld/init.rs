//! From nothing to a server with its users.
//!
//! A server that cannot be finished does not run on: it is stopped, and the file that says so ([`Unfinished`]) stays. No
//! start takes what is left for a server; the next initialisation takes it away and begins anew.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use mysql_async::prelude::Queryable;
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::process::Child;
use vterrors::{Condition, Error, Result};

use super::{Mysqld, as_root, mysql_error, run};
use crate::{
    flavor::FlavorKind,
    initsql,
    mycnf::{CnfOptions, io_error},
    process,
    unfinished::{self, Beginning, Unfinished},
};

/// How long a server that could not be finished may take to end before it is killed: it has nothing to write.
const STOP_LIMIT: Duration = Duration::from_secs(20);

impl Mysqld {
    /// From nothing to a running, read-only server with its users. `init_sql` replaces the built-in users. Each of its
    /// steps (making the data, starting, making the users) may take `limit`.
    ///
    /// Errors: the tablet has data already (named); any step that fails, with the error log or the number of the
    /// statement. Then the server was stopped, and may be initialised again.
    pub async fn init(
        &mut self,
        options: &CnfOptions,
        init_sql: Option<&Path>,
        limit: Duration,
    ) -> Result<()> {
        if self.is_initialized() {
            return Err(self.holds_data());
        }
        // Read first: a file that is not there must not leave half a server behind.
        let sql = match init_sql {
            Some(path) => Some(fs::read_to_string(path).map_err(|e| io_error("read", path, &e))?),
            None => None,
        };
        self.make_directories()?;
        let mut beginning = Unfinished::of(&self.cnf).begin()?;
        if beginning.is_left {
            let dir = self.cnf.tablet_dir.display();
            tracing::warn!("initialising {dir} was broken off: what is left of it is removed");
            beginning.kill_former(&self.cnf, limit).await?;
            self.shutdown(limit).await?;
            unfinished::remove_data(&self.cnf)?;
        } else if self.has_data() {
            // Another process was faster. The file must not stay beside its data.
            beginning.end()?;
            return Err(self.holds_data());
        }
        let statements = match &sql {
            Some(text) => initsql::statements(text),
            None => self.flavor.init_sql(),
        };
        let origin = init_sql.map_or_else(|| "the built-in init SQL".to_owned(), |p| p.display().to_string());
        let made = self.make(&mut beginning, options, &statements, &origin, limit).await;
        if let Err(e) = made {
            let dir = self.cnf.tablet_dir.display();
            return Err(e.context(format!("{dir} is not initialised (the next attempt begins anew)")));
        }
        let login = match self.connect_as_dba().await {
            Ok(conn) => conn.disconnect().await.map_err(mysql_error),
            Err(e) => Err(e),
        };
        if let Err(e) = login {
            tracing::warn!("{origin} and the user for administration do not fit: {e}");
        }
        beginning.end()
    }

    /// Whether there is a data directory with something in it, and not only what a broken off initialisation left.
    pub fn is_initialized(&self) -> bool {
        self.has_data() && !Unfinished::of(&self.cnf).is_there()
    }

    /// Fails for a server whose initialisation is under way or was broken off.
    pub(super) fn check_finished(&self) -> Result<()> {
        if !Unfinished::of(&self.cnf).is_there() {
            return Ok(());
        }
        let dir = self.cnf.tablet_dir.display();
        let text =
            format!("{dir} is not initialised to the end and holds no data yet: run init, which begins anew");
        Err(Error::new(Condition::FailedPrecondition, text))
    }

    fn has_data(&self) -> bool {
        fs::read_dir(self.cnf.data_dir()).is_ok_and(|mut entries| entries.next().is_some())
    }

    fn holds_data(&self) -> Error {
        let text = format!("{} already holds data: nothing was done", self.cnf.data_dir().display());
        Error::new(Condition::AlreadyExists, text)
    }

    async fn make(
        &mut self,
        beginning: &mut Beginning,
        options: &CnfOptions,
        statements: &[String],
        origin: &str,
        limit: Duration,
    ) -> Result<()> {
        self.init_config(options)?;
        self.initialize_data(beginning, limit).await?;
        let mut child = self.launch(&[], None)?;
        let done = async {
            self.wait_for_child(&mut child, limit).await?;
            match tokio::time::timeout(limit, self.run_init_sql(statements, origin)).await {
                Ok(done) => done,
                Err(_) => Err(self.failed(format!("{origin} took longer than {limit:?}"))),
            }
        };
        let done = done.await;
        if done.is_err() {
            self.end_unfinished(child).await;
        }
        done
    }

    /// Ends a server that nobody was ever told of.
    async fn end_unfinished(&self, mut child: Child) {
        // None when it has ended and was waited for.
        let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw) else { return };
        let _ended_already = kill(pid, Signal::SIGTERM);
        if tokio::time::timeout(STOP_LIMIT, child.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(%pid, "mysqld did not end within {STOP_LIMIT:?} and is killed");
        // It leads its own group, in which its helpers are.
        let _ended_already = killpg(pid, Signal::SIGKILL);
        if tokio::time::timeout(STOP_LIMIT, child.wait()).await.is_err() {
            tracing::error!(%pid, "mysqld was killed and stays");
        }
    }

    async fn initialize_data(&self, beginning: &mut Beginning, limit: Duration) -> Result<()> {
        let mut command = match self.flavor.kind() {
            FlavorKind::MySql => {
                let mut c = process::detached_by(&self.launcher, &self.binaries.mysqld);
                c.arg(self.defaults_file()).arg("--initialize-insecure");
                c
            }
            FlavorKind::MariaDb => {
                let mut c = process::detached_by(&self.launcher, self.mariadb_installer()?);
                // Whether names resolve (the machine's own, localhost) does not matter here.
                c.arg(self.defaults_file()).args([
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--force",
                ]);
                c
            }
        };
        command.args(as_root()).stdin(Stdio::null()).stdout(self.log_file()?).stderr(self.log_file()?);
        command.kill_on_drop(true);
        beginning.by(None)?;
        let mut child = command.spawn().map_err(|e| io_error("run", &self.binaries.mysqld, &e))?;
        beginning.by(child.id())?;
        let ended = tokio::time::timeout(limit, child.wait()).await;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.failed(format!("initialising mysqld failed ({status})"))),
            Ok(Err(e)) => Err(Error::internal(format!("waiting for mysqld --initialize-insecure: {e}"))),
            Err(_) => Err(self.failed(format!("initialising mysqld took longer than {limit:?}"))),
        }
    }

    fn mariadb_installer(&self) -> Result<PathBuf> {
        let near = self.binaries.mysqld.parent().map(Path::to_path_buf).unwrap_or_default();
        ["/usr/bin".into(), near.clone(), near.join("../bin"), near.join("../scripts")]
            .iter()
            .flat_map(|dir| ["mariadb-install-db", "mysql_install_db"].map(|n| dir.join(n)))
            .find(|p| p.is_file())
            .ok_or_else(|| {
                Error::new(
                    Condition::NotFound,
                    format!("no mariadb-install-db beside {}", self.binaries.mysqld.display()),
                )
            })
    }

    /// Runs the init file's statements as root, outside of the binary log, then starts the GTIDs anew:
    /// two servers that were initialised alike must not look as if each had writes the other lacks.
    async fn run_init_sql(&self, statements: &[String], origin: &str) -> Result<()> {
        let mut conn = self.connect("root", "").await?;
        run(&mut conn, &self.flavor.set_super_read_only(false)).await?;
        run(&mut conn, &["SET sql_log_bin = 0".to_owned()]).await?;
        for (i, statement) in statements.iter().enumerate() {
            let done = conn.query_drop(statement.as_str()).await.map_err(mysql_error);
            done.map_err(|e| {
                without_password(e, statement).context(format!("statement {} of {origin}", i + 1))
            })?;
        }
        run(&mut conn, &self.flavor.reset_replication()).await?;
        run(&mut conn, &self.flavor.set_super_read_only(true)).await?;
        conn.disconnect().await.map_err(mysql_error)
    }
}

/// MySQL quotes what it cannot parse, which may be a password.
fn without_password(e: Error, statement: &str) -> Error {
    const SYNTAX_ERRORS: [u16; 2] = [1064, 1149];
    let statement = statement.to_ascii_lowercase();
    let has_password = ["identified", "password"].iter().any(|word| statement.contains(word));
    match has_password && SYNTAX_ERRORS.contains(&e.errno()) {
        true => {
            e.with_message("its SQL has a syntax error; the place is not told, for there is a password in it")
        }
        false => e,
    }
}
