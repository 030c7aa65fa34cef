//! Errors <-> gRPC statuses.

use std::error::Error as StdError;

use tonic::Status;
use vterrors::{Code, Condition, Error};

use crate::codes::MARKER;

/// Longest text of an error on the wire; it travels in a header, which peers bound (Vitess: 7,680 bytes).
const MAX_TEXT_BYTES: usize = 7680;

/// The status that a handler answers with for an error.
pub fn status(e: Error) -> Status {
    let mut text = e.wire_message();
    if text.len() > MAX_TEXT_BYTES {
        let cut = text.floor_char_boundary(MAX_TEXT_BYTES - 3);
        text.truncate(cut);
        text.push_str("...");
    }
    let code = e.code();
    let mut status = Status::new(tonic::Code::from_i32(code as i32), text);
    if matches!(code, Code::ClusterEvent | Code::ReadOnly) {
        let number = if code == Code::ClusterEvent { "17" } else { "18" };
        status.metadata_mut().insert(MARKER, tonic::metadata::MetadataValue::from_static(number));
    }
    status
}

/// The error of a call that came back with `status`.
pub fn error_of(status: Status) -> Error {
    if let Some(broken) = status.source() {
        return broken_wire(broken, status.message());
    }
    let code = match status.metadata().get(MARKER).map(|m| m.as_bytes()) {
        Some(b"17") => Code::ClusterEvent,
        Some(b"18") => Code::ReadOnly,
        _ => Code::try_from(status.code() as i32).unwrap_or(Code::Unknown),
    };
    Error::from_wire(code, status.message())
}

/// Errors of the transport have a source, which is ours ([`crate::Channel`]); a server's own answer has none.
fn broken_wire(source: &(dyn StdError + 'static), text: &str) -> Error {
    let mut at = Some(source);
    let mut deepest = source;
    while let Some(e) = at {
        if let Some(own) = e.downcast_ref::<Error>() {
            return own.clone();
        }
        deepest = e;
        at = e.source();
    }
    Error::new(Condition::ConnectionLost, format!("connection lost in mid-call: {text}: {deepest}"))
}
