//! Completion of commands and flags in a shell.

use clap::{Args, CommandFactory, ValueEnum};
use vterrors::{Error, Result};

use crate::{Cli, Client};

/// The shells that there is a script for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Completion {
    #[arg(value_enum)]
    shell: Shell,
    /// Program to complete the command line of; by default the name that this one was called by
    #[arg(long, default_value = "", value_name = "NAME")]
    program: String,
}

impl Completion {
    pub(crate) async fn run(self, _: &Client) -> Result<String> {
        self.script()
    }

    /// The script for the shell. Needs no server.
    pub(crate) fn script(&self) -> Result<String> {
        let mut command = Cli::command();
        let program = match self.program.as_str() {
            "" => called_by(),
            name => name.to_owned(),
        };
        let shell = match self.shell {
            Shell::Bash => clap_complete::Shell::Bash,
            Shell::Zsh => clap_complete::Shell::Zsh,
            Shell::Fish => clap_complete::Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, program, &mut script);
        String::from_utf8(script).map_err(|e| Error::internal(format!("the script is no text: {e}")))
    }
}

fn called_by() -> String {
    let program = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = program.and_then(|p| Some(p.file_name()?.to_str()?.to_owned()));
    name.filter(|n| n.starts_with("vtctl")).unwrap_or_else(|| "vtctldclient".to_owned())
}
