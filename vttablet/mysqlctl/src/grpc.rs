//! `mysqlctl.MysqlCtl` over a Unix socket: how a vttablet starts and stops a mysqld that lives in another
//! container. The service converts and calls; [`crate::supervisor`] acts; [`crate::remote`] is its client.

use std::{fs, time::Duration};

use proto::mysqlctl::{
    ApplyBinlogFileRequest, ApplyBinlogFileResponse, HostMetricsRequest, HostMetricsResponse,
    ReadBinlogFilesTimestampsRequest, ReadBinlogFilesTimestampsResponse, RefreshConfigRequest,
    RefreshConfigResponse, ReinitConfigRequest, ReinitConfigResponse, RunMysqlUpgradeRequest,
    RunMysqlUpgradeResponse, ShutdownRequest, ShutdownResponse, StartRequest, StartResponse,
    VersionStringRequest, VersionStringResponse, host_metrics_response::Metric, mysql_ctl_server::MysqlCtl,
};
use tonic::{Request, Response, Status};
use vterrors::{Error, Result};

use crate::supervisor::Supervisor;

/// How long a shutdown may take when the caller does not say.
pub const DEFAULT_SHUTDOWN_LIMIT: Duration = Duration::from_secs(300);

/// The service over one mysqld.
#[derive(Debug, Clone)]
pub struct MysqlCtlService {
    supervisor: Supervisor,
}

impl MysqlCtlService {
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor }
    }
}

fn answer<T>(result: Result<T>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(rpc::status)
}

#[tonic::async_trait]
impl MysqlCtl for MysqlCtlService {
    async fn start(&self, request: Request<StartRequest>) -> Result<Response<StartResponse>, Status> {
        let args = request.into_inner().mysqld_args;
        answer(self.supervisor.start(args).await.map(|()| StartResponse {}))
    }

    async fn shutdown(
        &self,
        request: Request<ShutdownRequest>,
    ) -> Result<Response<ShutdownResponse>, Status> {
        let limit = request.into_inner().mysql_shutdown_timeout.map(|d| duration(&d));
        let limit = limit.filter(|d| !d.is_zero()).unwrap_or(DEFAULT_SHUTDOWN_LIMIT);
        answer(self.supervisor.shutdown(limit).await.map(|()| ShutdownResponse {}))
    }

    async fn run_mysql_upgrade(
        &self,
        _request: Request<RunMysqlUpgradeRequest>,
    ) -> Result<Response<RunMysqlUpgradeResponse>, Status> {
        // Since 8.0.16 the server upgrades its tables itself when it starts.
        answer(Ok(RunMysqlUpgradeResponse {}))
    }

    async fn apply_binlog_file(
        &self,
        _request: Request<ApplyBinlogFileRequest>,
    ) -> Result<Response<ApplyBinlogFileResponse>, Status> {
        answer(Err(Error::unsupported("ApplyBinlogFile is not supported yet")))
    }

    async fn read_binlog_files_timestamps(
        &self,
        _request: Request<ReadBinlogFilesTimestampsRequest>,
    ) -> Result<Response<ReadBinlogFilesTimestampsResponse>, Status> {
        answer(Err(Error::unsupported("ReadBinlogFilesTimestamps is not supported yet")))
    }

    async fn reinit_config(
        &self,
        _request: Request<ReinitConfigRequest>,
    ) -> Result<Response<ReinitConfigResponse>, Status> {
        answer(self.supervisor.write_config().await.map(|()| ReinitConfigResponse {}))
    }

    async fn refresh_config(
        &self,
        _request: Request<RefreshConfigRequest>,
    ) -> Result<Response<RefreshConfigResponse>, Status> {
        answer(self.supervisor.write_config().await.map(|()| RefreshConfigResponse {}))
    }

    async fn version_string(
        &self,
        _request: Request<VersionStringRequest>,
    ) -> Result<Response<VersionStringResponse>, Status> {
        answer(Ok(VersionStringResponse { version: self.supervisor.version().to_owned() }))
    }

    async fn host_metrics(
        &self,
        _request: Request<HostMetricsRequest>,
    ) -> Result<Response<HostMetricsResponse>, Status> {
        let metrics = [("loadavg", load_average()), ("datadir-used-ratio", used_ratio(&self.supervisor))];
        let metrics = metrics
            .into_iter()
            .map(|(name, value)| {
                let (value, error) = match value {
                    Ok(value) => (value, None),
                    Err(e) => (0.0, Some(e.into())),
                };
                (name.to_owned(), Metric { name: name.to_owned(), value, error })
            })
            .collect();
        answer(Ok(HostMetricsResponse { metrics }))
    }
}

/// Processes that want to run, over the last minute, per processor.
fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")
        .map_err(|e| Error::internal(format!("cannot read /proc/loadavg: {e}")))?;
    let load: Option<f64> = text.split_whitespace().next().and_then(|v| v.parse().ok());
    let load = load.ok_or_else(|| Error::internal(format!("/proc/loadavg holds {text:?}")))?;
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get());
    Ok(load / processors as f64)
}

/// How full the file system of the data is, from 0 to 1.
fn used_ratio(supervisor: &Supervisor) -> Result<f64> {
    let dir = supervisor.data_dir();
    let stat = nix::sys::statvfs::statvfs(&dir)
        .map_err(|e| Error::internal(format!("statvfs {}: {e}", dir.display())))?;
    let (all, free) = (stat.blocks() as f64, stat.blocks_available() as f64);
    Ok(if all > 0.0 { (all - free) / all } else { 0.0 })
}

fn duration(d: &proto::vttime::Duration) -> Duration {
    let (seconds, nanos) = (u64::try_from(d.seconds).unwrap_or(0), u32::try_from(d.nanos).unwrap_or(0));
    Duration::new(seconds, nanos)
}
