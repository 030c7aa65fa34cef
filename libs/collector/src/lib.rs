//! A collector of traces in a test's own process: takes OTLP over gRPC at a free port and keeps the spans. Only tests
//! use it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrets::tls::ServerTls;
use tokio::{net::TcpListener, task::JoinHandle};
use tracer::otlp::{EXPORT, ExportTraceServiceRequest, ExportTraceServiceResponse, Span};

/// See the module. It ends when it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: String,
    spans: Arc<Mutex<Vec<Span>>>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// One that speaks no TLS.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that speaks TLS alone, where it is given.
    ///
    /// # Panics
    /// When there is no free port on 127.0.0.1.
    pub async fn start_with(tls: Option<Arc<ServerTls>>) -> Self {
        let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
        let kept = spans.clone();
        let routes = rpc::routes().await.expect("the services of every server can be made");
        let routes = routes.unary(EXPORT, move |request: ExportTraceServiceRequest| {
            let scopes = request.resource_spans.into_iter().flat_map(|process| process.scope_spans);
            lock(&kept).extend(scopes.flat_map(|scope| scope.spans));
            async { Ok(ExportTraceServiceResponse::default()) }
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = socket.local_addr().expect("a bound socket has an address").to_string();
        let listener = rpc::Listener::new(socket, tls);
        let serving = tokio::spawn(async move {
            // It serves until the test is over.
            let _ = rpc::serve(listener, routes, Arc::new([]), std::future::pending()).await;
        });
        Self { address, spans, serving }
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The spans that came so far.
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.spans).clone()
    }

    /// Those that came since the last time.
    pub fn take(&self) -> Vec<Span> {
        std::mem::take(&mut *lock(&self.spans))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(spans: &Mutex<Vec<Span>>) -> MutexGuard<'_, Vec<Span>> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `parent > child` by their names, in order. A span whose parent is the caller's span `client` is a child of `client`,
/// one whose parent did not come a child of `nobody`.
pub fn tree(spans: &[Span], client: &[u8]) -> Vec<String> {
    let name = |id: &[u8]| match spans.iter().find(|span| span.span_id == id) {
        Some(span) => span.name.as_str(),
        None if id == client => "client",
        None => "nobody",
    };
    let mut tree: Vec<_> =
        spans.iter().map(|span| format!("{} > {}", name(&span.parent_span_id), span.name)).collect();
    tree.sort();
    tree
}
