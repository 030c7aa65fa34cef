//! gRPC status 17 (CLUSTER_EVENT) and 18 (READ_ONLY) over tonic, which stops at 16.
//!
//! Towards the wire, a status that carries the marker gets the marker's number as its `grpc-status`.
//! From the wire, 17 and 18 become UNKNOWN with the marker. A marker that a peer sends itself is dropped:
//! it is private to the process.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::body::Body;
use tower::{Layer, Service};

/// The metadata key of the marker.
pub(crate) const MARKER: &str = "x-vivace-code";
const GRPC_STATUS: &str = "grpc-status";

/// Which way the mapped answers travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToWire,
    FromWire,
}

impl Direction {
    fn map(self, headers: &mut HeaderMap) {
        let marker = headers.remove(MARKER);
        match self {
            Self::ToWire => {
                if let Some(code) = marker {
                    headers.insert(GRPC_STATUS, code);
                }
            }
            Self::FromWire => {
                let own = headers.get(GRPC_STATUS).map(HeaderValue::as_bytes);
                if let Some(code @ (b"17" | b"18")) = own {
                    let code = HeaderValue::from_static(if code == b"17" { "17" } else { "18" });
                    headers.insert(GRPC_STATUS, HeaderValue::from_static("2"));
                    headers.insert(MARKER, code);
                }
            }
        }
    }
}

/// Wraps a server (towards the wire) or a channel (from it).
#[derive(Debug, Clone, Copy)]
pub struct CodeLayer(Direction);

impl CodeLayer {
    pub const fn server() -> Self {
        Self(Direction::ToWire)
    }

    pub const fn client() -> Self {
        Self(Direction::FromWire)
    }
}

impl<S> Layer<S> for CodeLayer {
    type Service = CodeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CodeService { inner, direction: self.0 }
    }
}

/// See [`CodeLayer`].
#[derive(Debug, Clone)]
pub struct CodeService<S> {
    inner: S,
    direction: Direction,
}

impl<S, Req, B> Service<http::Request<Req>> for CodeService<S>
where
    S: Service<http::Request<Req>, Response = http::Response<B>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = CodeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Req>) -> Self::Future {
        CodeFuture { inner: self.inner.call(request), direction: self.direction }
    }
}

pin_project! {
    /// Maps the answer's headers and wraps its body.
    pub struct CodeFuture<F> {
        #[pin]
        inner: F,
        direction: Direction,
    }
}

impl<F, B, E> Future for CodeFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<http::Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let direction = *this.direction;
        let mut response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(e) => return Poll::Ready(Err(e)),
        };
        direction.map(response.headers_mut());
        Poll::Ready(Ok(response.map(|inner| Body::new(CodeBody { inner, direction }))))
    }
}

pin_project! {
    struct CodeBody<B> {
        #[pin]
        inner: B,
        direction: Direction,
    }
}

impl<B: HttpBody> HttpBody for CodeBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.inner.poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            this.direction.map(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
