//! The gRPC face: each RPC is limited in time, handed to `ops`, and its error turned into a status.
//!
//! The list of RPCs is in `ops`; what `ops` does not have answers UNIMPLEMENTED with its name. There are so
//! many that the server which tonic generates for them takes minutes to compile; so the methods are looked
//! up by name here, over messages as bytes ([`bytes_codec`]), and tonic's machinery is compiled once.

mod bytes_codec;
pub(crate) mod dry_run;

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use ops::{Ops, Vtctld};
use prost::Message;
use proto::vtctldata::*;
use rpc::{snake_case, status, time_limit};
use servenv::{Metrics, TimingCounter};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, body::Body, server::NamedService};
use vterrors::{Condition, Error, Result};

use bytes_codec::BytesCodec;

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An RPC: an encoded request to an encoded response.
pub(crate) type Operation = fn(Arc<Ops>, Bytes) -> Boxed<Result<Bytes>>;

/// `vtctlservice.Vtctld`; clones share one state.
#[derive(Clone)]
pub(crate) struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    ops: Arc<Ops>,
    /// The limit of a call that comes without a deadline.
    action_timeout: Duration,
    calls: TimingCounter,
    errors: servenv::Counter,
}

impl Service {
    pub(crate) fn new(ops: Arc<Ops>, metrics: &Metrics, action_timeout: Duration) -> Self {
        let (calls, errors) = (TimingCounter::default(), metrics.counter("VtctldErrors"));
        let published = calls.clone();
        metrics.publish("VtctldCalls", move || serde_json::json!(published.count()));
        Self { shared: Arc::new(Shared { ops, action_timeout, calls, errors }) }
    }
}

impl NamedService for Service {
    const NAME: &'static str = "vtctlservice.Vtctld";
}

impl tower::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let call = Call { shared: self.shared.clone(), method };
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(BytesCodec)
                .max_decoding_message_size(rpc::MAX_MESSAGE_BYTES)
                .max_encoding_message_size(rpc::MAX_MESSAGE_BYTES);
            Ok(grpc.unary(call, request).await)
        })
    }
}

/// One call of one method.
struct Call {
    shared: Arc<Shared>,
    method: String,
}

impl tonic::server::UnaryService<Bytes> for Call {
    type Response = Bytes;
    type Future = Boxed<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (shared, method) = (self.shared.clone(), std::mem::take(&mut self.method));
        Box::pin(async move {
            let Some(operation) = operation(&snake_case(&method)) else {
                return Err(status(Error::unsupported(format!("vtctld does not support {method} yet"))));
            };
            let limit = time_limit(request.metadata().as_ref());
            let peer = request.extensions().get::<rpc::Peer>();
            let said = request.metadata().get(rpc::CALLER_KEY).and_then(|v| v.to_str().ok());
            let ops = Arc::new(shared.ops.acting_as(&who(peer.map(|p| &*p.name), said)));
            let work = operation(ops, request.into_inner());
            shared.carry_out(&method, limit, work).await.map(Response::new).map_err(status)
        })
    }
}

/// The longest name of a caller, in characters.
const MAX_WHO_CHARS: usize = 100;

/// Who asks, for the history: the name in the certificate is proven, what a caller says of itself is not, and is marked so.
fn who(proven: Option<&str>, said: Option<&str>) -> String {
    let tidy = |name: &str| -> String {
        name.trim().chars().filter(|c| !c.is_control()).take(MAX_WHO_CHARS).collect()
    };
    // Without what marks a name here.
    let said = said.map(|name| tidy(&name.replace(['(', ')', ','], ""))).filter(|name| !name.is_empty());
    match (proven.map(tidy), said) {
        (Some(name), Some(said)) => format!("{name} (certificate), says {said}"),
        (Some(name), None) => format!("{name} (certificate)"),
        (None, Some(said)) => format!("{said} (unproven)"),
        (None, None) => "gRPC".to_owned(),
    }
}

impl Shared {
    /// Runs an operation in a task of its own: a caller that goes away must not break a reparent off
    /// between two steps. What outlives its caller's deadline ends by its own limits.
    async fn carry_out<T: Send + 'static>(
        &self,
        name: &str,
        deadline: Option<Duration>,
        work: Boxed<Result<T>>,
    ) -> Result<T> {
        let started = std::time::Instant::now();
        let limit = deadline.unwrap_or(self.action_timeout);
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            // A caller that is gone does not hear the answer.
            let _ = tell.send(work.await);
        });
        let done = match tokio::time::timeout(limit, told).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Error::internal(format!("{name}: its task failed"))),
            Err(_) => {
                let text = format!("{name}: not done within {limit:?}; it goes on in vtctld");
                Err(Error::new(Condition::Timeout, text))
            }
        };
        self.calls.record(started.elapsed());
        match &done {
            Ok(_) => tracing::info!(rpc = name, took = ?started.elapsed(), "done"),
            Err(e) => {
                self.errors.inc();
                tracing::warn!(rpc = name, took = ?started.elapsed(), error = %e, "failed");
            }
        }
        done
    }
}

macro_rules! operations {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        /// The operation of an RPC's name in snake case.
        pub(crate) fn operation(name: &str) -> Option<Operation> {
            Some(match name {
                $(stringify!($method) => |ops, body| Box::pin(async move {
                    let request = $request::decode(body).map_err(malformed)?;
                    let response: $response = ops.$method(request).await?;
                    Ok(response.encode_to_vec().into())
                }),)*
                _ => return None,
            })
        }
    };
}

ops::for_each_rpc!(operations);

fn malformed(e: prost::DecodeError) -> Error {
    Error::invalid(format!("the request cannot be decoded: {e}"))
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    #[test]
    fn a_certificate_is_proof_and_a_word_is_not() {
        assert_eq!(who(None, None), "gRPC");
        assert_eq!(who(None, Some("ada@one")), "ada@one (unproven)");
        assert_eq!(who(Some("deploy"), None), "deploy (certificate)");
        assert_eq!(who(Some("deploy"), Some("ada@one")), "deploy (certificate), says ada@one");
        let forged = who(None, Some(&format!("a\nroot (certificate){}", "x".repeat(500))));
        assert!(forged.ends_with("(unproven)") && !forged.contains('\n') && forged.len() < 120, "{forged}");
    }

    /// Every unary RPC of the service is found under its name on the wire.
    #[test]
    fn every_unary_rpc_has_its_operation() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let service = pool.get_service_by_name(Service::NAME).unwrap();
        let unary: Vec<_> = service.methods().filter(|m| !m.is_server_streaming()).collect();
        assert!(unary.len() > 100, "{}", unary.len());
        for method in unary {
            assert!(operation(&snake_case(method.name())).is_some(), "{}", method.name());
        }
    }
}
