//! When certificates end, by the flag that names their file: what a program exports, so that somebody renews them.
//!
//! Of a certificate of our own with those sent behind it, the first to end counts: none of them can be missing. Of
//! authorities the last one does: a file that holds an old and a new one is how an authority is changed.

use std::{collections::BTreeMap, sync::Arc};

use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{ClientTls, ServerTls};
use crate::Certificate;

/// When the certificates of a file end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEnd {
    /// Without its dashes.
    pub flag: String,
    /// Seconds since the epoch.
    pub not_after: i64,
}

impl CertificateEnd {
    /// Of a text in PEM form with certificates that are shown to others; None when it has none that can be read.
    pub fn of_own(flag: &str, pem: &[u8]) -> Option<Self> {
        Self::first(flag, &certificates(pem))
    }

    /// Of a text in PEM form with authorities.
    pub fn of_authorities(flag: &str, pem: &[u8]) -> Option<Self> {
        Self::last(flag, &certificates(pem))
    }

    /// The first of them to end.
    pub(super) fn first(flag: &str, certs: &[CertificateDer<'_>]) -> Option<Self> {
        Some(Self::new(flag, certs.iter().filter_map(|cert| not_after(cert)).min()?))
    }

    /// The last of them to end.
    pub(super) fn last(flag: &str, certs: &[CertificateDer<'_>]) -> Option<Self> {
        Some(Self::new(flag, certs.iter().filter_map(|cert| not_after(cert)).max()?))
    }

    fn new(flag: &str, not_after: i64) -> Self {
        Self { flag: flag.trim_start_matches('-').to_owned(), not_after }
    }
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

fn not_after(der: &[u8]) -> Option<i64> {
    Some(Certificate::parse(der)?.not_after.unix_timestamp())
}

/// Where a process has certificates.
#[derive(Debug, Clone, Default)]
pub struct CertificateEnds {
    servers: Vec<Arc<ServerTls>>,
    clients: Vec<Arc<ClientTls>>,
    fixed: Vec<CertificateEnd>,
}

impl CertificateEnds {
    /// With those of a listener, if it speaks TLS.
    #[must_use]
    pub fn server(mut self, tls: Option<&Arc<ServerTls>>) -> Self {
        self.servers.extend(tls.cloned());
        self
    }

    /// With those of a kind of client, if it speaks TLS.
    #[must_use]
    pub fn client(mut self, tls: Option<&Arc<ClientTls>>) -> Self {
        self.clients.extend(tls.cloned());
        self
    }

    /// With those that were read at the start and are not read again.
    #[must_use]
    pub fn fixed(mut self, ends: impl IntoIterator<Item = CertificateEnd>) -> Self {
        self.fixed.extend(ends);
        self
    }

    /// With all of another's.
    pub fn extend(&mut self, other: Self) {
        self.servers.extend(other.servers);
        self.clients.extend(other.clients);
        self.fixed.extend(other.fixed);
    }

    /// By flag, in seconds since the epoch: what the next connection would be made with. Files that changed are read
    /// for it.
    pub fn now(&self) -> BTreeMap<String, i64> {
        let servers = self.servers.iter().flat_map(|tls| tls.ends());
        let clients = self.clients.iter().flat_map(|tls| tls.ends());
        let all = servers.chain(clients).chain(self.fixed.iter().cloned());
        all.map(|end| (end.flag, end.not_after)).collect()
    }
}
