//! gRPC status 17 (CLUSTER_EVENT) and 18 (READ_ONLY) over tonic, which stops at 16.
//!
//! Towards the wire, a status that carries the marker gets the marker's number as its `grpc-status`.
//! From the wire, 17 and 18 become UNKNOWN with the marker. A marker that a peer sends itself is dropped:
//! it is private to the process.

use http::{HeaderMap, HeaderValue};

/// The metadata key of the marker.
pub(crate) const MARKER: &str = "x-vivace-code";
const GRPC_STATUS: &str = "grpc-status";

/// Which way an answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    ToWire,
    FromWire,
}

impl Direction {
    /// Maps the headers of an answer, or its trailers: either may carry the status.
    pub(crate) fn map(self, headers: &mut HeaderMap) {
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
