//! A call with one message each way.

use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header, uri::PathAndQuery, uri::Scheme};
use prost::Message;
use vterrors::{Condition, Error, Result};

use super::Channel;
use crate::wire;

impl Channel {
    /// Calls `path` (`/package.Service/Method`). Dropping the future ends the call at the peer.
    ///
    /// Errors: the peer's own; `Unreachable` when nothing can have been executed; `ConnectionLost` when
    /// nobody knows.
    pub async fn unary<Q, A>(&self, path: &'static str, request: &Q) -> Result<A>
    where
        Q: Message,
        A: Message + Default,
    {
        let body = wire::frame(request)?;
        let mut sender = self.sender().await?;
        let (answer, mut stream) = sender.send_request(self.head(path), false).map_err(|e| lost(&e))?;
        stream.send_data(body, true).map_err(|e| lost(&e))?;
        let (head, mut body) = answer.await.map_err(|e| lost(&e))?.into_parts();
        if let Some(ended) = wire::ended(head.headers) {
            // An answer of trailers alone: an error, or nothing where a message is wanted.
            ended?;
            return Err(Error::internal(format!("{path}: an answer without a message")));
        }
        if head.status != http::StatusCode::OK {
            return Err(Error::new(
                Condition::ConnectionLost,
                format!("{path}: HTTP status {}", head.status),
            ));
        }
        let message = wire::read_message(&mut body).await.map_err(|e| lost(&e))?;
        let trailers = body.trailers().await.map_err(|e| lost(&e))?;
        match trailers.and_then(wire::ended) {
            Some(ended) => ended?,
            None => {
                return Err(Error::new(
                    Condition::ConnectionLost,
                    format!("connection lost in mid-call: {path}: an answer without a status"),
                ));
            }
        }
        let message =
            message.ok_or_else(|| Error::internal(format!("{path}: an answer without a message")))?;
        wire::decode(message)
    }

    fn head(&self, path: &'static str) -> Request<()> {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, wire::GRPC);
        if let Some(trace) = &self.trace {
            headers.insert(wire::TRACEPARENT, trace.clone());
        }
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri(PathAndQuery::from_static(path));
        *request.headers_mut() = headers;
        request
    }

    pub(super) fn uri(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.shared.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).expect("scheme, authority and path make an address")
    }
}

/// An error of HTTP/2. A stream that the peer refused was not looked at; else nobody knows.
pub(super) fn lost(e: &h2::Error) -> Error {
    let refused = e.is_remote() && e.reason() == Some(h2::Reason::REFUSED_STREAM);
    let condition = if refused { Condition::Unreachable } else { Condition::ConnectionLost };
    Error::new(condition, format!("connection lost in mid-call: {e}"))
}
