//! One call: its message in, its work, its answer out.

use std::{future::poll_fn, pin::Pin, task::Poll};

use bytes::Bytes;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use http_body::{Body as HttpBody, Frame};
use tonic::body::Body;
use tower::Service;
use vterrors::{Condition, Error};

use super::{Routes, Unary, peer::Peer};
use crate::{codes::Direction, trace, wire};

/// Answers a call; its work is dropped as soon as the caller gives it up.
pub(super) async fn answer(
    routes: Routes,
    peer: Option<Peer>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    // One branch where nobody traces.
    if routes.traces
        && let Some(trace) = request.headers().get(wire::TRACEPARENT).and_then(|t| t.to_str().ok())
    {
        let trace = trace.to_owned();
        return Box::pin(trace::within(&trace, answer_call(routes, peer, request, respond))).await;
    }
    answer_call(routes, peer, request, respond).await;
}

async fn answer_call(
    routes: Routes,
    peer: Option<Peer>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let sent = match routes.find(request.uri().path()) {
        Some(call) => answer_unary(call, request, &mut respond).await,
        None => answer_service(routes, peer, request, &mut respond).await,
    };
    // An error means that the caller, or the connection, is gone.
    if let Err(e) = sent {
        tracing::debug!("gRPC answer not sent: {e}");
    }
}

/// Awaits `work` as long as the caller wants the answer.
async fn wanted<T>(respond: &mut SendResponse<Bytes>, work: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        respond.poll_reset(cx).map(|_| None)
    })
    .await
}

fn head() -> Response<()> {
    let mut response = Response::new(());
    *response.version_mut() = Version::HTTP_2;
    response.headers_mut().insert(header::CONTENT_TYPE, wire::GRPC);
    response
}

async fn answer_unary(
    call: Unary,
    request: Request<RecvStream>,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let limit = wire::time_limit(request.headers());
    let work = async {
        let message = wire::read_message(&mut request.into_body()).await.map_err(|e| {
            Error::new(Condition::ConnectionLost, format!("the request was not read to its end: {e}"))
        })?;
        let message = message.ok_or_else(|| Error::invalid("a call without a message"))?;
        match limit {
            None => call(message).await,
            Some(limit) => match tokio::time::timeout(limit, call(message)).await {
                Ok(done) => done,
                Err(_) => Err(over(limit)),
            },
        }
    };
    match wanted(respond, work).await {
        None => Ok(()),
        Some(Ok(message)) => {
            let mut stream = respond.send_response(head(), false)?;
            stream.send_data(message, false)?;
            let mut trailers = HeaderMap::with_capacity(1);
            trailers.insert(wire::GRPC_STATUS, HeaderValue::from_static("0"));
            stream.send_trailers(trailers)
        }
        Some(Err(e)) => send_error(respond, e),
    }
}

fn over(limit: std::time::Duration) -> Error {
    Error::new(Condition::Timeout, format!("the call took longer than its deadline, {limit:?}"))
}

/// An answer that is a status alone.
fn send_error(respond: &mut SendResponse<Bytes>, e: Error) -> Result<(), h2::Error> {
    let mut response = head();
    response.headers_mut().extend(wire::error_headers(e));
    respond.send_response(response, true).map(drop)
}

async fn answer_service(
    mut routes: Routes,
    peer: Option<Peer>,
    mut request: Request<RecvStream>,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let limit = wire::time_limit(request.headers());
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    let request = request.map(|body| Body::new(RequestBody(body)));
    let call = routes.services.call(request);
    let work = async {
        match limit {
            None => Ok(call.await),
            Some(limit) => tokio::time::timeout(limit, call).await.map_err(|_| over(limit)),
        }
    };
    let (mut head, body) = match wanted(respond, work).await {
        None => return Ok(()),
        Some(Err(e)) => return send_error(respond, e),
        // tonic's router cannot fail.
        Some(Ok(Err(e))) => return send_error(respond, Error::internal(e.to_string())),
        Some(Ok(Ok(response))) => response.into_parts(),
    };
    Direction::ToWire.map(&mut head.headers);
    head.version = Version::HTTP_2;
    let ends = HttpBody::is_end_stream(&body);
    let stream = respond.send_response(Response::from_parts(head, ()), ends)?;
    if ends { Ok(()) } else { send_body(stream, body).await }
}

/// Sends a body as fast as the caller takes it; at most a connection's send buffer of it waits.
async fn send_body(mut stream: SendStream<Bytes>, body: Body) -> Result<(), h2::Error> {
    tokio::pin!(body);
    loop {
        let frame = poll_fn(|cx| {
            if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
                return Poll::Ready(Some(frame));
            }
            stream.poll_reset(cx).map(|_| None)
        });
        match frame.await {
            // The caller has gone.
            None => return Ok(()),
            Some(None) => return stream.send_data(Bytes::new(), true),
            Some(Some(Err(status))) => {
                let mut trailers = wire::error_headers(crate::error_of(status));
                trailers.remove(header::CONTENT_TYPE);
                return stream.send_trailers(trailers);
            }
            Some(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => send_data(&mut stream, data).await?,
                Err(frame) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    Direction::ToWire.map(&mut trailers);
                    return stream.send_trailers(trailers);
                }
            },
        }
    }
}

async fn send_data(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await.transpose()? else { return Ok(()) };
        if room > 0 {
            stream.send_data(data.split_to(room.min(data.len())), false)?;
        }
    }
    Ok(())
}

/// The body of a request.
struct RequestBody(RecvStream);

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        match std::task::ready!(self.0.poll_data(cx)) {
            Some(Ok(data)) => {
                let released = self.0.flow_control().release_capacity(data.len());
                Poll::Ready(Some(released.map(|()| Frame::data(data))))
            }
            Some(Err(e)) => Poll::Ready(Some(Err(e))),
            None => match std::task::ready!(self.0.poll_trailers(cx)) {
                Ok(trailers) => Poll::Ready(trailers.map(|t| Ok(Frame::trailers(t)))),
                Err(e) => Poll::Ready(Some(Err(e))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
