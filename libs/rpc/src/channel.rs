//! Client side: a channel to one peer over one or several HTTP/2 connections.
//!
//! A call speaks to [`h2`] itself. Between a caller and the socket there is one task, the connection's: a
//! framework around it adds a queue and a task for requests, one for each answer and one for each body, and
//! a query is too short for that.
//!
//! Each runtime has connections of its own: with a runtime a core (see `servenv::Cores`), a call is sent and
//! answered on the core that makes it.

mod call;
mod connection;
mod connector;
mod service;

use std::{
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, uri::Authority};
use tokio::runtime::{Handle, Id};
use vterrors::{Error, Result};

use connection::{Place, Sender};
pub use connector::{Connector, Network, Stream};

/// How to reach a peer.
#[derive(Debug, Clone)]
pub struct ChannelOptions {
    /// HTTP/2 connections side by side, for each runtime that calls.
    pub connections: usize,
    pub connect_timeout: Duration,
    pub keepalive: Duration,
    pub keepalive_timeout: Duration,
    /// For peers that are named `host:port`; says whether TLS is spoken with them.
    pub connector: Connector,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            connections: 1,
            connect_timeout: Duration::from_secs(5),
            keepalive: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(10),
            connector: Connector::default(),
        }
    }
}

/// Where a peer listens.
#[derive(Debug, Clone)]
enum Peer {
    Tcp(String),
    Unix(PathBuf),
}

/// A channel that generated clients take, and [`Channel::unary`] calls. Cheap to clone; calls take the
/// connections in turn.
#[derive(Debug, Clone)]
pub struct Channel {
    shared: Arc<Shared>,
    /// What calls carry as `traceparent`.
    trace: Option<HeaderValue>,
}

#[derive(Debug)]
struct Shared {
    peer: Peer,
    authority: Authority,
    options: ChannelOptions,
    /// Few: a list is faster to look through than a map.
    runtimes: RwLock<Vec<(Id, Arc<Places>)>>,
}

/// The connections of one runtime.
#[derive(Debug)]
struct Places {
    places: Box<[Place]>,
    turn: AtomicUsize,
}

/// A channel to `host:port` that connects at its first call and again when a connection broke.
pub fn connect_lazy(address: &str, options: &ChannelOptions) -> Result<Channel> {
    let authority = Authority::try_from(address)
        .ok()
        .filter(|a| a.port().is_some())
        .ok_or_else(|| Error::invalid(format!("invalid gRPC address {address:?}: expected host:port")))?;
    Ok(Channel::new(Peer::Tcp(address.to_owned()), authority, options))
}

/// A channel over a Unix socket; connects at its first call.
pub fn connect_unix(path: impl Into<PathBuf>, options: &ChannelOptions) -> Result<Channel> {
    Ok(Channel::new(Peer::Unix(path.into()), Authority::from_static("unix"), options))
}

impl Channel {
    fn new(peer: Peer, authority: Authority, options: &ChannelOptions) -> Self {
        let options = options.clone();
        let shared = Shared { peer, authority, options, runtimes: RwLock::default() };
        Self { shared: Arc::new(shared), trace: None }
    }

    /// The same connections, for calls that belong to a trace: they carry this `traceparent`.
    pub fn traced(&self, traceparent: &str) -> Self {
        Self { shared: self.shared.clone(), trace: HeaderValue::from_str(traceparent).ok() }
    }

    /// Ends all its connections: calls under way fail with `ConnectionLost`, later ones connect anew.
    pub fn close(&self) {
        let runtimes = self.shared.runtimes.read().unwrap_or_else(PoisonError::into_inner);
        runtimes.iter().flat_map(|(_, places)| &places.places).for_each(Place::close);
    }

    /// A connection of this runtime that takes a request, opened when there is none.
    async fn sender(&self) -> Result<Sender> {
        let shared = &self.shared;
        let places = shared.places(Handle::current().id());
        let turn = places.turn.fetch_add(1, Ordering::Relaxed);
        let place = &places.places[turn % places.places.len()];
        match place.sender().await {
            Some(sender) => Ok(sender),
            None => place.reopen(&shared.peer, &shared.options).await,
        }
    }
}

impl Shared {
    fn places(&self, runtime: Id) -> Arc<Places> {
        let find =
            |list: &[(Id, Arc<Places>)]| list.iter().find(|(id, _)| *id == runtime).map(|r| r.1.clone());
        if let Some(places) = find(&self.runtimes.read().unwrap_or_else(PoisonError::into_inner)) {
            return places;
        }
        let mut runtimes = self.runtimes.write().unwrap_or_else(PoisonError::into_inner);
        find(&runtimes).unwrap_or_else(|| {
            let places = (0..self.options.connections.max(1)).map(|_| Place::default()).collect();
            let places = Arc::new(Places { places, turn: AtomicUsize::new(0) });
            runtimes.push((runtime, places.clone()));
            places
        })
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
