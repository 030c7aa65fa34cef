//! The channel as generated clients use it: for streams, and for calls that are not worth a path of their own.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http::uri::PathAndQuery;
use http_body::{Body as _, Frame};
use tonic::body::Body;
use tower::Service;
use vterrors::{Error, Result};

use super::{Channel, call::lost};
use crate::{codes::Direction, wire};

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let channel = self.clone();
        Box::pin(async move { channel.answer(request).await })
    }
}

impl Channel {
    /// Sends the whole request, then waits for the head of the answer: no service of ours has streams of
    /// requests, in which the two would have to go on side by side.
    async fn answer(&self, request: http::Request<Body>) -> Result<http::Response<Body>> {
        let (mut head, mut body) = request.into_parts();
        let path = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        head.uri = self.uri(path);
        head.version = http::Version::HTTP_2;
        if let Some(trace) = &self.trace {
            head.headers.insert(wire::TRACEPARENT, trace.clone());
        }
        let mut sender = self.sender().await?;
        let request = http::Request::from_parts(head, ());
        let (answer, mut stream) = sender.send_request(request, false).map_err(|e| lost(&e))?;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|e| Error::internal(format!("a request cannot be encoded: {e}")))?;
            if let Ok(data) = frame.into_data() {
                stream.send_data(data, false).map_err(|e| lost(&e))?;
            }
        }
        stream.send_data(Bytes::new(), true).map_err(|e| lost(&e))?;
        let (mut head, body) = answer.await.map_err(|e| lost(&e))?.into_parts();
        Direction::FromWire.map(&mut head.headers);
        Ok(http::Response::from_parts(head, Body::new(Answer(body))))
    }
}

/// The body of an answer, and its trailers in our codes.
struct Answer(RecvStream);

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match ready!(self.0.poll_data(cx)) {
            Some(Ok(data)) => {
                // What is here is the reader's; the peer may send as much again.
                let released = self.0.flow_control().release_capacity(data.len());
                Poll::Ready(Some(released.map(|()| Frame::data(data)).map_err(|e| lost(&e))))
            }
            Some(Err(e)) => Poll::Ready(Some(Err(lost(&e)))),
            None => match ready!(self.0.poll_trailers(cx)) {
                Ok(Some(mut trailers)) => {
                    Direction::FromWire.map(&mut trailers);
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                Ok(None) => Poll::Ready(None),
                Err(e) => Poll::Ready(Some(Err(lost(&e)))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
