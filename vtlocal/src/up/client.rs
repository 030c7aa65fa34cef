//! Commands of `vtctldclient`, as an operator would type them.

use std::{process::Stdio, time::Duration};

use vterrors::{Condition, Error, Result};

use super::Up;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(60);

impl Up {
    /// Runs a command through vtctld and gives what it printed.
    pub(super) async fn vtctl(&self, args: &[&str]) -> Result<String> {
        let server = format!("--server={}", self.plan.vtctld_address());
        let mut flags = vec![server];
        flags.extend(self.plan.client_flags());
        self.client(&flags, args).await
    }

    /// Runs a command on the topology itself, for when there is no vtctld yet.
    pub(super) async fn vtctl_internal(&self, args: &[&str]) -> Result<String> {
        let mut flags = vec!["--server=internal".to_owned()];
        flags.extend(self.plan.topo_flags());
        flags.extend(self.plan.client_flags());
        self.client(&flags, args).await
    }

    async fn client(&self, flags: &[String], args: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(self.programs.client());
        command.args(flags).args(args).stdin(Stdio::null()).kill_on_drop(true);
        let shown = args.join(" ");
        let out = match tokio::time::timeout(LIMIT, command.output()).await {
            Ok(Ok(out)) => out,
            Ok(Err(e)) => return Err(Error::internal(format!("cannot run vtctldclient {shown}: {e}"))),
            Err(_) => {
                let text = format!("vtctldclient {shown} took longer than {LIMIT:?}");
                return Err(Error::new(Condition::Timeout, text));
            }
        };
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        match out.status.success() {
            true => Ok(text),
            false => Err(Error::new(
                Condition::FailedPrecondition,
                format!("vtctldclient {shown}: {}", String::from_utf8_lossy(&out.stderr).trim()),
            )),
        }
    }
}
