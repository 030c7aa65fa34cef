//! `mysqlctl`: initialises, starts, stops and removes the mysqld of one tablet.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use mysqlctl::{
    RemoteMysqld,
    options::{ENVIRONMENT, MysqldOptions, WaitTime},
};
use servenv::LogOptions;
use vterrors::{Error, Result};
use vtmodel::Position;

/// Initialises and controls the mysqld of a tablet
#[derive(Debug, Parser)]
#[command(name = "mysqlctl", after_help = ENVIRONMENT)]
struct Options {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    mysqld: MysqldOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the directories and my.cnf, initialise the data, start mysqld, create the users
    Init {
        #[command(flatten)]
        wait: WaitTime,
        /// File of SQL to run instead of the built-in creation of the users
        #[arg(long, value_name = "FILE")]
        init_db_sql_file: Option<PathBuf>,
    },
    /// Make the directories and my.cnf only
    InitConfig,
    /// Write my.cnf anew; the server id stays
    ReinitConfig,
    /// Start an initialised mysqld
    Start {
        #[command(flatten)]
        wait: WaitTime,
        /// A further flag for mysqld, as in --mysqld-args=--skip-networking; may be given several times
        #[arg(long = "mysqld-args", value_name = "FLAG", allow_hyphen_values = true)]
        mysqld_args: Vec<String>,
    },
    /// Stop mysqld and keep its data
    Shutdown {
        #[command(flatten)]
        wait: WaitTime,
    },
    /// Stop mysqld and remove its data
    Teardown {
        #[command(flatten)]
        wait: WaitTime,
        /// Kill a mysqld that does not stop
        #[arg(short, long)]
        force: bool,
    },
    /// Compare or extend replication positions
    Position {
        /// equal: are both the same? at_least: has the first all that the second has? append: both together
        operation: Operation,
        /// As MySQL56/<GTID set> or MariaDB/<GTID list>
        #[arg(value_name = "POSITION")]
        first: String,
        /// A position; for append also a GTID of the same flavour
        #[arg(value_name = "POSITION|GTID")]
        second: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Operation {
    Equal,
    AtLeast,
    Append,
}

fn main() -> ExitCode {
    servenv::run_tool("mysqlctl", |options: Options| async move {
        options.log.start("mysqlctl")?;
        run(options).await
    })
}

async fn run(options: Options) -> Result<()> {
    if let Command::Position { operation, first, second } = &options.command {
        return position(*operation, first, second);
    }
    let remote = options.mysqld.socket_file.as_ref().map(RemoteMysqld::new).transpose()?;
    match (&options.command, remote) {
        (Command::Start { wait, mysqld_args }, Some(remote)) => {
            return remote.start(mysqld_args.clone(), wait.wait_time).await;
        }
        (Command::Shutdown { wait }, Some(remote)) => return remote.shutdown(wait.wait_time).await,
        _ => {}
    }
    let mut mysqld = options.mysqld.mysqld()?;
    match options.command {
        Command::Init { wait, init_db_sql_file } => {
            let cnf = options.mysqld.cnf_options()?;
            mysqld.init(&cnf, init_db_sql_file.as_deref(), wait.wait_time).await
        }
        Command::InitConfig | Command::ReinitConfig => mysqld.init_config(&options.mysqld.cnf_options()?),
        Command::Start { wait, mysqld_args } => mysqld.start(&mysqld_args, wait.wait_time).await,
        Command::Shutdown { wait } => mysqld.shutdown(wait.wait_time).await,
        Command::Teardown { wait, force } => mysqld.teardown(force, wait.wait_time).await,
        Command::Position { .. } => Ok(()),
    }
}

#[allow(clippy::print_stdout)]
fn position(operation: Operation, first: &str, second: &str) -> Result<()> {
    let (a, b): (Position, Position) = match operation {
        // What is appended may be a lone GTID without a flavour: it has that of the position.
        Operation::Append if !second.contains('/') => {
            let flavor = first.split_once('/').map_or("MySQL56", |(flavor, _)| flavor);
            (first.parse()?, format!("{flavor}/{second}").parse()?)
        }
        _ => (first.parse()?, second.parse()?),
    };
    match operation {
        Operation::Equal => println!("{}", a == b),
        Operation::AtLeast => println!("{}", a.at_least(&b)),
        Operation::Append => println!("{}", append(&a, &b)?),
    }
    Ok(())
}

/// Both together, read back from the text of a union: repeated intervals merge.
fn append(a: &Position, b: &Position) -> Result<Position> {
    match (a, b) {
        (Position::Mysql56(_), Position::Mysql56(_)) | (Position::Mariadb(_), Position::Mariadb(_)) => {
            let texts: Vec<String> =
                [a, b].iter().map(|p| p.gtid_text()).filter(|text| !text.is_empty()).collect();
            let flavor = if matches!(a, Position::Mysql56(_)) { "MySQL56" } else { "MariaDB" };
            format!("{flavor}/{}", texts.join(",")).parse()
        }
        _ => Err(Error::invalid(format!("{b} cannot be appended to {a}: another flavour"))),
    }
}
