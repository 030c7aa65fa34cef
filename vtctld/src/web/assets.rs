//! The pages' files, embedded when vtctld is built. Every path below `/ui/` that is no file is a page of the
//! application, which finds its way by itself.

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};

/// Names below `web/dist`, and what is in them.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// For a vtctld that was built without them.
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
    <meta name=viewport content=\"width=device-width,initial-scale=1\"><title>vtctld</title>\
    <link rel=stylesheet href=/debug/style.css><main><h1>vtctld</h1>\
    <p>This vtctld was built without its web pages.</p>\
    <p>To have them: <code>make web</code> (it needs Node 18 or newer, and installs Debian's where it can), then build \
    vtctld again, as <code>make up</code> does.</p>\
    <p>The <a href=/api/openapi.json>API</a> is there, and the <a href=/debug/status>status page</a>.</p></main></html>";

pub(super) fn routes() -> Router {
    Router::new()
        .route("/ui", get(|| async { Redirect::permanent(super::HOME) }))
        .route("/ui/", get(|| async { page() }))
        .route("/ui/{*path}", get(|Path(path): Path<String>| async move { file(&path) }))
}

fn find(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, content)| *content)
}

fn page() -> Response {
    match find("index.html") {
        Some(content) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], content).into_response(),
        None => Html(NOT_BUILT).into_response(),
    }
}

fn file(path: &str) -> Response {
    let Some(content) = find(path) else {
        // A script that is gone must not be answered with a page.
        let is_page = !path.starts_with("assets/");
        return if is_page { page() } else { StatusCode::NOT_FOUND.into_response() };
    };
    // Files in assets/ are named after their content.
    let keep = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, content_type(path)), (header::CACHE_CONTROL, keep)], content).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}
