//! The admin HTTP server: it has its own thread, so that it answers while the data path is choked.
//!
//! Every process has `/debug/vars`, `/metrics`, `/healthz`, `/debug/health` and `/debug/status`; a service
//! adds its own routes, a health check, and sections of its status page.

mod tls;

use std::{
    fmt::Write,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{Html, IntoResponse, Redirect},
    routing::get,
};
use secrets::tls::ServerTls;
use vterrors::{Condition, Error, Result};

use crate::Context;
pub use tls::ByTls;

/// A part of the status page: a heading, and a function that writes its HTML when somebody looks.
pub struct StatusSection {
    pub heading: &'static str,
    pub html: Box<dyn Fn() -> String + Send + Sync>,
}

type HealthCheck = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

#[derive(Default)]
struct Pages {
    router: Option<Router>,
    health: Option<HealthCheck>,
    health_as_json: bool,
    home: Option<&'static str>,
    sections: Vec<StatusSection>,
}

/// What a service adds to the admin server before it starts. Clones share one set.
#[derive(Clone, Default)]
pub struct AdminPages(Arc<Mutex<Pages>>);

impl AdminPages {
    fn with<T>(&self, f: impl FnOnce(&mut Pages) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds routes; must happen before `start` of the service returns.
    pub fn add_routes(&self, routes: Router) {
        self.with(|p| p.router = Some(p.router.take().unwrap_or_default().merge(routes)));
    }

    /// Says whether the process is healthy; a text says why not.
    pub fn set_health(&self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.with(|p| p.health = Some(Box::new(check)));
    }

    /// `/debug/health` answers with JSON, `{"Healthy": true}`: vtorc's form, which scripts look for.
    pub fn tell_health_as_json(&self) {
        self.with(|p| p.health_as_json = true);
    }

    /// Where `/` leads; the status page when nothing is said.
    pub fn set_home(&self, path: &'static str) {
        self.with(|p| p.home = Some(path));
    }

    pub fn add_section(&self, heading: &'static str, html: impl Fn() -> String + Send + Sync + 'static) {
        self.with(|p| p.sections.push(StatusSection { heading, html: Box::new(html) }));
    }

    fn health(&self) -> Result<(), String> {
        self.with(|p| p.health.as_ref().map_or(Ok(()), |check| check()))
    }
}

/// Text as HTML shows it.
pub fn html_escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Binds the port; serving begins with [`serve`].
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener> {
    let fault = |e: std::io::Error| {
        Error::new(Condition::FailedPrecondition, format!("cannot listen for HTTP on {address}: {e}"))
    };
    let listener = TcpListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    Ok(listener)
}

/// Serves on a thread of its own until the process ends; by TLS alone where that is given.
pub(crate) fn serve(listener: TcpListener, tls: Option<Arc<ServerTls>>, context: Context) -> Result<()> {
    let extra = context.pages.with(|p| p.router.take()).unwrap_or_default();
    let stop = context.stop.clone();
    let router = Router::new()
        .route("/", get(home))
        .route("/debug/vars", get(|State(c): State<Context>| async move { Json(c.metrics.to_json()) }))
        .route("/metrics", get(|State(c): State<Context>| async move { c.metrics.to_prometheus(c.program) }))
        .route("/healthz", get(health))
        .route("/debug/health", get(debug_health))
        .route("/debug/status", get(status))
        .route("/debug/style.css", get(style))
        .with_state(context)
        .merge(extra);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::internal(format!("admin runtime: {e}")))?;
    let work = async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let stopped = async move { stop.cancelled().await };
        let _ = match tls {
            None => axum::serve(listener, router).with_graceful_shutdown(stopped).await,
            Some(tls) => {
                let Ok(listener) = tls::Listener::new(listener, tls) else { return };
                axum::serve(listener, router.layer(Extension(ByTls))).with_graceful_shutdown(stopped).await
            }
        };
    };
    let thread = std::thread::Builder::new().name("admin-http".into()).spawn(move || runtime.block_on(work));
    thread.map(drop).map_err(|e| Error::internal(format!("admin thread: {e}")))
}

async fn health(State(c): State<Context>) -> impl IntoResponse {
    match c.pages.health() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::INTERNAL_SERVER_ERROR, format!("not ok: {why}\n")),
    }
}

async fn debug_health(State(c): State<Context>) -> axum::response::Response {
    if !c.pages.with(|p| p.health_as_json) {
        return health(State(c)).await.into_response();
    }
    match c.pages.health() {
        Ok(()) => Json(serde_json::json!({ "Healthy": true })).into_response(),
        Err(why) => {
            let body = Json(serde_json::json!({ "Healthy": false, "Reason": why }));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

async fn home(State(c): State<Context>) -> Redirect {
    Redirect::temporary(c.pages.with(|p| p.home).unwrap_or("/debug/status"))
}

/// The look of all programs' pages, in one file.
async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css"), (CACHE_CONTROL, "max-age=300")], include_str!("style.css"))
}

async fn status(State(c): State<Context>) -> Html<String> {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\"><title>{0}</title>\
         <link rel=icon href=\"data:,\"><link rel=stylesheet href=style.css><main><h1>{0}</h1><p>{1}</p>",
        c.program,
        html_escape(&crate::version_text())
    );
    c.pages.with(|p| {
        for s in &p.sections {
            // A table that is wider than the window is scrolled, by the keyboard too.
            let _ = write!(
                page,
                "<h2>{0}</h2><div class=section role=region aria-label=\"{0}\" tabindex=0>{1}</div>",
                s.heading,
                (s.html)()
            );
        }
    });
    page.push_str(
        "<h2>Pages</h2><nav><a href=/debug/vars>/debug/vars</a> <a href=/metrics>/metrics</a> \
         <a href=/healthz>/healthz</a></nav></main></html>",
    );
    Html(page)
}
