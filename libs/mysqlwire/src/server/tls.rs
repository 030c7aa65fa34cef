//! The server's side of TLS: certificate, key and the authority of clients' certificates, from PEM files.
//!
//! TLS 1.2 and 1.3 with the cipher suites of rustls' `ring` provider.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use vterrors::{Error, Result};

/// Reads the files into what a connection needs to go over to TLS. With `client_ca` a client must show a
/// certificate that it signed.
///
/// Errors name the file that is missing, not PEM, or does not fit the others.
pub fn server_tls(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>> {
    let certs = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, "private key", &e))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal(format!("TLS: {e}")))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority).map_err(|e| unusable(path, "authority", &e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| unusable(path, "authority", &e))?)
        }
    };
    let config = builder.with_single_cert(certs, private).map_err(|e| unusable(cert, "certificate", &e))?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certs = read.map_err(|e| unusable(path, "certificate", &e))?;
    if certs.is_empty() {
        return Err(Error::invalid(format!("{}: no certificate in PEM form", path.display())));
    }
    Ok(certs)
}

fn unusable(path: &Path, what: &str, e: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("{}: cannot be used as a {what}: {e}", path.display()))
}
