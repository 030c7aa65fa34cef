//! Processes: finding their programs, starting them on their own, seeing that they are up, ending them.

use std::{
    collections::BTreeSet,
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use mysqlctl::process::{self, Deadline, wait_gone};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use secrets::{
    Named,
    tls::{ClientFiles, ClientTls, HTTP1},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    process::Child,
};
use vterrors::{Condition, Error, Result};

use crate::{
    plan::{ProcessPlan, Program, Ready},
    state::Recorded,
};

/// How long one look at a process may take.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// Lines of a log that an error quotes.
const QUOTED_LINES: usize = 10;

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    bin_dir: PathBuf,
    etcd: PathBuf,
}

impl Programs {
    /// Ours lie beside this very program unless `bin_dir` is given; etcd is on PATH.
    ///
    /// Errors: everything that is missing, in one message.
    pub fn find(bin_dir: Option<&Path>, vtorc: bool) -> Result<Self> {
        let beside = || env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
        let bin_dir = bin_dir.map(Path::to_path_buf).or_else(beside).unwrap_or_default();
        let mut missing: Vec<String> =
            [Program::Vtctld, Program::Vttablet, Program::Vtgate, Program::Mysqlctld]
                .map(Program::file)
                .into_iter()
                .chain([CLIENT])
                .chain(vtorc.then_some(Program::Vtorc.file()))
                .map(|file| bin_dir.join(file))
                .filter(|path| !path.is_file())
                .map(|path| format!("{} (build it: cargo build --workspace)", path.display()))
                .collect();
        let etcd = on_path("etcd");
        if etcd.is_none() {
            missing.push("etcd on PATH (install it: cargo xtask setup --for up)".to_owned());
        }
        match (etcd, missing.is_empty()) {
            (Some(etcd), true) => Ok(Self { bin_dir, etcd }),
            _ => {
                Err(Error::new(Condition::NotFound, format!("missing programs:\n  {}", missing.join("\n  "))))
            }
        }
    }

    pub fn path(&self, program: Program) -> PathBuf {
        match program {
            Program::Etcd => self.etcd.clone(),
            other => self.bin_dir.join(other.file()),
        }
    }

    pub fn client(&self) -> PathBuf {
        self.bin_dir.join(CLIENT)
    }
}

/// The command line client of vtctld.
const CLIENT: &str = "vtctldclient";

/// A program on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.is_file())
}

/// Refuses ports that somebody else listens on, all of them in one message.
pub fn check_ports_free(wanted: &[(String, &str, u16)]) -> Result<()> {
    let mut seen = BTreeSet::new();
    let taken: Vec<String> = wanted
        .iter()
        .filter(|(_, host, port)| !seen.insert(*port) || TcpListener::bind((*host, *port)).is_err())
        .map(|(who, _, port)| format!("port {port} ({who})"))
        .collect();
    match taken.is_empty() {
        true => Ok(()),
        false => Err(Error::new(
            Condition::FailedPrecondition,
            format!("taken already: {}; stop what listens there or use --base-port", taken.join(", ")),
        )),
    }
}

/// Starts a process in a session of its own, its output in its log.
pub fn start(plan: &ProcessPlan, program: &Path, data_dir: &Path) -> Result<Child> {
    let failed = |what: &str, path: &Path, e: std::io::Error| {
        Error::internal(format!("{}: cannot {what} {}: {e}", plan.name, path.display()))
    };
    if let Some(dir) = plan.log.parent() {
        fs::create_dir_all(dir).map_err(|e| failed("make", dir, e))?;
    }
    let log = fs::OpenOptions::new().create(true).append(true).open(&plan.log);
    let log = log.map_err(|e| failed("open", &plan.log, e))?;
    let copy = log.try_clone().map_err(|e| failed("open", &plan.log, e))?;
    process::detached_by(&plan.place.launcher, program)
        .args(&plan.args)
        .env("VTDATAROOT", data_dir)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(copy)
        .spawn()
        .map_err(|e| failed("run", program, e))
}

