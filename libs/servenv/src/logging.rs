//! Structured logs: to stderr, or to `<log_dir>/<program>.log`, or to both.

use std::{fs::OpenOptions, path::PathBuf, sync::Mutex};

use clap::Args;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry::Registry, util::SubscriberInitExt,
};
use vterrors::{Error, Result};

#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// Folder of the log file; stderr alone when not given
    #[arg(long = "log_dir")]
    pub log_dir: Option<PathBuf>,
    /// Log to stderr only
    #[arg(long)]
    pub logtostderr: bool,
    /// Log to stderr as well as to the file
    #[arg(long)]
    pub alsologtostderr: bool,
    /// What is logged: error, warn, info, debug, or per module as in `info,vtgate=debug`
    #[arg(long, default_value = "info")]
    pub log_level: String,
    /// Log lines as text or json
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    pub log_format: String,
}

impl LogOptions {
    /// Starts logging for the process; the first call counts.
    pub fn start(&self, program: &str) -> Result<()> {
        let filter = EnvFilter::try_new(&self.log_level)
            .map_err(|e| Error::invalid(format!("invalid --log-level {:?}: {e}", self.log_level)))?;
        let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
        let json = self.log_format == "json";
        if let Some(dir) = self.log_dir.as_ref().filter(|_| !self.logtostderr) {
            let path = dir.join(format!("{program}.log"));
            let open = || {
                std::fs::create_dir_all(dir)?;
                OpenOptions::new().create(true).append(true).open(&path)
            };
            let file = open()
                .map_err(|e| Error::invalid(format!("cannot open log file {}: {e}", path.display())))?;
            let layer = fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
            layers.push(if json { layer.json().boxed() } else { layer.boxed() });
        }
        if layers.is_empty() || self.alsologtostderr {
            let layer = fmt::layer().with_ansi(false).with_writer(std::io::stderr);
            layers.push(if json { layer.json().boxed() } else { layer.boxed() });
        }
        // A second start in one process (tests) keeps the first one's writers.
        let _ = tracing_subscriber::registry().with(layers).with(filter).try_init();
        Ok(())
    }
}
