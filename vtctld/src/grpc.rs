//! The gRPC face: each RPC is limited in time, handed to `ops`, and its error turned into a status.
//!
//! The list of RPCs is in `ops`; what `ops` does not have answers UNIMPLEMENTED with its name.

use std::{sync::Arc, time::Duration};

use ops::{Ops, Vtctld};
use proto::{vtctldata::*, vtctlservice::vtctld_server};
use rpc::status;
use servenv::{Metrics, TimingCounter};
use tonic::{Request, Response, Status, codegen::BoxStream};
use vterrors::{Condition, Error, Result};

/// `vtctlservice.Vtctld`.
pub(crate) struct Service {
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
        Self { ops, action_timeout, calls, errors }
    }

    /// Runs an operation in a task of its own: a caller that goes away must not break a reparent off
    /// between two steps. What outlives its caller's deadline ends by its own limits.
    async fn call<A: Send + 'static>(
        &self,
        name: &'static str,
        deadline: Option<Duration>,
        work: impl Future<Output = Result<A>> + Send + 'static,
    ) -> Result<Response<A>, Status> {
        let started = std::time::Instant::now();
        let limit = deadline.unwrap_or(self.action_timeout);
        let done = match tokio::time::timeout(limit, tokio::spawn(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(e)) => Err(Error::internal(format!("{name}: its task failed: {e}"))),
            Err(_) => {
                let text = format!("{name}: not done within {limit:?}; it goes on in vtctld");
                Err(Error::new(Condition::Timeout, text))
            }
        };
        self.calls.record(started.elapsed());
        match done {
            Ok(answer) => {
                tracing::info!(rpc = name, took = ?started.elapsed(), "done");
                Ok(Response::new(answer))
            }
            Err(e) => {
                self.errors.inc();
                tracing::warn!(rpc = name, took = ?started.elapsed(), error = %e, "failed");
                Err(status(e))
            }
        }
    }
}

/// The time that the caller gives us, from gRPC's header: a number of up to eight digits and a unit.
fn deadline<T>(request: &Request<T>) -> Option<Duration> {
    let text = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.checked_mul(3600)?),
        "M" => Duration::from_secs(number.checked_mul(60)?),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn unsupported<T>(name: &str) -> Result<T, Status> {
    Err(status(Error::unsupported(format!("vtctld does not support {name} yet"))))
}

macro_rules! serve {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl vtctld_server::Vtctld for Service {
            $(async fn $method(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                let ops = self.ops.clone();
                let limit = deadline(&request);
                let work = async move { ops.$method(request.into_inner()).await };
                self.call(stringify!($method), limit, work).await
            })*

            async fn backup(&self, _: Request<BackupRequest>) -> Result<Response<BoxStream<BackupResponse>>, Status> {
                unsupported("backup")
            }

            async fn backup_shard(
                &self,
                _: Request<BackupShardRequest>,
            ) -> Result<Response<BoxStream<BackupResponse>>, Status> {
                unsupported("backup_shard")
            }

            async fn restore_from_backup(
                &self,
                _: Request<RestoreFromBackupRequest>,
            ) -> Result<Response<BoxStream<RestoreFromBackupResponse>>, Status> {
                unsupported("restore_from_backup")
            }
        }
    };
}

ops::for_each_rpc!(serve);
