//! The options of every process that uses the topology, in Vitess's flag names.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use secrets::tls::CertificateEnd;
use servenv::parse_duration;
use vterrors::{Error, Result};

use crate::Layout;

const CA_FLAG: &str = "--topo-etcd-tls-ca";
const CERT_FLAG: &str = "--topo-etcd-tls-cert";

/// Command line options; [`TopoOptions::validate`] makes a [`TopoConfig`] of them.
#[derive(Args, Debug, Clone, PartialEq, Eq)]
pub struct TopoOptions {
    /// Kind of lock server: etcd2 (etcd's v3 API), or memory (lost with the process; for tests)
    #[arg(long, default_value = "etcd2", value_name = "NAME")]
    pub topo_implementation: String,

    /// Addresses of the lock server that holds the global root, as host:port, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "localhost:2379", value_name = "HOST:PORT")]
    pub topo_global_server_address: Vec<String>,

    /// Path of the global root in the lock server
    #[arg(long, default_value = "/vitess/global", value_name = "PATH")]
    pub topo_global_root: String,

    /// Longest wait for a lock of the topology
    #[arg(long, default_value = "45s", value_parser = parse_duration, value_name = "DURATION")]
    pub lock_timeout: Duration,

    /// Longest time for one call to the lock server or to a tablet
    #[arg(long, default_value = "15s", value_parser = parse_duration, value_name = "DURATION")]
    pub remote_operation_timeout: Duration,

    /// Seconds that a lock in etcd outlives the last sign of life of its holder
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub topo_etcd_lease_ttl: u64,

    /// How the VSchemas that cells serve lie in the topology, the same for all programs: compat (Vitess's single value of
    /// at most 1 MiB), or split (one value a keyspace, in chunks where it is large; Vitess's programs do not read it)
    #[arg(long, default_value = "compat", value_name = "LAYOUT")]
    pub srv_vschema_layout: String,

    /// Certificate authority that signed the certificates of etcd
    #[arg(long, value_name = "FILE")]
    pub topo_etcd_tls_ca: Option<PathBuf>,

    /// Client certificate for etcd; needs --topo-etcd-tls-key
    #[arg(long, value_name = "FILE")]
    pub topo_etcd_tls_cert: Option<PathBuf>,

    /// Key of the client certificate for etcd
    #[arg(long, value_name = "FILE")]
    pub topo_etcd_tls_key: Option<PathBuf>,
}

impl Default for TopoOptions {
    fn default() -> Self {
        Self {
            topo_implementation: "etcd2".into(),
            topo_global_server_address: vec!["localhost:2379".into()],
            topo_global_root: "/vitess/global".into(),
            lock_timeout: Duration::from_secs(45),
            remote_operation_timeout: Duration::from_secs(15),
            topo_etcd_lease_ttl: 30,
            srv_vschema_layout: "compat".into(),
            topo_etcd_tls_ca: None,
            topo_etcd_tls_cert: None,
            topo_etcd_tls_key: None,
        }
    }
}

/// Which backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implementation {
    Etcd,
    Memory,
}

/// Options that passed validation.
#[derive(Debug, Clone)]
pub struct TopoConfig {
    pub implementation: Implementation,
    /// `host:port`, with or without a scheme; several joined by commas.
    pub global_server_address: String,
    pub global_root: String,
    pub lock_timeout: Duration,
    pub operation_timeout: Duration,
    pub lease_ttl: Duration,
    pub tls: Option<TlsFiles>,
    pub layout: Layout,
}

/// PEM texts, read at validation so that a wrong path is a fault of the start.
#[derive(Clone, Default)]
pub struct TlsFiles {
    pub ca: Option<String>,
    pub identity: Option<(String, String)>,
}

impl TlsFiles {
    /// When they end. They are read at the start alone, so a renewed file changes nothing here before the next one.
    pub fn ends(&self) -> Vec<CertificateEnd> {
        let ca = self.ca.as_ref().map(|pem| CertificateEnd::of_authorities(CA_FLAG, pem.as_bytes()));
        let own = self.identity.as_ref().map(|(pem, _)| CertificateEnd::of_own(CERT_FLAG, pem.as_bytes()));
        [ca, own].into_iter().flatten().flatten().collect()
    }
}

impl TopoConfig {
    /// When the certificates end that the lock server is spoken to with.
    pub fn certificate_ends(&self) -> Vec<CertificateEnd> {
        self.tls.as_ref().map(TlsFiles::ends).unwrap_or_default()
    }
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsFiles").finish_non_exhaustive()
    }
}

impl TopoOptions {
    /// Checks the options together; the error lists every fault.
    pub fn validate(&self) -> Result<TopoConfig> {
        let mut faults = Vec::new();
        let implementation = match self.topo_implementation.as_str() {
            "etcd2" | "etcd" => Implementation::Etcd,
            "memory" | "memorytopo" => Implementation::Memory,
            other => {
                faults
                    .push(format!("--topo-implementation: no such implementation {other:?} (etcd2, memory)"));
                Implementation::Memory
            }
        };
        let layout = match self.srv_vschema_layout.as_str() {
            "compat" => Layout::Compat,
            "split" => Layout::Split,
            other => {
                faults.push(format!("--srv-vschema-layout: no such layout {other:?} (compat, split)"));
                Layout::Compat
            }
        };
        let addresses: Vec<&str> =
            self.topo_global_server_address.iter().map(|a| a.trim()).filter(|a| !a.is_empty()).collect();
        if implementation == Implementation::Etcd && addresses.is_empty() {
            faults.push("--topo-global-server-address: no address".into());
        }
        if self.topo_etcd_lease_ttl == 0 {
            faults.push("--topo-etcd-lease-ttl: must be at least 1 second".into());
        }
        for (flag, value) in [
            ("--lock-timeout", self.lock_timeout),
            ("--remote-operation-timeout", self.remote_operation_timeout),
        ] {
            if value.is_zero() {
                faults.push(format!("{flag}: must be more than 0"));
            }
        }
        let tls = self.read_tls(&mut faults);
        if !faults.is_empty() {
            return Err(Error::invalid(faults.join("\n")));
        }
        Ok(TopoConfig {
            implementation,
            global_server_address: addresses.join(","),
            global_root: self.topo_global_root.clone(),
            lock_timeout: self.lock_timeout,
            operation_timeout: self.remote_operation_timeout,
            lease_ttl: Duration::from_secs(self.topo_etcd_lease_ttl),
            tls,
            layout,
        })
    }

    fn read_tls(&self, faults: &mut Vec<String>) -> Option<TlsFiles> {
        let mut read = |flag: &str, path: &Option<PathBuf>| {
            let path = path.as_ref()?;
            std::fs::read_to_string(path)
                .map_err(|e| faults.push(format!("{flag}: {}: {e}", path.display())))
                .ok()
        };
        let ca = read(CA_FLAG, &self.topo_etcd_tls_ca);
        let cert = read(CERT_FLAG, &self.topo_etcd_tls_cert);
        let key = read("--topo-etcd-tls-key", &self.topo_etcd_tls_key);
        if self.topo_etcd_tls_cert.is_some() != self.topo_etcd_tls_key.is_some() {
            faults.push("--topo-etcd-tls-cert and --topo-etcd-tls-key: one needs the other".into());
        }
        let identity = cert.zip(key);
        (ca.is_some() || identity.is_some()).then_some(TlsFiles { ca, identity })
    }
}

#[cfg(test)]
mod tests;
