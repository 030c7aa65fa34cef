//! An etcd of one's own, and what it counts of its work.

use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use tokio::{
    process::{Child, Command},
    time::Instant,
};
use vterrors::{Condition, Error, Result};

use super::http;

const UP_LIMIT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);

/// A running etcd; ends with this value.
pub struct Etcd {
    process: Child,
    port: u16,
    began: Instant,
}

/// What it had done at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Calls that were answered, and messages of watches and leases that were sent.
    pub requests: f64,
    /// To its clients.
    pub sent_bytes: f64,
    /// From its clients.
    pub received_bytes: f64,
    pub cpu_seconds: f64,
    /// When that was, or how long it took.
    pub at: f64,
}

impl Load {
    pub fn seconds(&self) -> f64 {
        self.at
    }

    /// What was done since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            sent_bytes: self.sent_bytes - earlier.sent_bytes,
            received_bytes: self.received_bytes - earlier.received_bytes,
            cpu_seconds: self.cpu_seconds - earlier.cpu_seconds,
            at: self.at - earlier.at,
        }
    }
}

impl Etcd {
    /// Starts one with its data in `dir`, on `port` and the one after it.
    pub async fn start(dir: &Path, port: u16) -> Result<Self> {
        let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", port + 1));
        let process = Command::new("etcd")
            .arg(format!("--data-dir={}", dir.display()))
            .args(["--name=scale", "--log-level=error", "--quota-backend-bytes=8589934592"])
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={peer}"))
            .arg(format!("--initial-advertise-peer-urls={peer}"))
            .arg(format!("--initial-cluster=scale={peer}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Error::internal(format!("cannot run etcd: {e}")))?;
        let etcd = Self { process, port, began: Instant::now() };
        let began = Instant::now();
        while etcd.metrics().await.is_err() {
            if began.elapsed() > UP_LIMIT {
                return Err(Error::new(
                    Condition::Timeout,
                    format!("etcd does not answer after {UP_LIMIT:?}"),
                ));
            }
            tokio::time::sleep(STEP).await;
        }
        Ok(etcd)
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.process.id().and_then(|pid| pid.try_into().ok())
    }

    /// What it has done so far.
    pub async fn load(&self) -> Result<Load> {
        let text = self.metrics().await?;
        let sums = sums(&text);
        let of = |name: &str| sums.get(name).copied().unwrap_or_default();
        Ok(Load {
            requests: of("grpc_server_msg_sent_total"),
            sent_bytes: of("etcd_network_client_grpc_sent_bytes_total"),
            received_bytes: of("etcd_network_client_grpc_received_bytes_total"),
            cpu_seconds: of("process_cpu_seconds_total"),
            at: self.began.elapsed().as_secs_f64(),
        })
    }

    async fn metrics(&self) -> Result<String> {
        http::get(&self.address(), "/metrics").await
    }
}

/// The sum of each metric over its labels.
fn sums(text: &str) -> BTreeMap<&str, f64> {
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let name = name.split('{').next().unwrap_or(name);
        *sums.entry(name).or_default() += value.parse().unwrap_or(0.0);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let text = "# HELP a b\na{m=\"x y\"} 2\na{m=\"z\"} 3e2\nb 1\n";
        assert_eq!(sums(text), BTreeMap::from([("a", 302.0), ("b", 1.0)]));
    }
}
