//! A mysqld that a mysqlctld looks after, reached over that one's Unix socket: what `mysqlctl --socket-file` and
//! `vttablet --mysqlctl-socket` use.
//!
//! Every call has a limit, and an error names the socket: whoever reads it has to know which of a machine's
//! mysqlctlds is meant.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use proto::mysqlctl::{
    HostMetricsRequest, HostMetricsResponse, ShutdownRequest, StartRequest, VersionStringRequest,
    mysql_ctl_client::MysqlCtlClient,
};
use tonic::{Response, Status};
use vterrors::{Condition, Error, Result};

/// The longest time for a call that only asks.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// What the other side may need to answer beyond the limit that it was given.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteMysqld {
    client: MysqlCtlClient<rpc::Channel>,
    socket: PathBuf,
}

impl RemoteMysqld {
    /// Connects at the first call.
    pub fn new(socket: impl Into<PathBuf>) -> Result<Self> {
        let socket = socket.into();
        let channel = rpc::connect_unix(&socket, &rpc::ChannelOptions::default())?;
        Ok(Self { client: MysqlCtlClient::new(channel), socket })
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts the server and waits until it answers on its own socket; one that runs is left alone.
    pub async fn start(&self, mysqld_args: Vec<String>, limit: Duration) -> Result<()> {
        let request = StartRequest { mysqld_args };
        let mut client = self.client.clone();
        self.within("Start", limit, client.start(request)).await.map(drop)
    }

    /// Stops the server and waits for its end, at most `limit`.
    pub async fn shutdown(&self, limit: Duration) -> Result<()> {
        let mysql_shutdown_timeout = Some(proto::vttime::Duration {
            seconds: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(limit.subsec_nanos()).unwrap_or(0),
        });
        let request = ShutdownRequest { wait_for_mysqld: true, mysql_shutdown_timeout };
        let mut client = self.client.clone();
        let limit = limit.saturating_add(ANSWER_TIME);
        self.within("Shutdown", limit, client.shutdown(request)).await.map(drop)
    }

    /// What `mysqld --version` prints there.
    pub async fn version(&self) -> Result<String> {
        let mut client = self.client.clone();
        let asked = client.version_string(VersionStringRequest {});
        self.within("VersionString", ASK_LIMIT, asked).await.map(|answer| answer.version)
    }

    /// How loaded the machine of that mysqld is.
    pub async fn host_metrics(&self) -> Result<HostMetricsResponse> {
        let mut client = self.client.clone();
        let asked = client.host_metrics(HostMetricsRequest {});
        self.within("HostMetrics", ASK_LIMIT, asked).await
    }

    /// The answer of a call, or an error that says which mysqlctld was asked what.
    async fn within<T>(
        &self,
        call: &str,
        limit: Duration,
        work: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T> {
        let answer = match tokio::time::timeout(limit, work).await {
            Ok(answer) => answer.map(Response::into_inner).map_err(rpc::error_of),
            Err(_) => Err(Error::new(Condition::Timeout, format!("{call} took longer than {limit:?}"))),
        };
        answer.map_err(|e| e.context(format!("mysqlctld at {}", self.socket.display())))
    }
}
