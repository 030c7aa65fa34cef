//! TLS as every listener and every client here has it: gRPC, HTTP, MySQL's protocol in both directions.
//!
//! TLS 1.2 and 1.3 with the cipher suites of rustls' `ring` provider. Sessions are not resumed: each connection is
//! verified by what the files say when it is made, and connections are few and long.
//!
//! **Refused connections.** Who refuses a certificate sees it and says whose it is; the other end only gets an
//! alert, one word of RFC 8446, and says which file of its own was refused. The verifiers of rustls give a reason
//! without the certificate, so each connection has one of its own that notes it ([`verify`]).

mod client;
mod ends;
mod reason;
mod said;
mod server;
mod verify;

use std::{io, sync::Arc};

use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::{
    RootCertStore, crypto,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};
use tracing::{info, warn};
use vterrors::{Error, Result};

use crate::{Certificate, Named, certificate::show_date};

pub use client::{ClientFiles, ClientStream, ClientTls, Verify};
pub use ends::{CertificateEnd, CertificateEnds};
pub use server::{ServerFiles, ServerStream, ServerTls};

/// What HTTP/2 is called when the protocol above TLS is agreed on (RFC 9113).
pub const HTTP2: &[u8] = b"h2";

/// HTTP/1.1, likewise (RFC 7301).
pub const HTTP1: &[u8] = b"http/1.1";

/// A certificate that ends within this time is spoken of when it is read.
const SOON: Duration = Duration::days(7);

/// A certificate of our own with its key.
struct Identity {
    key: Arc<CertifiedKey>,
    /// For messages: flag, path, and what the certificate says.
    shown: String,
    /// Of its file, and of that of the chain.
    ends: Vec<CertificateEnd>,
}

impl Identity {
    /// `chain` is sent behind the certificate.
    fn read(cert: &Named, key: &Named, chain: Option<&Named>) -> Result<Self> {
        let mut certs = certificates(cert)?;
        let own = Certificate::parse(&certs[0]);
        let mut ends = Vec::from_iter(CertificateEnd::first(&cert.flag, &certs));
        if let Some(chain) = chain {
            let between = certificates(chain)?;
            ends.extend(CertificateEnd::first(&chain.flag, &between));
            certs.extend(between);
        }
        // What the parser says of a key could quote it.
        let private = PrivateKeyDer::from_pem_slice(&key.read()?)
            .map_err(|_| key.fault("no private key in PEM form, or one that is encrypted"))?;
        let certified = CertifiedKey::from_der(certs, private, &crypto::ring::default_provider())
            .map_err(|e| cert.fault(format!("cannot be used with {key}: {e}")))?;
        let shown = match &own {
            Some(own) => format!("{cert} ({own})"),
            None => cert.to_string(),
        };
        tell_end(own.as_ref(), &shown);
        Ok(Self { key: Arc::new(certified), shown, ends })
    }
}

/// Says what is used, and loudly when others will refuse it, or soon will.
fn tell_end(own: Option<&Certificate>, shown: &str) {
    let now = OffsetDateTime::now_utc();
    match own {
        Some(own) if own.not_after < now => {
            warn!("TLS: {shown} has expired: whoever checks it will refuse it");
        }
        Some(own) if own.not_before > now => {
            warn!("TLS: {shown} is not valid yet: whoever checks it will refuse it");
        }
        Some(own) if own.not_after - now < SOON => {
            warn!("TLS: {shown} expires soon, at {}", show_date(own.not_after));
        }
        _ => info!("TLS: {shown} is used"),
    }
}

/// The authorities of a file, and when they end.
fn authorities(file: &Named) -> Result<(Arc<RootCertStore>, Option<CertificateEnd>)> {
    let mut roots = RootCertStore::empty();
    let certs = certificates(file)?;
    let end = CertificateEnd::last(&file.flag, &certs);
    for authority in certs {
        roots.add(authority).map_err(|e| file.fault(format!("cannot be used as an authority: {e}")))?;
    }
    Ok((Arc::new(roots), end))
}

/// The certificates of a file: one at least.
fn certificates(file: &Named) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = file.read()?;
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match read {
        Ok(certs) if !certs.is_empty() => Ok(certs),
        _ => Err(file.fault("no certificate in PEM form")),
    }
}

/// The lists of revoked certificates of a file, where one is given.
fn revoked(file: Option<&Named>) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let bytes = file.read()?;
    let read: Result<Vec<_>, pem::Error> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match read {
        Ok(lists) if !lists.is_empty() => Ok(lists),
        _ => Err(file.fault("no list of revoked certificates in PEM form")),
    }
}

/// What rustls says below an error of a stream.
fn rustls_error(e: &io::Error) -> Option<&tokio_rustls::rustls::Error> {
    e.get_ref()?.downcast_ref()
}

fn internal(e: impl std::fmt::Display) -> Error {
    Error::internal(format!("TLS: {e}"))
}

#[cfg(test)]
mod tests;
