//! The operators' command line: Vitess's commands, flags and output, for our vtctld or theirs.
//!
//! A command is a struct of its flags and a `run` that asks a [`ops::Vtctld`] and returns the text to
//! print: over gRPC with `--server host:port`, or in this process with `--server internal`. Nothing else
//! is printed, because scripts read stdout and stderr together as JSON.

mod command;
mod connect;
mod former;
mod hints;
mod lists;
mod plans;
mod print;
mod progress;
mod table;

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser};
use ops::{Vtctld, json::Style};
use rpc::{TabletManagerGrpcOptions, VtctldGrpcOptions};
use servenv::parse_duration;
use topo::TopoOptions;
use vterrors::{Error, Result};

use crate::{command::Command, hints::Subject, plans::Plans};

/// Flags that every command takes, before or after its name.
#[derive(Debug, Clone, Args)]
struct GlobalOptions {
    /// Server to send the command to, as host:port; "internal" works on the topology in this process
    #[arg(long, default_value = "", value_name = "HOST:PORT|internal")]
    server: String,

    /// Leave fields without a value out of JSON
    #[arg(long)]
    compact: bool,

    /// Longest time for the command
    #[arg(long, default_value = "1h", value_parser = parse_duration, value_name = "DURATION")]
    action_timeout: Duration,

    /// Tell on stderr what a command that takes its time is waiting for; done anyway where stderr is a terminal
    #[arg(long)]
    progress: bool,

    #[command(flatten)]
    vtctld_grpc: VtctldGrpcOptions,

    #[command(flatten)]
    manager_grpc: TabletManagerGrpcOptions,

    #[command(flatten)]
    topo: TopoOptions,

    #[command(flatten)]
    log: servenv::LogOptions,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    mysql_server_version: Option<String>,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    security_policy: Option<String>,
}

/// What `--help` says of the words in it.
const WORDS: &str = "\
Words:
  KEYSPACE/SHARD           As customer/-80
  ALIAS                    Name of a tablet, as zone1-0000000100
  SrvKeyspace, SrvVSchema  What the vtgates of a cell read: which shards serve, and which rows they hold

Example:
  vtctldclient --server localhost:15999 GetTablets --keyspace customer";

/// Gives an operator's commands to a cluster: to its vtctld, or straight to the topology
#[derive(Debug, Clone, Parser)]
#[command(name = "vtctldclient", disable_help_subcommand = true, after_help = WORDS)]
struct Options {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

/// [`Options`] with flags that may stand on either side of the command, and commands in lower case too; and what the
/// command names.
struct Cli(Options, Subject);

impl CommandFactory for Cli {
    fn command() -> clap::Command {
        tweak(Options::command())
    }

    fn command_for_update() -> clap::Command {
        tweak(Options::command_for_update())
    }
}

fn tweak(command: clap::Command) -> clap::Command {
    let dry: Vec<&str> = command
        .get_subcommands()
        .filter(|c| c.get_arguments().any(|arg| arg.get_id() == "dry_run"))
        .map(clap::Command::get_name)
        .collect();
    let words =
        format!("{WORDS}\n\nCommands with --dry-run, which show what would change:\n{}", folded(&dry));
    command
        .after_help(words)
        .mut_args(|arg| arg.global(true).help_heading("Options of every command"))
        .mut_subcommands(|c| {
            // clap keeps names for the life of the process, which is one command.
            let lower = c.get_name().to_ascii_lowercase();
            match lower == c.get_name() {
                true => c,
                false => {
                    let lower: &'static str = Box::leak(lower.into_boxed_str());
                    c.alias(lower)
                }
            }
        })
}

/// Names in lines of a terminal's width.
fn folded(names: &[&str]) -> String {
    const WIDTH: usize = 96;
    let mut lines = vec![String::from(" ")];
    for name in names {
        let line = lines.last_mut().filter(|line| line.len() + name.len() + 2 <= WIDTH);
        match line {
            Some(line) => *line += &format!(" {name}"),
            None => lines.push(format!("  {name}")),
        }
    }
    lines.join("\n")
}

impl FromArgMatches for Cli {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(Options::from_arg_matches(matches)?, Subject::of(matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Parser for Cli {}

/// What a command works with.
pub(crate) struct Client {
    vtctld: Box<dyn Vtctld>,
    /// Who tells the steps of reparents, for which Vitess has no RPC.
    plans: Plans,
    style: Style,
}

impl Client {
    /// What a change would do, for `--dry-run`.
    pub(crate) async fn preview(&self, change: ops::dry_run::Change) -> Result<String> {
        Ok(dry_run_text(&ops::dry_run::tell(&*self.vtctld, &change).await?))
    }
}

/// The lines of a dry run below their head.
pub(crate) fn dry_run_text(lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("--- DRY RUN ---\n{lines}")
}

/// The whole program.
#[allow(clippy::print_stderr)]
pub fn main() -> ExitCode {
    if let Some(text) = former::answer(std::env::args_os().skip(1)) {
        eprintln!("{text}");
        return ExitCode::FAILURE;
    }
    servenv::run_tool("vtctldclient", |cli: Cli| async move {
        let text = run(cli, std::io::stderr().is_terminal()).await?;
        let mut out = std::io::stdout();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|e| Error::internal(format!("cannot write to stdout: {e}")))
    })
}

/// Parses and runs one command line (without the program's name); gives what it prints.
///
/// # Errors
/// The text for stderr: of wrong flags, or of what the command met.
pub async fn run_args(args: impl IntoIterator<Item = impl Into<OsString>>) -> Result<String> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    if let Some(text) = former::answer(args.iter().cloned()) {
        return Err(Error::invalid(text));
    }
    let all = std::iter::once(OsString::from("vtctldclient")).chain(args);
    match servenv::parse_from::<Cli>(all) {
        Ok(cli) => run(cli, false).await,
        Err((text, 0)) => Ok(text),
        Err((text, _)) => Err(Error::invalid(text)),
    }
}

async fn run(cli: Cli, on_terminal: bool) -> Result<String> {
    let Cli(Options { global, command }, subject) = cli;
    if let Some(done) = command.without_server() {
        return done;
    }
    if global.log.log_dir.is_some() {
        global.log.start("vtctldclient")?;
    }
    let (vtctld, plans) = connect::open(&global).await?;
    let client = Client { vtctld, plans, style: Style { compact: global.compact } };
    let limit = global.action_timeout;
    // Boxed: the future holds every command's requests.
    let work = tokio::time::timeout(limit, Box::pin(command.run(&client)));
    let done = match global.progress || on_terminal {
        true => progress::along(work, &client, &subject, to_stderr).await,
        false => work.await,
    };
    let Ok(done) = done else {
        return Err(Error::new(
            vterrors::Condition::Timeout,
            format!("the command was not done within --action-timeout {}", servenv::format_duration(limit)),
        ));
    };
    match done {
        Ok(text) => Ok(text),
        Err(e) => match hints::after(&e, &client, &subject, &global).await {
            Some(hint) => {
                let text = format!("{}\n{hint}", e.message());
                Err(e.with_message(text))
            }
            None => Err(e),
        },
    }
}

#[allow(clippy::print_stderr)]
fn to_stderr(line: String) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests;
