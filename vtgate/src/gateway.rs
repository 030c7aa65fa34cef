//! From a target to a tablet's answer: chooses a tablet, tries another one where nothing can have been
//! executed, and waits a bounded while for a primary that is going away or not there yet.

mod choose;

use std::{sync::Arc, time::Duration};

use discovery::{Discovery, TabletHealth};
use tabletclient::QueryService;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use vterrors::{Condition, Error, Result, Retry};
use vtmodel::{TabletAlias, TabletType, Target};

use crate::metrics::GateMetrics;

/// How the gateway waits and retries.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    pub cell: String,
    pub retry_count: u32,
    pub buffer_window: Duration,
    pub buffer_size: usize,
}

/// Shared by all sessions.
pub struct Gateway {
    discovery: Discovery,
    config: GatewayConfig,
    buffer: Semaphore,
    metrics: GateMetrics,
}

impl Gateway {
    pub fn new(discovery: Discovery, config: GatewayConfig, metrics: GateMetrics) -> Self {
        let buffer = Semaphore::new(config.buffer_size);
        Self { discovery, config, buffer, metrics }
    }

    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The tablet of a session's transaction; an error when it is gone, because its transaction is, too.
    pub fn tablet(&self, alias: &TabletAlias) -> Result<Arc<dyn QueryService>> {
        let snapshot = self.discovery.snapshot();
        let tablet = snapshot.by_alias(alias).ok_or_else(|| {
            Error::new(
                Condition::TransactionGone,
                format!("tablet {alias} is gone, and its transactions with it"),
            )
        })?;
        Ok(tablet.service.clone())
    }

    /// Runs `call` on a tablet that serves the target. A call that fails before anything was executed is
    /// tried on another tablet; on a primary that is going away it waits for the next one.
    pub async fn run<T, F>(
        &self,
        target: &Target,
        call: impl Fn(Arc<TabletHealth>) -> F + Send + Sync,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let mut tried: Vec<TabletAlias> = Vec::new();
        let mut deadline = None;
        loop {
            let chosen = choose::choose(&self.discovery.snapshot(), target, &self.config.cell, &tried);
            let fault = match chosen {
                Ok(tablet) => {
                    let alias = tablet.alias.clone();
                    match call(tablet).await {
                        Err(e) if e.retry() == Retry::Elsewhere => {
                            tried.push(alias);
                            e
                        }
                        answer => return answer,
                    }
                }
                Err(e) => e,
            };
            let is_primary = target.tablet_type == TabletType::Primary;
            let again = !is_primary && (tried.len() as u32) <= self.config.retry_count;
            if again && choose::choose(&self.discovery.snapshot(), target, &self.config.cell, &tried).is_ok()
            {
                continue;
            }
            if !is_primary {
                return Err(fault);
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.config.buffer_window);
            self.wait_for_primary(target, deadline, &tried, fault).await?;
            tried.clear();
        }
    }

    /// Waits for a change that brings a serving primary; `fault` is the answer when none comes in time or
    /// too many wait already.
    async fn wait_for_primary(
        &self,
        target: &Target,
        deadline: Instant,
        failed: &[TabletAlias],
        fault: Error,
    ) -> Result<()> {
        let Ok(_place) = self.buffer.try_acquire() else {
            return Err(
                fault.context(format!("--buffer-size {} queries wait already", self.config.buffer_size))
            );
        };
        self.metrics.buffered.inc();
        self.metrics.buffer_waiting.add(1);
        let waited = self.next_primary(target, deadline, failed).await;
        self.metrics.buffer_waiting.add(-1);
        if waited { Ok(()) } else { Err(fault) }
    }

    async fn next_primary(&self, target: &Target, deadline: Instant, failed: &[TabletAlias]) -> bool {
        // The tablet that failed may still be marked as serving: its next word, or a short pause, decides.
        const PAUSE: Duration = Duration::from_millis(50);
        let mut changes = self.discovery.subscribe();
        let mut patience = Instant::now() + PAUSE;
        loop {
            changes.borrow_and_update();
            let serving = self.discovery.snapshot().serving(target);
            let other = serving.iter().any(|t| !failed.contains(&t.alias));
            let same_again = !serving.is_empty() && Instant::now() >= patience;
            if other || same_again {
                return Instant::now() < deadline;
            }
            if serving.is_empty() {
                self.discovery.nudge();
                patience = Instant::now();
            }
            let until = if serving.is_empty() { deadline } else { deadline.min(patience) };
            let changed = timeout_at(until, changes.changed()).await;
            if Instant::now() >= deadline || matches!(changed, Ok(Err(_))) {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests;
