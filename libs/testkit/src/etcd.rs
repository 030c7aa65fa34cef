//! A real etcd for a test: its own directory, free ports, killed when dropped.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use crate::{Process, free_ports, spawn, temp_dir, wait_until};

/// How long a start may take on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running etcd, or one that was stopped and can be started again with its data and its ports.
#[derive(Debug)]
pub struct Etcd {
    /// Ends before its directory goes.
    process: Option<Process>,
    dir: tempfile::TempDir,
    client_port: u16,
}

impl Etcd {
    /// Starts etcd and waits until it answers.
    ///
    /// # Panics
    /// When there is no etcd on PATH, or it does not answer.
    pub fn start() -> Self {
        let mut etcd = Self { process: None, dir: temp_dir(), client_port: free_ports(2) };
        etcd.restart();
        etcd
    }

    /// `host:port` for `--topo-global-server-address`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Kills it (SIGKILL); data and ports stay.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it (again) and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn restart(&mut self) {
        self.stop();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (url(self.client_port), url(self.client_port + 1));
        let mut command = Command::new("etcd");
        command
            .arg("--data-dir")
            .arg(self.dir.path().join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")]);
        let mut process = spawn(command, &self.dir.path().join("etcd.log"));
        wait_until("etcd answers", START_LIMIT, || match process.ended() {
            Some(status) => panic!("etcd ended ({status}): {}", process.output()),
            None if self.answers() => Ok(()),
            None => Err(process.output()),
        });
        self.process = Some(process);
    }

    /// Asks `/health` over plain HTTP: no client library is needed for that.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.client_port)) else { return false };
        let mut text = String::new();
        let asked = stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .and_then(|()| stream.write_all(b"GET /health HTTP/1.0\r\n\r\n"))
            .and_then(|()| stream.read_to_string(&mut text));
        asked.is_ok() && text.contains("\"true\"")
    }
}
