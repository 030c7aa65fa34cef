//! The client's side: which servers it believes, and the certificate that it shows.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig,
        client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
        crypto,
        pki_types::ServerName,
        sign::SingleCertAndKey,
    },
};
use tracing::warn;
use vterrors::Result;

use super::{
    CertificateEnd, Identity, authorities, internal,
    reason::{self, Against},
    revoked, rustls_error,
    said::Said,
    verify::{Lax, Note, Noting},
};
use crate::{Named, Watched};

/// What of a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Nothing: what is sent is encrypted, for whoever answers.
    Nothing,
    /// That an authority signed it.
    Chain,
    /// That an authority signed it, for the server's name.
    #[default]
    Name,
}

/// The files of a client, in PEM form.
#[derive(Debug, Clone, Default)]
pub struct ClientFiles {
    /// The authority of servers' certificates; needed unless nothing is verified.
    pub ca: Option<Named>,
    /// The certificate that is shown to servers that ask for one, and its key.
    pub identity: Option<(Named, Named)>,
    /// Servers' certificates that count no more.
    pub crl: Option<Named>,
    /// The name that servers' certificates are for, instead of that by which they are reached.
    pub name: Option<String>,
    /// The flag that gives `name`, and the one that gives a certificate; for messages.
    pub name_flag: String,
    pub cert_flag: String,
    pub verify: Verify,
}

impl ClientFiles {
    fn load(&self) -> Result<Loaded> {
        let identity =
            self.identity.as_ref().map(|(cert, key)| Identity::read(cert, key, None)).transpose()?;
        let mut ends = identity.as_ref().map(|own| own.ends.clone()).unwrap_or_default();
        let provider = Arc::new(crypto::ring::default_provider());
        let servers: Arc<dyn ServerCertVerifier> = match &self.ca {
            Some(ca) => {
                let (roots, end) = authorities(ca)?;
                ends.extend(end);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                    .with_crls(revoked(self.crl.as_ref())?)
                    .allow_unknown_revocation_status()
                    .build();
                let verifier = verifier.map_err(|e| ca.fault(format!("cannot be used: {e}")))?;
                match self.verify {
                    Verify::Name => verifier,
                    Verify::Chain => Arc::new(Lax { inner: verifier, chain: true }),
                    Verify::Nothing => Arc::new(Lax { inner: verifier, chain: false }),
                }
            }
            None => Arc::new(Unverified(provider.signature_verification_algorithms)),
        };
        Ok(Loaded { files: self.clone(), identity, servers, ends })
    }

    fn paths(&self) -> Vec<std::path::PathBuf> {
        let pair = self.identity.iter().flat_map(|(cert, key)| [cert, key]);
        let files = pair.chain([&self.ca, &self.crl].into_iter().flatten());
        files.map(|f| f.path.clone()).collect()
    }
}

struct Loaded {
    files: ClientFiles,
    identity: Option<Identity>,
    servers: Arc<dyn ServerCertVerifier>,
    ends: Vec<CertificateEnd>,
}

/// What a client speaks TLS by. The files are read again when they change.
#[derive(Debug)]
pub struct ClientTls {
    files: Watched<Loaded>,
    protocols: Vec<Vec<u8>>,
    /// Of servers that were refused, or that refused us.
    said: Arc<Said>,
}

impl ClientTls {
    /// Reads the files; the error names the one that is missing, not PEM, or does not fit the others.
    pub fn open(files: ClientFiles, protocols: &[&[u8]]) -> Result<Self> {
        if files.ca.is_none() && files.verify != Verify::Nothing {
            return Err(vterrors::Error::invalid("TLS: no authority to verify servers by"));
        }
        let paths = files.paths();
        let files = Watched::open("changed certificates", paths, move || files.load())?;
        Ok(Self { files, protocols: protocols.iter().map(|p| p.to_vec()).collect(), said: Arc::default() })
    }

    /// When the certificates end that the next connection would be made with.
    pub fn ends(&self) -> Vec<CertificateEnd> {
        self.files.current().ends.clone()
    }

