//! Server side: the frame around a process's gRPC services.
//!
//! A call costs one task. The calls of [`Server::unary`] are looked up by their path and get the message as
//! it came, and what they answer goes to HTTP/2 as it is; everything else (streams, health, reflection) goes
//! through the services that are generated for tonic.
//!
//! Connections are placed on the runtimes that [`serve`] is given, in turn; a call is served where its
//! connection is.

mod answer;
mod connection;
mod listener;
mod peer;

use std::{collections::HashMap, path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixListener,
    runtime::Handle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{body::Body, server::NamedService};
use tower::Service;
use tracing::warn;
use vterrors::{Condition, Error, Result};

use crate::wire;

pub use listener::Listener;
pub use peer::Peer;

/// After a failed accept (no file descriptors left) the next one waits a little.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An encoded answer, to be awaited.
pub type Answered = Pin<Box<dyn Future<Output = Result<Bytes>> + Send>>;
/// A call: the message with its head, to the answer with its head.
type Unary = Arc<dyn Fn(Bytes) -> Answered + Send + Sync>;
/// The calls of a service: a method's name in snake case and the message, to the answer (both as [`encode`] and
/// [`decode`] have them).
type Named = Arc<dyn Fn(&str, Bytes) -> Answered + Send + Sync>;

/// What a server answers.
#[derive(Clone)]
pub struct Routes {
    services: tonic::service::Routes,
    unary: Arc<HashMap<&'static str, Unary>>,
    named: Arc<HashMap<&'static str, Named>>,
    /// Whether calls are looked at for a trace.
    traces: bool,
}

/// The routes that every server has (health, reflection of all of Vitess's packages); add services to it.
pub async fn routes() -> Result<Routes> {
    let (reporter, health) = tonic_health::server::health_reporter();
    // The empty name stands for the server as a whole.
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()
        .map_err(|e| Error::internal(format!("gRPC reflection: {e}")))?;
    let services = tonic::service::Routes::new(health).add_service(reflection);
    Ok(Routes { services, unary: Arc::default(), named: Arc::default(), traces: false })
}

impl Routes {
    /// Tells the work that answers a call which trace it belongs to ([`trace_parent`](crate::trace_parent)).
    pub fn with_traces(self, traces: bool) -> Self {
        Self { traces, ..self }
    }

    /// Adds a service as tonic generates them.
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Error = std::convert::Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.services = self.services.add_service(service);
        self
    }

    /// Answers the calls of `path` (`/package.Service/Method`) by `work`, in place of the service that has it.
    pub fn unary<Q, A, F>(
        mut self,
        path: &'static str,
        work: impl Fn(Q) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default + Send + 'static,
        A: Message,
        F: Future<Output = Result<A>> + Send + 'static,
    {
        let call = move |message| -> Answered {
            let work = work.clone();
            Box::pin(async move {
                let answer = work(wire::decode(message)?).await?;
                wire::frame(&answer)
            })
        };
        Arc::make_mut(&mut self.unary).insert(path, Arc::new(call));
        self
    }

    /// Answers every call of `service` (`package.Service`) by `work`, which gets the method's name in snake case:
    /// for services with many calls, each of which would cost a handler of its own to compile.
    pub fn by_name(
        mut self,
        service: &'static str,
        work: impl Fn(&str, Bytes) -> Answered + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.named).insert(service, Arc::new(work));
        self
    }

    /// What answers a call of `path` that has one message each way.
    fn find(&self, path: &str) -> Option<Unary> {
        if let Some(call) = self.unary.get(path) {
            return Some(call.clone());
        }
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let named = self.named.get(service)?.clone();
        let method = snake_case(method);
        Some(Arc::new(move |message| named(&method, message)))
    }
}

/// The message of a call that is answered by name.
pub fn decode<M: Message + Default>(message: Bytes) -> Result<M> {
    wire::decode(message)
}

/// The answer to a call that is answered by name.
pub fn encode(message: &impl Message) -> Result<Bytes> {
    wire::frame(message)
}

/// `ExecuteFetchAsDBA` -> `execute_fetch_as_dba`, `GetSrvVSchema` -> `get_srv_v_schema`: an upper-case letter
/// begins a word after a lower-case one, and before one.
pub fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in chars.iter().enumerate() {
        let after_lower = at > 0 && !chars[at - 1].is_ascii_uppercase();
        let before_lower = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && at > 0 && (after_lower || before_lower) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Serves on `runtimes` (on this one, when there are none) until `shutdown` is ready, then lets running calls
/// end.
pub async fn serve(
    listener: impl Into<Listener>,
    routes: Routes,
    runtimes: Arc<[Handle]>,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let Listener { socket: listener, door } = listener.into();
    let here = Handle::current();
    let runtimes = if runtimes.is_empty() { std::slice::from_ref(&here) } else { &runtimes[..] };
    let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
    tokio::pin!(shutdown);
    for runtime in runtimes.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(e) => {
                warn!("cannot accept a gRPC connection: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let _ = socket.set_nodelay(true);
        let (door, routes, stop) = (door.clone(), routes.clone(), stop.clone());
        if runtime.id() == here.id() {
            connections.spawn(connection::enter(door, socket, routes, stop));
            continue;
        }
        // A socket belongs to the runtime in which it was made.
        let Ok(socket) = socket.into_std() else { continue };
        let work = async move {
            if let Ok(socket) = tokio::net::TcpStream::from_std(socket) {
                connection::enter(door, socket, routes, stop).await;
            }
        };
        connections.spawn_on(work, runtime);
    }
    drop(listener);
    stop.cancel();
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Serves one peer at the other end of `stream`, until it goes away.
pub async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin>(stream: S, routes: Routes) {
    connection::serve(stream, None, routes, CancellationToken::new()).await;
}

/// The same on a Unix socket at `path`, which is made anew; only its owner can connect.
pub async fn serve_unix(path: &Path, routes: Routes, shutdown: impl Future<Output = ()>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let fault = |what: &str, e: std::io::Error| {
        Error::new(Condition::FailedPrecondition, format!("{what} {}: {e}", path.display()))
    };
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(fault("cannot replace socket", e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(|e| fault("cannot listen on", e))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| fault("cannot restrict", e))?;
    let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((socket, _)) => {
                connections.spawn(connection::serve(socket, None, routes.clone(), stop.clone()));
            }
            Err(e) => {
                warn!("cannot accept a gRPC connection on {}: {e}", path.display());
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    stop.cancel();
    connections.close();
    connections.wait().await;
    Ok(())
}
