//! `/debug/querylog`: the lines of the query log as they come, for a while.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::stream;
use tokio::time::{Instant, timeout_at};

use crate::QueryLog;

/// What is streamed where nobody says: 300 lines, at most 10 seconds.
const LINES: u64 = 300;
const TIME: Duration = Duration::from_secs(10);
/// What one may ask for at most.
const MAX_LINES: u64 = 1_000_000;
const MAX_TIME: Duration = Duration::from_secs(600);

#[derive(Debug, serde::Deserialize)]
struct Limits {
    /// Lines.
    limit: Option<u64>,
    /// Seconds.
    timeout: Option<u64>,
}

pub(crate) fn routes(log: &Arc<QueryLog>) -> Router {
    Router::new().route("/debug/querylog", get(lines)).with_state(log.clone())
}

async fn lines(State(log): State<Arc<QueryLog>>, Query(limits): Query<Limits>) -> Response {
    let left = limits.limit.unwrap_or(LINES).min(MAX_LINES);
    let until = Instant::now() + limits.timeout.map_or(TIME, Duration::from_secs).min(MAX_TIME);
    let lines = stream::unfold((log.view(), left), move |(mut viewer, left)| async move {
        let left = left.checked_sub(1)?;
        let line = timeout_at(until, viewer.next()).await.ok()??;
        Some((Ok::<_, Infallible>(line.to_string()), (viewer, left)))
    });
    let head = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")];
    (head, Body::from_stream(lines)).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::to_bytes, http::Request};
    use servenv::Context;
    use tower::ServiceExt;

    use super::*;
    use crate::{Line, QueryLogOptions, Reasons};

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn who_looks_at_the_page_turns_the_log_on_for_a_while() {
        let (context, reasons) = (Context::new("test"), Reasons::default());
        let log = QueryLog::start(&QueryLogOptions::default(), &reasons, &context).unwrap();
        assert!(!reasons.any() && !log.is_on());
        let request = Request::get("/debug/querylog?limit=2&timeout=60").body(Body::empty()).unwrap();
        let answer = routes(&log).oneshot(request).await.unwrap();
        assert!(reasons.any() && log.is_on());
        for n in 0..3 {
            let mut line = Line::default();
            line.set("N", n);
            log.write(&line);
        }
        let text = tokio::time::timeout(LIMIT, to_bytes(answer.into_body(), 1000)).await.unwrap().unwrap();
        assert_eq!(text, "N=0\nN=1\n");
        assert!(!reasons.any() && !log.is_on());
    }
}
