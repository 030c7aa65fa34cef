//! Answers: JSON, or a fault with a status that fits and a text for the person who reads it.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use vterrors::{Code, Error};

/// A request that was not carried out.
#[derive(Debug)]
pub(super) struct Fault {
    pub status: StatusCode,
    pub text: String,
}

pub(super) type Answer<T> = std::result::Result<Json<T>, Fault>;

impl Fault {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Self { status: status_of(e.code()), text: e.to_string() }
    }
}

/// The HTTP status of an error.
pub(super) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unavailable | Code::DeadlineExceeded => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.text }))).into_response()
    }
}

/// The body of a request; an error says where it is wrong.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|e| {
        Fault::new(StatusCode::BAD_REQUEST, format!("the request's body is not as expected: {e}"))
    })
}