/// Waits until the process answers; says so at once when it ends instead.
pub async fn wait_ready(plan: &ProcessPlan, child: &mut Child, limit: Duration) -> Result<()> {
    let deadline = Deadline::after(limit);
    while !is_ready(plan).await {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(failed(&plan.name, &format!("ended while starting ({status})"), &plan.log));
        }
        if !deadline.pause().await {
            let place = match &plan.ready {
                Ready::Http(port, path) => format!("http://{}:{port}{path}", plan.place.host),
                Ready::Https(port, path, _) => format!("https://{}:{port}{path}", plan.place.host),
                Ready::Port(port) => format!("{}:{port}", plan.place.host),
                Ready::Socket(path) => path.display().to_string(),
            };
            let what = format!("did not answer at {place} within {limit:?}");
            return Err(failed(&plan.name, &what, &plan.log));
        }
    }
    Ok(())
}

async fn is_ready(plan: &ProcessPlan) -> bool {
    match &plan.ready {
        Ready::Http(_, path) => http_get(plan.http(), path).await.is_some(),
        Ready::Https(_, path, ca) => https_get(plan.http(), path, ca).await.is_some(),
        Ready::Port(port) => {
            let connecting = TcpStream::connect((plan.place.host.as_str(), *port));
            matches!(tokio::time::timeout(LOOK_LIMIT, connecting).await, Ok(Ok(_)))
        }
        Ready::Socket(path) => {
            let connecting = tokio::time::timeout(LOOK_LIMIT, UnixStream::connect(path));
            matches!(connecting.await, Ok(Ok(_)))
        }
    }
}

/// An error that names the log and quotes its end.
pub fn failed(name: &str, what: &str, log: &Path) -> Error {
    let lines = process::tail(log, QUOTED_LINES);
    let quoted = if lines.is_empty() { "it is empty".to_owned() } else { format!("it ends with:\n{lines}") };
    Error::new(Condition::FailedPrecondition, format!("{name} {what}; see {}: {quoted}", log.display()))
}

/// The body of a 200 answer of an HTTP server of the cluster (host, port); `None` for anything else.
pub async fn http_get(server: (&str, u16), path: &str) -> Option<String> {
    let look = async { page(TcpStream::connect(server).await.ok()?, path).await };
    tokio::time::timeout(LOOK_LIMIT, look).await.ok().flatten()
}

/// The same by TLS; the server's certificate has to be of the authority in the file `ca`.
pub async fn https_get(server: (&str, u16), path: &str, ca: &Path) -> Option<String> {
    let files = ClientFiles { ca: Some(Named::new("the authority", ca)), ..ClientFiles::default() };
    let tls = ClientTls::open(files, &[HTTP1]).ok()?;
    let look = async {
        let stream = TcpStream::connect(server).await.ok()?;
        page(tls.connect(server.0, stream).await.ok()?, path).await
    };
    tokio::time::timeout(LOOK_LIMIT, look).await.ok().flatten()
}

async fn page(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(16 << 20).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    (head.split_whitespace().nth(1)? == "200").then(|| body.to_owned())
}

/// Ends a recorded process: SIGTERM, and SIGKILL when `limit` is over. False when it had to be killed.
pub async fn stop(process: &Recorded, limit: Duration) -> bool {
    if !process.is_running() {
        return true;
    }
    let pid = Pid::from_raw(process.pid);
    let _ended_already = kill(pid, Signal::SIGTERM);
    // One that was stopped hears of it only then.
    let _ran_already = kill(pid, Signal::SIGCONT);
    if wait_gone(limit, || process.is_running()).await {
        return true;
    }
    let _ended_meanwhile = kill(pid, Signal::SIGKILL);
    wait_gone(Duration::from_secs(5), || process.is_running()).await;
    false
}
