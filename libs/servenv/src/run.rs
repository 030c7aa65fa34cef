//! The life of a process, from top to bottom: options, log, port, start, wait for a signal, go down.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use secrets::tls::CertificateEnds;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tracing::info;
use vterrors::{Context as _, Error, Result};

use crate::{
    Context, Cores, ServerOptions, Step, admin,
    args::{self, Check},
    shutdown, version_text,
};

/// How long tasks may take to see that the process stops.
const TASKS_LIMIT: Duration = Duration::from_secs(5);

/// Runs a server process. `server` finds the common options in the program's; `start` brings the service
/// up and returns the steps that take it down. A fault before or in `start` is printed; exit code 1.
pub fn run<O, F>(
    program: &'static str,
    server: impl FnOnce(&O) -> &ServerOptions,
    start: impl FnOnce(O, Context) -> F,
) -> ExitCode
where
    O: Parser,
    F: Future<Output = Result<Vec<Step>>>,
{
    run_checked(program, server, |_| Ok(()), start)
}

/// As [`run`]; what `check` finds wrong in the options is told together with the other faults of the command
/// line.
pub fn run_checked<O, F>(
    program: &'static str,
    server: impl FnOnce(&O) -> &ServerOptions,
    check: Check<O>,
    start: impl FnOnce(O, Context) -> F,
) -> ExitCode
where
    O: Parser,
    F: Future<Output = Result<Vec<Step>>>,
{
    let options: O = match args::parse(check) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let server = server(&options).clone();
    in_runtime(program, Builder::new_current_thread(), async move {
        server.log.start(program)?;
        let cores = Cores::start(server.worker_threads())?;
        let context = Context::new(program).on_cores(cores.clone());
        let http_tls = server.http_tls()?;
        if http_tls.is_some() {
            context.metrics.publish_certificates(CertificateEnds::default().server(http_tls.as_ref()));
        }
        let listener = server.http_address()?.map(admin::bind).transpose()?;
        info!(version = version_text(), "starting {program}");
        let steps = start(options, context.clone()).await?;
        if let Some(listener) = listener {
            admin::serve(listener, http_tls, context.clone())?;
        }
        let pid_file = write_pid_file(&server)?;
        info!("{program} is up");
        stop_signal().await?;
        info!("shutting down");
        tokio::time::sleep(server.lameduck_period).await;
        shutdown::execute(steps).await;
        context.stop_tasks(TASKS_LIMIT).await;
        cores.stop();
        if let Some(path) = pid_file {
            let _ = std::fs::remove_file(path);
        }
        info!("{program} is down");
        Ok(())
    })
}

/// Runs a program that does one thing and ends.
pub fn run_tool<O, F>(program: &'static str, work: impl FnOnce(O) -> F) -> ExitCode
where
    O: Parser,
    F: Future<Output = Result<()>>,
{
    match args::parse(|_| Ok(())) {
        Ok(options) => in_runtime(program, Builder::new_multi_thread(), work(options)),
        Err(code) => code,
    }
}

#[allow(clippy::print_stderr)]
fn in_runtime(program: &str, mut builder: Builder, work: impl Future<Output = Result<()>>) -> ExitCode {
    let result = match builder.enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            // What still runs was told to stop and had its time.
            runtime.shutdown_timeout(Duration::from_secs(1));
            result
        }
        Err(e) => Err(Error::internal(format!("cannot start the runtime: {e}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!("{e}");
            eprintln!("{program}: {e}");
            ExitCode::FAILURE
        }
    }
}

fn write_pid_file(server: &ServerOptions) -> Result<Option<std::path::PathBuf>> {
    let Some(path) = &server.pid_file else { return Ok(None) };
    std::fs::write(path, format!("{}\n", std::process::id()))
        .map_err(|e| Error::invalid(e.to_string()))
        .context_with(|| format!("cannot write --pid-file {}", path.display()))?;
    Ok(Some(path.clone()))
}

async fn stop_signal() -> Result<()> {
    let listen = |kind| signal(kind).map_err(|e| Error::internal(format!("cannot listen for signals: {e}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}
