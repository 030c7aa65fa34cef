//! The operator's web pages, and the JSON API behind them.
//!
//! A request passes the [`guard`] (is it ours, who is it, may they), then its handler, which calls `ops` or the live
//! picture: there is no second way of doing anything here. [`routes`] is the one list of what there is; the OpenAPI
//! document ([`openapi`]) is checked against it.
//!
//! What must hold: nothing that changes anything is done for a viewer, or for a page of another site; every answer is
//! bounded; SQL and passwords are not logged.

mod answer;
mod assets;
mod gate;
mod guard;
mod jobs;
mod old;
mod openapi;
mod operations;
mod picture;
mod reads;
mod routes;
mod sign_in;
mod sql;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};
use ops::Ops;
use servenv::{Context, html_escape};
use vterrors::Result;

use crate::{Channels, Options, live::Live};
use gate::Gate;
use jobs::Jobs;
use sign_in::SignIn;
pub use sign_in::users::{Role, user_line};

/// Where the pages are.
const HOME: &str = "/ui/";

/// What the handlers share.
pub(crate) struct Web {
    ops: Arc<Ops>,
    live: Live,
    jobs: Jobs,
    /// The vtgate that the SQL console asks.
    gate: Option<Gate>,
    sign_in: SignIn,
    cell: String,
}

type Shared = Arc<Web>;

/// Adds the pages and the API to the process's HTTP server.
pub(crate) fn add_pages(
    context: &Context,
    ops: &Arc<Ops>,
    options: &Options,
    channels: &Channels,
) -> Result<()> {
    let web = Arc::new(Web {
        ops: ops.clone(),
        live: Live::start(context, ops.topo.clone(), channels.tablets.clone()),
        jobs: Jobs::new(context),
        gate: options
            .vtgate_address
            .as_deref()
            .map(|address| Gate::new(address, &channels.vtgate))
            .transpose()?,
        sign_in: SignIn::of(options)?,
        cell: options.cell.clone(),
    });
    context.pages.set_home(HOME);
    context.pages.add_routes(router(web));
    let topo = &options.topo;
    let text = format!(
        "<p>{} at <code>{}</code>, root <code>{}</code></p>",
        html_escape(&topo.topo_implementation),
        html_escape(&topo.topo_global_server_address.join(",")),
        html_escape(&topo.topo_global_root)
    );
    context.pages.add_section("Topology", move || text.clone());
    context.pages.add_section("Web pages", || {
        format!("<p><a href={HOME}>The cluster, its tablets, operations</a></p>")
    });
    Ok(())
}

fn router(web: Shared) -> Router {
    let mut router = Router::new();
    for route in routes::all() {
        let guarded =
            guard::Guarded { web: web.clone(), access: route.access, checks_host: route.checks_host };
        let serve = route.serve.layer(middleware::from_fn_with_state(guarded, guard::check));
        router = router.route(route.path, serve);
    }
    let router = router.with_state(web).merge(assets::routes());
    router.layer(middleware::map_response(harden))
}

/// What browsers are told to refuse on every page and answer.
async fn harden(mut response: Response) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
