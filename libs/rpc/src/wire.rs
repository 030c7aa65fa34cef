//! gRPC's messages on an HTTP/2 stream, without a framework around them: a byte that says "not compressed",
//! four bytes of length, the message; the status at the end as trailers.
//!
//! A query's message is encoded once into a buffer of its exact size, and decoded from the bytes as they came
//! off the socket: a row's values are cut out of them, never copied.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::{HeaderMap, HeaderValue};
use prost::Message;
use tonic::Status;
use vterrors::{Condition, Error, Result};

use crate::{MAX_MESSAGE_BYTES, codes::Direction, error_of};

pub(crate) const GRPC_STATUS: &str = "grpc-status";
/// W3C's trace context.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// The `content-type` of requests and answers.
pub(crate) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const HEADER_BYTES: usize = 5;

/// A message with its head.
pub(crate) fn frame(message: &impl Message) -> Result<Bytes> {
    let len = message.encoded_len();
    if len > MAX_MESSAGE_BYTES {
        return Err(too_large(len));
    }
    let mut out = BytesMut::with_capacity(HEADER_BYTES + len);
    out.put_u8(0);
    out.put_u32(u32::try_from(len).expect("bounded above"));
    message.encode_raw(&mut out);
    Ok(out.freeze())
}

fn too_large(len: usize) -> Error {
    let text = format!("a message of {len} bytes: the limit of a gRPC message is {MAX_MESSAGE_BYTES} bytes");
    Error::new(Condition::PacketTooLarge, text)
}

/// The one message of a stream's body, read to its end; `None` for an empty body.
pub(crate) async fn read_message(body: &mut RecvStream) -> Result<Option<Bytes>, h2::Error> {
    let Some(first) = body.data().await.transpose()? else { return Ok(None) };
    let mut taken = first.len();
    let mut whole = first;
    // Most messages come in one frame; the others are put together.
    let mut joined = BytesMut::new();
    while let Some(more) = body.data().await.transpose()? {
        body.flow_control().release_capacity(more.len())?;
        if joined.is_empty() {
            joined.reserve(announced(&whole).max(whole.len() + more.len()));
            joined.extend_from_slice(&whole);
        }
        // What is past the limit is refused by its announced length: no need to keep it.
        if joined.len() <= MAX_MESSAGE_BYTES + HEADER_BYTES {
            joined.extend_from_slice(&more);
        }
    }
    body.flow_control().release_capacity(std::mem::take(&mut taken))?;
    if !joined.is_empty() {
        whole = joined.freeze();
    }
    Ok(Some(whole))
}

/// The bytes that a message takes with its head, as far as they are allowed.
fn announced(first: &Bytes) -> usize {
    let len = first.get(1..HEADER_BYTES).map_or(0, |mut len| len.get_u32() as usize);
    HEADER_BYTES + len.min(MAX_MESSAGE_BYTES)
}

/// Takes the head off a message.
pub(crate) fn unframe(mut body: Bytes) -> Result<Bytes> {
    if body.len() < HEADER_BYTES {
        return Err(Error::invalid("a gRPC message without its head"));
    }
    if body.get_u8() != 0 {
        return Err(Error::unsupported("a compressed gRPC message"));
    }
    let len = body.get_u32() as usize;
    if len > MAX_MESSAGE_BYTES {
        return Err(too_large(len));
    }
    if len != body.len() {
        return Err(Error::invalid(format!("a gRPC message of {len} bytes in a body of {}", body.len())));
    }
    Ok(body)
}

/// Decodes a message with its head.
pub(crate) fn decode<M: Message + Default>(body: Bytes) -> Result<M> {
    M::decode(unframe(body)?).map_err(|e| Error::invalid(format!("a gRPC message cannot be decoded: {e}")))
}

/// How a call ended, as its trailers tell; `None` when they do not.
pub(crate) fn ended(mut trailers: HeaderMap) -> Option<Result<()>> {
    if trailers.get(GRPC_STATUS)?.as_bytes() == b"0" {
        return Some(Ok(()));
    }
    Direction::FromWire.map(&mut trailers);
    Status::from_header_map(&trailers).map(|status| Err(error_of(status)))
}

/// The headers of an error that a server answers with.
pub(crate) fn error_headers(e: Error) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    // Fails for a text that no header holds, which tonic's escaping does not leave.
    let _ = crate::status(e).add_header(&mut headers);
    Direction::ToWire.map(&mut headers);
    headers
}

/// The time that the caller gives a call, from gRPC's header: a number of up to eight digits and a unit.
pub fn time_limit(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.checked_mul(3600)?),
        "M" => Duration::from_secs(number.checked_mul(60)?),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}
