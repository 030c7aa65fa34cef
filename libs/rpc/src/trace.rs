//! The trace that a call belongs to, for the work that answers it.
//!
//! It is with the task, not an argument of every call: only a server that was asked to looks for it
//! ([`Routes::with_traces`](crate::Routes::with_traces)), and only who traces asks for it.

use std::sync::Arc;

tokio::task_local! {
    static TRACEPARENT: Arc<str>;
}

/// The `traceparent` of the call that is being answered; none outside of one, or where it has none.
pub fn trace_parent() -> Option<Arc<str>> {
    TRACEPARENT.try_with(Arc::clone).ok()
}

/// Does `work` for a call that belongs to a trace.
pub(crate) async fn within<T>(traceparent: &str, work: impl Future<Output = T>) -> T {
    TRACEPARENT.scope(traceparent.into(), work).await
}
