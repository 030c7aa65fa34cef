//! `mysqlctld`: the process beside a mysqld. It initialises and starts the server, keeps it as its child, and
//! serves `mysqlctl.MysqlCtl` on a Unix socket to a vttablet in another container.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use mysqlctl::{
    grpc::{DEFAULT_SHUTDOWN_LIMIT, MysqlCtlService},
    options::{ENVIRONMENT, MysqldOptions, WaitTime},
    supervisor::Supervisor,
};
use proto::mysqlctl::mysql_ctl_server::MysqlCtlServer;
use servenv::{Context, ServerOptions, Step};
use vterrors::{Error, Result};

/// Runs the mysqld of a tablet beside it: initialises it if need be, starts it, ends with it, and lets vttablet and
/// mysqlctl control it through --socket-file
#[derive(Debug, Clone, Parser)]
#[command(name = "mysqlctld", after_help = ENVIRONMENT)]
struct Options {
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    mysqld: MysqldOptions,
    #[command(flatten)]
    wait: WaitTime,
    /// File of SQL to run instead of the built-in creation of the users
    #[arg(long, value_name = "FILE")]
    init_db_sql_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    servenv::run_checked("mysqlctld", |options: &Options| &options.server, check, start)
}

fn check(options: &Options) -> Result<()> {
    match (options.server.grpc_port, &options.mysqld.socket_file) {
        (Some(_), None) => Err(Error::unsupported(
            "--grpc-port: mysqlctld serves gRPC on the Unix socket --socket-file only",
        )),
        _ => Ok(()),
    }
}

async fn start(options: Options, context: Context) -> Result<Vec<Step>> {
    let mut mysqld = options.mysqld.mysqld()?;
    let cnf = options.mysqld.cnf_options()?;
    let limit = options.wait.wait_time;
    if !mysqld.is_initialized() {
        mysqld.init(&cnf, options.init_db_sql_file.as_deref(), limit).await?;
        // Started again below as a child of the supervisor, which then sees how it ends.
        mysqld.shutdown(limit).await?;
    }
    let (supervisor, task, mut ended) = Supervisor::new(mysqld, cnf);
    context.spawn("mysqld", task);
    supervisor.start(Vec::new()).await?;
    let stopping = context.stop.clone();
    context.spawn("mysqld-ended", async move {
        if ended.wait_for(|ended| *ended).await.is_ok() {
            // There is nothing left to control: end as if told to.
            let _cannot_fail = nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM);
        }
    });
    if let Some(socket) = options.mysqld.socket_file.clone() {
        let routes =
            rpc::routes().await?.add_service(MysqlCtlServer::new(MysqlCtlService::new(supervisor.clone())));
        context.spawn("grpc", async move {
            if let Err(e) = rpc::serve_unix(&socket, routes, stopping.cancelled_owned()).await {
                tracing::error!("{e}");
            }
        });
    }
    let limit = DEFAULT_SHUTDOWN_LIMIT + Duration::from_secs(10);
    Ok(vec![Step::new("mysqld", limit, async move {
        if let Err(e) = supervisor.shutdown(DEFAULT_SHUTDOWN_LIMIT).await {
            tracing::error!("{e}");
        }
    })])
}
