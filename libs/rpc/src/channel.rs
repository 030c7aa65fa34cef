//! Client side: a channel to one peer over one or several HTTP/2 connections.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tonic::{body::Body, transport::Endpoint};
use tower::{Layer, Service};
use vterrors::{Error, Result};

use crate::codes::{CodeLayer, CodeService};

/// How to reach a peer.
#[derive(Debug, Clone)]
pub struct ChannelOptions {
    /// HTTP/2 connections side by side: one alone runs in lock-step under load.
    pub connections: usize,
    pub connect_timeout: Duration,
    pub keepalive: Duration,
    pub keepalive_timeout: Duration,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            connections: 1,
            connect_timeout: Duration::from_secs(5),
            keepalive: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(10),
        }
    }
}

type Connection = CodeService<tonic::transport::Channel>;

/// A channel that generated clients take. Cheap to clone; calls take the connections in turn.
#[derive(Debug, Clone)]
pub struct Channel {
    connections: Arc<[Connection]>,
    next: Arc<AtomicUsize>,
    /// The connection that was polled ready and gets the next call.
    ready: Option<Connection>,
}

/// A channel to `host:port` that connects at its first call and again when a connection broke.
pub fn connect_lazy(address: &str, options: &ChannelOptions) -> Result<Channel> {
    let endpoint = endpoint(&format!("http://{address}"), options)
        .map_err(|e| Error::invalid(format!("invalid gRPC address {address:?}: {e}")))?;
    let connections = (0..options.connections.max(1)).map(|_| endpoint.connect_lazy());
    Ok(Channel::over(connections))
}

/// A channel over a Unix socket; connects at its first call.
pub fn connect_unix(path: impl Into<PathBuf>, options: &ChannelOptions) -> Result<Channel> {
    let path: PathBuf = path.into();
    let endpoint = endpoint("http://unix", options).map_err(|e| Error::internal(e.to_string()))?;
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { tokio::net::UnixStream::connect(path).await.map(hyper_util::rt::TokioIo::new) }
    });
    Ok(Channel::over([endpoint.connect_with_connector_lazy(connector)]))
}

fn endpoint(uri: &str, options: &ChannelOptions) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(uri.to_owned())?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(options.keepalive)
        .keep_alive_timeout(options.keepalive_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(crate::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(crate::CONNECTION_WINDOW_BYTES)
        .tcp_nodelay(true))
}

impl Channel {
    fn over(connections: impl IntoIterator<Item = tonic::transport::Channel>) -> Self {
        let layer = CodeLayer::client();
        Self {
            connections: connections.into_iter().map(|c| layer.layer(c)).collect(),
            next: Arc::default(),
            ready: None,
        }
    }
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Connection as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let connections = &self.connections;
        let turn = &self.next;
        let connection = self.ready.get_or_insert_with(|| {
            connections[turn.fetch_add(1, Ordering::Relaxed) % connections.len()].clone()
        });
        connection.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut connection = self.ready.take().expect("tower calls poll_ready before call");
        connection.call(request)
    }
}
