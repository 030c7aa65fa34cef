//! A real etcd for a test: its own directory, free ports, killed when dropped.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A running etcd, or one that was stopped and can be started again with its data and its ports.
pub struct Etcd {
    dir: TempDir,
    client_port: u16,
    peer_port: u16,
    child: Option<Child>,
}

impl Etcd {
    /// Starts etcd and waits until it answers.
    pub fn start() -> Self {
        let dir = TempDir::new().expect("a temp dir");
        let (client_port, peer_port) = (free_port(), free_port());
        let mut etcd = Self { dir, client_port, peer_port, child: None };
        etcd.restart();
        etcd
    }

    /// `host:port` for `--topo-global-server-address`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Kills it (SIGKILL), data and ports stay.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill etcd");
            child.wait().expect("reap etcd");
        }
    }

    /// Starts it (again) and waits until it answers.
    pub fn restart(&mut self) {
        self.stop();
        let (client, peer) = (
            format!("http://127.0.0.1:{}", self.client_port),
            format!("http://127.0.0.1:{}", self.peer_port),
        );
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("etcd.log"))
            .expect("etcd's log");
        let child = Command::new("etcd")
            .arg("--data-dir")
            .arg(self.dir.path().join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("etcd is on PATH");
        self.child = Some(child);
        self.wait_ready();
    }

    fn wait_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut status = None;
        while !self.answers() {
            if let Some(child) = &mut self.child {
                status = child.try_wait().expect("etcd's state");
            }
            let log = || std::fs::read_to_string(self.dir.path().join("etcd.log")).unwrap_or_default();
            assert!(status.is_none(), "etcd ended with {status:?}: {}", log());
            assert!(Instant::now() < deadline, "etcd does not answer: {}", log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Asks `/health` over plain HTTP: no client library is needed for that.
    fn answers(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.client_port)) else {
            return false;
        };
        let mut text = String::new();
        let asked = stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .and_then(|()| stream.write_all(b"GET /health HTTP/1.0\r\n\r\n"))
            .and_then(|()| stream.read_to_string(&mut text));
        asked.is_ok() && text.contains("\"true\"")
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
