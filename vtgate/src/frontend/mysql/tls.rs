//! TLS on the MySQL port: the files, and their reload when they change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use mysqlwire::server::{TlsConfig, server_tls};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vterrors::{Error, Result};

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Where the certificate, its key, and the authority of clients' certificates are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
}

/// When each file was last written, and its length.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl TlsFiles {
    fn load(&self) -> Result<Arc<TlsConfig>> {
        server_tls(&self.cert, &self.key, self.client_ca.as_deref())
    }

    fn stamp(&self) -> Stamp {
        let of = |path: &Path| {
            let data = path.metadata().ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .map(|p| of(p))
            .collect()
    }
}

/// What new connections go over to TLS with.
pub struct Tls {
    files: TlsFiles,
    current: ArcSwap<TlsConfig>,
}

impl Tls {
    /// Reads the files; what is wrong with them is an error that names the file.
    pub fn open(files: TlsFiles) -> Result<Self> {
        let current = ArcSwap::new(files.load()?);
        Ok(Self { files, current })
    }

    pub fn current(&self) -> Arc<TlsConfig> {
        self.current.load_full()
    }

    /// Takes changed files over until `stop`. Files that do not fit together (a certificate whose key is not
    /// written yet) are told of once, and what was read before stays.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = self.files.stamp();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                () = stop.cancelled() => return,
            }
            seen = self.look(seen).await;
        }
    }

    /// One look at the files; what they were when it was taken.
    async fn look(&self, seen: Stamp) -> Stamp {
        let files = self.files.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let stamp = files.stamp();
            let loaded = (stamp != seen).then(|| files.load());
            (stamp, loaded)
        });
        let (stamp, loaded) = match looked.await {
            Ok(looked) => looked,
            Err(e) => (Stamp::new(), Some(Err(Error::internal(format!("reading the files of TLS: {e}"))))),
        };
        match loaded {
            None => {}
            Some(Ok(config)) => {
                info!(certificate = %self.files.cert.display(), "TLS: new certificates are used");
                self.current.store(config);
            }
            Some(Err(e)) => warn!("TLS: changed files cannot be used, the old certificates stay: {e}"),
        }
        stamp
    }
}

#[cfg(test)]
mod tests;
