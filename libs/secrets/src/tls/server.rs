//! The server's side: its certificate, and which clients it lets in.

use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, CertificateError, ServerConfig, crypto,
        server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
        sign::SingleCertAndKey,
    },
};
use vterrors::Result;

use super::{
    CertificateEnd, Identity, authorities, internal,
    reason::{self, Against},
    revoked, rustls_error,
    said::Said,
    verify::{Note, Noting},
};
use crate::{Certificate, Named, Watched};

/// How long a refused client may take to hang up, and how many reads what it has sent by then may need.
const PART_LIMIT: Duration = Duration::from_secs(1);
const MAX_UNREAD: usize = 16;

/// A connection that a client made.
pub type ServerStream<S> = tokio_rustls::server::TlsStream<S>;

/// The files of a server, in PEM form.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    pub cert: Named,
    pub key: Named,
    /// Sent to clients behind the certificate: what leads from it to an authority that they know.
    pub chain: Option<Named>,
    /// The authority of clients' certificates; none are asked for without it.
    pub client_ca: Option<Named>,
    /// Clients' certificates that count no more.
    pub crl: Option<Named>,
    /// The subject of a client's certificate has to contain one of these, where there are any.
    pub allowed_subjects: Vec<String>,
}

impl ServerFiles {
    /// A certificate and its key, for clients that need none.
    pub fn new(cert: Named, key: Named) -> Self {
        Self { cert, key, chain: None, client_ca: None, crl: None, allowed_subjects: Vec::new() }
    }

    fn load(&self) -> Result<Loaded> {
        let identity = Identity::read(&self.cert, &self.key, self.chain.as_ref())?;
        let mut ends = identity.ends.clone();
        let clients = match &self.client_ca {
            None => None,
            Some(ca) => {
                let provider = Arc::new(crypto::ring::default_provider());
                let (roots, end) = authorities(ca)?;
                ends.extend(end);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .with_crls(revoked(self.crl.as_ref())?)
                    // A list speaks of the certificates of its authority, not of those between.
                    .allow_unknown_revocation_status()
                    .build();
                Some(verifier.map_err(|e| ca.fault(format!("cannot be used: {e}")))?)
            }
        };
        Ok(Loaded { files: self.clone(), identity, clients, ends })
    }

    fn paths(&self) -> Vec<std::path::PathBuf> {
        let optional = [&self.chain, &self.client_ca, &self.crl];
        let files = [&self.cert, &self.key].into_iter().chain(optional.into_iter().flatten());
        files.map(|f| f.path.clone()).collect()
    }
}

struct Loaded {
    files: ServerFiles,
    identity: Identity,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    ends: Vec<CertificateEnd>,
}

/// What a listener speaks TLS by. The files are read again when they change.
#[derive(Debug)]
pub struct ServerTls {
    files: Watched<Loaded>,
    /// Protocols above TLS that are offered.
    protocols: Vec<Vec<u8>>,
    /// Why the last client was turned away, and when that was said.
    said: Said,
}

impl ServerTls {
    /// Reads the files; the error names the one that is missing, not PEM, or does not fit the others. `protocols` may
    /// be empty, and is [`super::HTTP2`] for gRPC.
    pub fn open(files: ServerFiles, protocols: &[&[u8]]) -> Result<Self> {
        let paths = files.paths();
        let files = Watched::open("changed certificates", paths, move || files.load())?;
        Ok(Self { files, protocols: protocols.iter().map(|p| p.to_vec()).collect(), said: Said::default() })
    }

    /// When the certificates end that the next connection would be made with.
    pub fn ends(&self) -> Vec<CertificateEnd> {
        self.files.current().ends.clone()
    }

