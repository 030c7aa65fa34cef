//! Where commands go: to a vtctld over gRPC, or to the operations in this process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ops::{Ops, Vtctld};
use prost::Message;
use proto::{vtctldata::*, vtctlservice::vtctld_client::VtctldClient};
use rpc::{Channel, MAX_MESSAGE_BYTES, error_of};
use tabletclient::GrpcTabletManagerClient;
use tonic::{Request, metadata::AsciiMetadataValue};
use vterrors::{Condition, Error, Result};

use crate::{GlobalOptions, plans::Plans};

/// The value of `--server` that needs no server.
pub(crate) const INTERNAL: &str = "internal";

/// The vtctld, and who tells the steps of reparents.
pub(crate) async fn open(options: &GlobalOptions) -> Result<(Box<dyn Vtctld>, Plans)> {
    match options.server.as_str() {
        "" => Err(Error::invalid("please give --server <vtctld host>:<grpc port>, or --server internal")),
        INTERNAL => {
            let topo = topo::Server::open(&options.topo.validate()?).await?;
            let tablets = Arc::new(GrpcTabletManagerClient::with_options(
                options.action_timeout,
                options.manager_grpc.channels()?,
            ));
            let ops = Ops::new(topo, tablets)
                .acting_as(&format!("{} (--server internal)", servenv::user_at_host()));
            Ok((Box::new(ops.clone()), Plans::Here(ops)))
        }
        address => {
            let channel = rpc::connect_lazy(address, &options.vtctld_grpc.channels()?)?;
            let grpc = VtctldClient::new(channel.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES);
            let remote = Remote {
                grpc,
                channel,
                address: address.to_owned(),
                limit: options.action_timeout,
                caller: servenv::user_at_host().parse().ok(),
                is_plain: options.vtctld_grpc.ca.is_none(),
            };
            Ok((Box::new(remote.clone()), Plans::There(Box::new(remote))))
        }
    }
}

/// A vtctld.
#[derive(Clone)]
pub(crate) struct Remote {
    grpc: VtctldClient<Channel>,
    /// The same connection, for calls that are not Vitess's.
    channel: Channel,
    address: String,
    /// Sent with each call, so that the server gives up when we do.
    limit: Duration,
    /// Who runs this, for the history.
    caller: Option<AsciiMetadataValue>,
    /// Called without TLS.
    is_plain: bool,
}

impl Remote {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.limit);
        if let Some(caller) = &self.caller {
            request.metadata_mut().insert(rpc::CALLER_KEY, caller.clone());
        }
        request
    }

    /// Calls a method that is not among Vitess's.
    pub(crate) async fn ask<A: Message + Default>(
        &self,
        path: &'static str,
        request: &impl Message,
    ) -> Result<A> {
        self.channel.unary(path, request).await.map_err(|e| {
            let broken = matches!(e.condition(), Condition::Unreachable | Condition::ConnectionLost);
            self.named(e, broken)
        })
    }

    fn fault(&self, status: tonic::Status) -> Error {
        // Only what the transport met has a source.
        let broken = std::error::Error::source(&status).is_some();
        self.named(error_of(status), broken)
    }

    /// A server that cannot be reached is named; what a server answers stands for itself.
    fn named(&self, e: Error, broken: bool) -> Error {
        match broken {
            false => e,
            // A server that speaks TLS alone hangs up on whoever does not.
            true if self.is_plain && e.condition() == Condition::ConnectionLost => e.context(format!(
                "vtctld at {} (called without TLS; if it wants TLS, give --vtctld-grpc-ca)",
                self.address
            )),
            true => e.context(format!("vtctld at {}", self.address)),
        }
    }
}

macro_rules! remote {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[async_trait]
        impl Vtctld for Remote {
            $(async fn $method(&self, request: $request) -> Result<$response> {
                let answer = self.grpc.clone().$method(self.request(request)).await;
                answer.map(tonic::Response::into_inner).map_err(|status| self.fault(status))
            })*
        }
    };
}

ops::for_each_rpc!(remote);
