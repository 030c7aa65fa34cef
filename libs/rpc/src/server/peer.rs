//! Who is at the other end of a connection, as far as it is proven.

use std::sync::Arc;

use secrets::{Certificate, tls::ServerStream};
use tokio::net::TcpStream;

/// The client of a connection, by the certificate that it came in with. A service finds it among the extensions of its
/// requests; it is not there where no certificate was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The common name in the certificate's subject; the whole subject where it has none.
    pub name: Arc<str>,
}

impl Peer {
    pub(super) fn of(stream: &ServerStream<TcpStream>) -> Option<Self> {
        let certificate = stream.get_ref().1.peer_certificates()?.first()?;
        let Certificate { subject, common_name, .. } = Certificate::parse(certificate)?;
        Some(Self { name: common_name.unwrap_or(subject).into() })
    }
}
