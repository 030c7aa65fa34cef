//! `up --tls`: an authority of the cluster's own, and a certificate for each process, below `DATA_DIR/tls`.
//!
//! Every certificate is for the hosts that the cluster's processes listen at and names its process as its subject, so that a message
//! says who was refused. The keys are readable by their owner alone. What is there is kept: a second `up` goes on with
//! the same authority.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use authority::{Authority, Request};
use serde::Serialize;
use vterrors::{Error, Result};

use crate::{plan::Plan, up::mysqld_name};

/// The subject of the authority.
const AUTHORITY: &str = "vtlocal";
/// Whose certificate is for those who type commands.
pub const CLIENT: &str = "client";

/// Where the certificates are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsDir(PathBuf);

impl TlsDir {
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("tls"))
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The certificate of a process and its key.
    pub fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.0.join(format!("{name}.pem")), self.0.join(format!("{name}-key.pem")))
    }

    /// Flags of a process that start with a prefix and end in `ca`, `cert`, `key`: for gRPC on either side, and for
    /// connections to mysqld.
    pub fn flags(&self, prefix: &str, name: &str) -> Vec<String> {
        let (cert, key) = self.pair(name);
        [("ca", self.ca()), ("cert", cert), ("key", key)]
            .iter()
            .map(|(what, path)| format!("--{prefix}-{what}={}", path.display()))
            .collect()
    }

    /// Lines of my.cnf by which a mysqld takes nobody in over TCP without TLS.
    pub fn my_cnf(&self, uid: u32) -> Vec<String> {
        let (cert, key) = self.pair(&mysqld_name(uid));
        vec![
            format!("ssl_ca = {}", self.ca().display()),
            format!("ssl_cert = {}", cert.display()),
            format!("ssl_key = {}", key.display()),
            "require_secure_transport = ON".to_owned(),
        ]
    }

    /// Makes what is missing of the authority and the certificates.
    pub fn make(&self, plan: &Plan) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|e| Error::internal(format!("cannot make {}: {e}", self.0.display())))?;
        let authority = match Authority::read(&self.0, AUTHORITY)? {
            Some(authority) => authority,
            None => {
                let authority = Authority::new(AUTHORITY)?;
                authority.write(&self.0)?;
                authority
            }
        };
        // Every process may be called by each of them: which one is in which place is not a secret.
        let places =
            plan.servers().chain(plan.tablets.iter().map(|t| &t.process)).map(|p| p.place.host.as_str());
        let hosts: BTreeSet<&str> = ["127.0.0.1", "localhost"].into_iter().chain(places).collect();
        let hosts: Vec<&str> = hosts.into_iter().collect();
        let mut names: Vec<String> = crate::up::names(plan);
        names.push(CLIENT.to_owned());
        for name in names {
            let (cert, key) = self.pair(&name);
            if !cert.exists() || !key.exists() {
                authority.issue(&Request::new(&name, &hosts))?.write(&self.0, &name)?;
            }
        }
        Ok(())
    }
}
