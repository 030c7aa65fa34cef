//! `/api/session`: who one is, signing in and out.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{READ_ONLY, SignIn, Signing, sessions, users::is_password};
use crate::web::{
    Shared, Web,
    answer::{Fault, body},
    guard::Caller,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    password: String,
}

pub(in crate::web) async fn show(
    State(web): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> Json<Value> {
    Json(session(&web, &caller))
}

/// What the pages need to know at first.
fn session(web: &Web, caller: &Caller) -> Value {
    let (way, message) = match &web.sign_in {
        SignIn::Nobody => ("none", ""),
        SignIn::ReadOnly => ("read_only", READ_ONLY),
        SignIn::Users(_) => ("users", ""),
    };
    json!({
        "sign_in": way,
        "message": message,
        "signed_in": !caller.name.is_empty(),
        "user": caller.name,
        "role": caller.role.name(),
        "sql_console": web.gate.is_some(),
        "cell": web.cell,
        "version": servenv::version_text(),
    })
}

pub(in crate::web) async fn begin(
    State(web): State<Shared>,
    by_tls: Option<Extension<servenv::ByTls>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<impl IntoResponse, Fault> {
    let SignIn::Users(signing) = &web.sign_in else {
        return Err(Fault::new(
            StatusCode::CONFLICT,
            "there is nothing to sign in to: vtctld has no --web-users-file",
        ));
    };
    let credentials: Credentials = body(&bytes)?;
    let name = credentials.name.clone();
    check(signing, credentials).await?;
    let token = signing.sessions.begin(&name);
    tracing::info!(user = name, "signed in to the web pages");
    let role = signing.users.role(&name).ok_or_else(wrong)?;
    // By TLS to here, or to what is in front of vtctld and says so: then the cookie is for TLS only.
    let is_tls = by_tls.is_some() || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Strict{secure}", sessions::COOKIE);
    Ok(([(header::SET_COOKIE, cookie)], Json(session(&web, &Caller { name, role }))))
}

fn wrong() -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "the name or the password is wrong")
}

/// Checks a password, whether there is such a user or not; few at a time.
async fn check(signing: &Signing, given: Credentials) -> Result<(), Fault> {
    let Credentials { name, password } = given;
    if name.len() > 64 || password.len() > 1024 {
        return Err(wrong());
    }
    if !signing.attempts.allow(&name) {
        let text = "too many attempts to sign in with this name: wait a minute";
        return Err(Fault::new(StatusCode::TOO_MANY_REQUESTS, text));
    }
    let _permit = signing.checks.acquire().await.map_err(|_| wrong())?;
    let (known, hash) = (signing.users.knows(&name), signing.users.hash_of(&name));
    let checked = tokio::task::spawn_blocking(move || is_password(&password, &hash)).await;
    if !(checked.unwrap_or(false) && known) {
        tracing::warn!(user = name, "could not sign in to the web pages");
        return Err(wrong());
    }
    signing.attempts.succeeded(&name);
    Ok(())
}

pub(in crate::web) async fn end(State(web): State<Shared>, headers: HeaderMap) -> impl IntoResponse {
    let cookies = headers.get(header::COOKIE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if let (SignIn::Users(signing), Some(token)) = (&web.sign_in, sessions::token(cookies)) {
        signing.sessions.end(token);
    }
    let gone = format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", sessions::COOKIE);
    ([(header::SET_COOKIE, gone)], Json(json!({})))
}
