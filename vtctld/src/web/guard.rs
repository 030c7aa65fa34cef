//! Who may do what, before any handler.
//!
//! Three ways of standing in the world ([`SignIn`]): on loopback without users, whoever reaches the port is the
//! operator; elsewhere without users, nobody may change anything; with users, each signs in and has a role. A page of
//! another site cannot act for its visitor: what changes something needs a header that no form can send, and where the
//! browser says where it comes from, that must be here. Without users the `Host` must name this machine, so that no
//! foreign name leads a browser here.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Shared, answer::Fault, sign_in::SignIn};
use crate::web::sign_in::users::Role;

/// Sent with everything that changes something.
pub(super) const HEADER: &str = "x-vivace-request";

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    /// Also those who have not signed in.
    Open,
    Viewer,
    Operator,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub name: String,
    pub role: Role,
}

#[derive(Clone)]
pub(super) struct Guarded {
    pub web: Shared,
    pub access: Access,
    /// Off for routes that others than browsers ask under any name.
    pub checks_host: bool,
}

pub(super) async fn check(State(guarded): State<Guarded>, mut request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe();
    let checked = is_ours(&guarded, changes, request.headers())
        .and_then(|()| caller(&guarded.web.sign_in, guarded.access, request.headers()));
    match checked {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_ours(guarded: &Guarded, changes: bool, headers: &HeaderMap) -> Result<(), Fault> {
    let refused = |why: &str| Err(Fault::new(StatusCode::FORBIDDEN, why));
    let host = text(headers, header::HOST).unwrap_or_default();
    if guarded.checks_host && matches!(guarded.web.sign_in, SignIn::Nobody) && !names_this_machine(host) {
        return refused(
            "without --web-users-file vtctld's pages are for this machine only: open them as localhost or 127.0.0.1",
        );
    }
    if !changes {
        return Ok(());
    }
    if text(headers, HEADER).is_none() {
        return refused("a request that changes something needs the header X-Vivace-Request: 1");
    }
    match text(headers, header::ORIGIN) {
        Some(origin) if origin.split_once("://").is_none_or(|(_, from)| from != host) => {
            refused("a page of another site may not do this")
        }
        _ => Ok(()),
    }
}

/// Whether a `Host` is loopback, with any port.
fn names_this_machine(host: &str) -> bool {
    let port = |p: &str| p.bytes().all(|b| b.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, p)| port(p)).map_or(host, |(name, _)| name);
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Who asks, if they may.
fn caller(sign_in: &SignIn, access: Access, headers: &HeaderMap) -> Result<Caller, Fault> {
    let known = sign_in.caller(text(headers, header::COOKIE).unwrap_or_default());
    let needed = match access {
        Access::Open => return Ok(known.unwrap_or(Caller { name: String::new(), role: Role::Viewer })),
        Access::Viewer => Role::Viewer,
        Access::Operator => Role::Operator,
    };
    let Some(caller) = known else {
        return Err(Fault::new(StatusCode::UNAUTHORIZED, "sign in first"));
    };
    if caller.role >= needed {
        return Ok(caller);
    }
    Err(Fault::new(
        StatusCode::FORBIDDEN,
        match sign_in {
            SignIn::Users(_) => format!(
                "{} is a viewer, and this needs an operator: who keeps --web-users-file can change that",
                caller.name
            ),
            _ => super::sign_in::READ_ONLY.to_owned(),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::names_this_machine;

    #[test]
    fn a_host_names_this_machine_or_another() {
        for host in [
            "localhost",
            "localhost:15000",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:15000",
            "[::1]",
            "LOCALHOST:1",
        ] {
            assert!(names_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:15000",
            "localhost.evil.example",
            "10.0.0.1:15000",
            "127.0.0.1.evil",
        ] {
            assert!(!names_this_machine(host), "{host}");
        }
    }
}