    /// The handshake with the server that is reached by `host`, without a limit of time. The error says whose
    /// certificate was refused, and why.
    ///
    /// With TLS 1.3 a server that refuses our certificate says so only afterwards: at the first read.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<ClientStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let loaded = self.files.current();
        let note = Note::default();
        let wanted = loaded.files.name.as_deref().unwrap_or(host).trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(wanted.clone())
            .map_err(|_| format!("{wanted:?} is no name that a certificate could be for"))?;
        let config = self.config(&loaded, wanted, &note).map_err(|e| e.to_string())?;
        // In a box: what it needs is needed for the handshake alone.
        match Box::pin(TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
            Ok(inner) => Ok(ClientStream { inner, loaded, host: host.to_owned(), said: self.said.clone() }),
            Err(e) => {
                let why = loaded.failed(&e, &note);
                tell(&self.said, host, &why);
                Err(why)
            }
        }
    }

    fn config(&self, loaded: &Arc<Loaded>, wanted: String, note: &Note) -> Result<ClientConfig> {
        let explain = {
            let loaded = loaded.clone();
            move |cert: &[u8], e: &rustls::Error| loaded.refused(cert, e, &wanted)
        };
        let verifier = Noting::new(loaded.servers.clone(), note.clone(), explain);
        let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &loaded.identity {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own.key.clone()))),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

impl Loaded {
    fn refused(&self, certificate: &[u8], e: &rustls::Error, wanted: &str) -> String {
        let name = Some((wanted, self.files.name_flag.as_str()));
        reason::refused(
            certificate,
            e,
            &Against { ca: self.files.ca.as_ref(), crl: self.files.crl.as_ref(), name },
        )
    }

    fn failed(&self, e: &io::Error, note: &Note) -> String {
        if let Some(note) = note.get() {
            return format!("TLS: {note}");
        }
        match rustls_error(e) {
            Some(rustls::Error::InvalidMessage(_)) => "TLS: the server does not speak TLS".to_owned(),
            Some(rustls::Error::AlertReceived(alert)) => self.alerted(*alert),
            Some(rustls::Error::PeerIncompatible(e)) => {
                format!("TLS: the server's and ours have nothing in common: {e:?}")
            }
            _ => format!("TLS: the handshake failed: {e}"),
        }
    }

    /// What the server's alert is about.
    fn alerted(&self, alert: rustls::AlertDescription) -> String {
        match (reason::alert(alert), &self.identity) {
            (Some(_), None) => format!(
                "TLS: the server wants a certificate, and {} is not given ({alert:?})",
                self.files.cert_flag
            ),
            (Some(why), Some(own)) => {
                format!("TLS: the server refuses our certificate {} as {why} ({alert:?})", own.shown)
            }
            (None, _) => format!("TLS: the server ended the connection: {alert:?}"),
        }
    }
}

/// Whoever asked gets the error; but a client that asks in the background, as a health stream does, has nobody to
/// tell.
fn tell(said: &Said, host: &str, why: &str) {
    if said.is_news(&format!("{host} {why}")) {
        warn!("no connection to {host}: {why}");
    }
}

/// Takes every certificate; that whoever showed it has its key is checked.
#[derive(Debug)]
struct Unverified(crypto::WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// A connection to a server. An alert that ends it is an error in words.
pub struct ClientStream<S> {
    inner: TlsStream<S>,
    loaded: Arc<Loaded>,
    host: String,
    said: Arc<Said>,
}

impl<S> ClientStream<S> {
    /// The stream below TLS.
    pub fn get_ref(&self) -> &S {
        self.inner.get_ref().0
    }

    fn explained(&self, e: io::Error) -> io::Error {
        match rustls_error(&e) {
            Some(rustls::Error::AlertReceived(alert)) => {
                let why = self.loaded.alerted(*alert);
                tell(&self.said, &self.host, &why);
                io::Error::new(io::ErrorKind::ConnectionAborted, why)
            }
            _ => e,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        Poll::Ready(read.map_err(|e| self.explained(e)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