    /// The handshake, without a limit of time. The error is for the log: whose certificate was refused, and why.
    pub async fn accept<S>(&self, stream: S) -> Result<ServerStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let loaded = self.files.current();
        let note = Note::default();
        let config = self.config(&loaded, &note).map_err(|e| e.to_string())?;
        // In a box: whoever serves a connection keeps what this needs as long as the connection lasts.
        let accepting = TlsAcceptor::from(Arc::new(config)).accept(stream).into_fallible();
        let accepted = Box::pin(accepting).await;
        match accepted {
            Ok(stream) => Ok(stream),
            Err((e, stream)) => {
                let why = loaded.failed(&e, &note);
                Box::pin(part(stream)).await;
                Err(why)
            }
        }
    }

    /// Whether the log shall tell, loudly, why a client was turned away: not when the one before was for the same reason
    /// and just now, for most try again and again.
    pub fn is_news(&self, why: &str) -> bool {
        self.said.is_news(why)
    }

    fn config(&self, loaded: &Arc<Loaded>, note: &Arc<OnceLock<String>>) -> Result<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(internal)?;
        let builder = match &loaded.clients {
            None => builder.with_no_client_auth(),
            Some(verifier) => {
                let allowed =
                    Allowed { inner: verifier.clone(), subjects: loaded.files.allowed_subjects.clone() };
                let (inner, loaded): (Arc<dyn ClientCertVerifier>, _) = (Arc::new(allowed), loaded.clone());
                let noting = Noting::new(inner, note.clone(), move |cert, e| loaded.refused(cert, e));
                builder.with_client_cert_verifier(Arc::new(noting))
            }
        };
        let mut config =
            builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(loaded.identity.key.clone())));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

/// Ends a connection whose client was refused, so that the client reads the alert: a socket that is closed with something
/// unread throws away what was sent last. By TLS 1.3 clients speak before they can know that they are refused.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let parting = async {
        let mut unread = [0; 4096];
        stream.shutdown().await?;
        for _ in 0..MAX_UNREAD {
            if stream.read(&mut unread).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    // The client has hung up, or does not: either way it had its time.
    let _ = tokio::time::timeout(PART_LIMIT, parting).await;
}

impl Loaded {
    fn refused(&self, certificate: &[u8], e: &rustls::Error) -> String {
        if let rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) = e {
            let shown = Certificate::parse(certificate).map(|c| c.to_string()).unwrap_or_default();
            return format!(
                "its certificate ({shown}) is refused: its subject has none of the texts that are allowed here: {}",
                self.files.allowed_subjects.join(":")
            );
        }
        let against = Against { ca: self.files.client_ca.as_ref(), crl: self.files.crl.as_ref(), name: None };
        reason::refused(certificate, e, &against)
    }

    /// Why a handshake failed.
    fn failed(&self, e: &io::Error, note: &Note) -> String {
        if let Some(note) = note.get() {
            return note.clone();
        }
        match rustls_error(e) {
            Some(rustls::Error::NoCertificatesPresented) => {
                let ca = self.files.client_ca.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("it has no certificate, and {ca} wants one")
            }
            Some(rustls::Error::AlertReceived(alert)) => match reason::alert(*alert) {
                Some(why) => {
                    format!("it refuses our certificate {} as {why} ({alert:?})", self.identity.shown)
                }
                None => format!("it ended the TLS handshake: {alert:?}"),
            },
            Some(rustls::Error::InvalidMessage(_)) => {
                format!("it does not speak TLS, which {} asks for", self.files.cert.flag)
            }
            Some(rustls::Error::PeerIncompatible(e)) => {
                format!("its TLS and ours have nothing in common: {e:?}")
            }
            _ => format!("the TLS handshake failed: {e}"),
        }
    }
}

/// Lets in whoever has one of the texts in the subject, after everything else was checked.
#[derive(Debug)]
struct Allowed {
    inner: Arc<dyn ClientCertVerifier>,
    subjects: Vec<String>,
}

impl ClientCertVerifier for Allowed {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &rustls::pki_types::CertificateDer<'_>,
        chain: &[rustls::pki_types::CertificateDer<'_>],
        now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(certificate, chain, now)?;
        let subject = Certificate::parse(certificate).map(|c| c.subject).unwrap_or_default();
        match self.subjects.is_empty() || self.subjects.iter().any(|s| subject.contains(s.as_str())) {
            true => Ok(verified),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
