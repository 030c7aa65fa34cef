//! One run of a mysqld, from its start to its end, as far as a look from outside can tell two of them apart.

use std::time::Duration;

use tokio::time::Instant;
use vterrors::{Error, Result};

use crate::dba::Dba;

/// Uptime counts whole seconds.
const UPTIME_PRECISION: Duration = Duration::from_millis(1500);

/// What a look says of the server's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerRun {
    /// When it was started, as exactly as whole seconds tell; none if that is before this process's clock.
    started: Option<Instant>,
    uptime_seconds: u64,
    /// All connections since its start: they only grow.
    connections: u64,
}

impl ServerRun {
    pub async fn look(dba: &Dba) -> Result<Self> {
        let rows = dba.rows("show global status where Variable_name in ('Uptime', 'Connections')").await?;
        let value = |name: &str| -> Result<u64> {
            let row = rows.iter().find(|r| r.text("Variable_name") == Some(name));
            let value = row.map(|r| r.number("Value")).transpose()?.flatten();
            value.ok_or_else(|| Error::internal(format!("mysqld does not tell its {name}")))
        };
        let (uptime_seconds, connections) = (value("Uptime")?, value("Connections")?);
        let started = Instant::now().checked_sub(Duration::from_secs(uptime_seconds));
        Ok(Self { started, uptime_seconds, connections })
    }

    /// Whether the server was restarted since an earlier look. None of the three signs is enough: a server that was
    /// up for two seconds and is up for two again has few connections, a busy one may have more than before.
    pub fn is_another_than(&self, before: &Self) -> bool {
        let later = matches!(
            (before.started, self.started),
            (Some(before), Some(now)) if now > before + UPTIME_PRECISION
        );
        later || self.uptime_seconds < before.uptime_seconds || self.connections < before.connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_restart_shows_by_any_of_three_signs() {
        let now = Instant::now() + Duration::from_secs(1000);
        let run = |at: u64, uptime_seconds: u64, connections: u64| {
            let started = (now + Duration::from_secs(at)).checked_sub(Duration::from_secs(uptime_seconds));
            ServerRun { started, uptime_seconds, connections }
        };
        let before = run(0, 2, 20);
        assert!(!run(1, 3, 20).is_another_than(&before));
        assert!(!run(1, 2, 25).is_another_than(&before), "half a second here or there");
        // Up for as long as before.
        assert!(run(5, 2, 25).is_another_than(&before));
        assert!(run(1, 0, 25).is_another_than(&before));
        assert!(run(1, 2, 3).is_another_than(&before));
    }
}
