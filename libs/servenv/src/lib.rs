//! The frame of every process: options, logging, metrics, admin HTTP, signals, ordered shutdown.
//!
//! A service is `start(options, context) -> Result<Vec<Step>>`: it returns when it is up, with the named,
//! timed steps that take it down again. [`run`] does the rest. Nothing here is global: what a service
//! needs it finds in its [`Context`].

mod admin;
mod args;
mod config_file;
mod context;
mod cores;
mod duration;
mod logging;
mod metrics;
mod nearest;
mod options;
mod run;
mod shutdown;
mod version;
mod whoami;

pub use admin::{AdminPages, ByTls, StatusSection, html_escape};
pub use args::{Check, normalise, parse, parse_checked, parse_from};
pub use context::Context;
pub use cores::Cores;
pub use duration::{format_duration, parse_duration};
pub use logging::LogOptions;
pub use metrics::{Counter, Gauge, Metrics, TimingCounter};
pub use nearest::{distance, nearest};
pub use options::{ServerOptions, bind_address};
pub use run::{run, run_checked, run_tool};
pub use shutdown::Step;
pub use version::version_text;
pub use whoami::{host_name, user_at_host};
