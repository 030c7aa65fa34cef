//! Every route of the API, whom it is for, and who answers. `openapi.json` describes them; a test compares.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodRouter, delete, get, post},
};

use super::{
    Shared,
    guard::Access::{self, Open, Operator, Viewer},
    old, openapi, operations, picture, reads,
    sign_in::routes as session,
    sql,
};

/// One method of one path.
pub(super) struct Route {
    pub path: &'static str,
    /// Also in `serve`, which does not tell.
    #[cfg(test)]
    pub method: Method,
    pub access: Access,
    /// Whether a `Host` that does not name this machine is refused where nobody signs in.
    pub checks_host: bool,
    pub serve: MethodRouter<Shared>,
}

fn route<T: 'static>(
    method: Method,
    path: &'static str,
    access: Access,
    handler: impl Handler<T, Shared>,
) -> Route {
    let serve = match method {
        Method::POST => post(handler),
        Method::DELETE => delete(handler),
        _ => get(handler),
    };
    Route {
        path,
        #[cfg(test)]
        method,
        access,
        checks_host: true,
        serve,
    }
}

/// As it was before there were pages: asked by scripts, under any name.
fn old<T: 'static>(path: &'static str, handler: impl Handler<T, Shared>) -> Route {
    Route { checks_host: false, ..route(Method::GET, path, Viewer, handler) }
}

pub(super) fn all() -> Vec<Route> {
    let (read, send) = (Method::GET, Method::POST);
    vec![
        old("/api/keyspaces/", old::keyspaces),
        old("/api/keyspaces/{keyspace}", old::keyspace),
        old("/api/topodata/", old::topo_root),
        old("/api/topodata/{*path}", old::topo_path),
        route(read.clone(), "/api/openapi.json", Open, openapi::document),
        route(read.clone(), "/api/session", Open, session::show),
        route(send.clone(), "/api/session", Open, session::begin),
        route(Method::DELETE, "/api/session", Open, session::end),
        route(read.clone(), "/api/live/keyspaces", Viewer, picture::keyspaces),
        route(read.clone(), "/api/live/tablets", Viewer, picture::tablets),
        route(read.clone(), "/api/live/tablets/{alias}", Viewer, picture::tablet),
        route(send.clone(), "/api/read/{rpc}", Viewer, reads::read),
        route(read.clone(), "/api/history", Viewer, reads::cluster_history),
        route(read.clone(), "/api/history/{keyspace}", Viewer, reads::history),
        route(read.clone(), "/api/operations", Viewer, operations::list),
        route(send.clone(), "/api/operations", Operator, operations::begin),
        route(read, "/api/operations/{id}", Viewer, operations::show),
        route(send, "/api/sql", Operator, sql::run),
    ]
}
