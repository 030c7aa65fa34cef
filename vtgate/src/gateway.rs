//! From a target to a tablet's answer: chooses a tablet, tries another one where nothing can have been
//! executed, and waits a bounded while for a primary that is going away or not there yet.

mod buffer;
mod choose;

use std::{sync::Arc, time::Duration};

use discovery::{Discovery, TabletHealth};
use tokio::time::{Instant, timeout_at};
use vterrors::{Condition, Error, Result, Retry};
use vtmodel::{TabletAlias, TabletType, Target};

pub use self::buffer::BufferConfig;
use self::buffer::{Buffer, Waiting};
use crate::metrics::GateMetrics;

/// How the gateway waits and retries.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    pub retry_count: u32,
    pub buffer: BufferConfig,
    /// Calls to one tablet that may be under way at a time.
    pub max_calls_per_tablet: usize,
}

/// Shared by all sessions.
pub struct Gateway {
    discovery: Discovery,
    config: GatewayConfig,
    buffer: Buffer,
    metrics: GateMetrics,
}

impl Gateway {
    pub fn new(discovery: Discovery, config: GatewayConfig, metrics: GateMetrics) -> Self {
        let buffer = Buffer::new(config.buffer.clone(), metrics.buffer.clone());
        Self { discovery, config, buffer, metrics }
    }

    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The tablet of a session's transaction; an error when it is gone, because its transaction is, too. Who calls it
    /// counts the call in its load.
    ///
    /// A primary that was replaced ends its transactions, or cannot commit any more; if it is frozen it does not even
    /// answer.
    pub fn tablet(&self, alias: &TabletAlias) -> Result<Arc<TabletHealth>> {
        let snapshot = self.discovery.snapshot();
        let gone = |text: String| {
            Err(Error::new(Condition::TransactionGone, format!("{text}, and its transactions with it")))
        };
        match snapshot.by_alias(alias) {
            None => gone(format!("tablet {alias} is gone")),
            Some(tablet) if snapshot.is_replaced(tablet) => {
                gone(format!("tablet {alias} is no longer the primary of {}", tablet.target))
            }
            Some(tablet) => Ok(tablet.clone()),
        }
    }

    /// A transaction's tablet answered its statement with this: counts those that a failover ended.
    pub fn note_of_transaction(&self, e: &Error) {
        if matches!(
            e.condition(),
            Condition::NotServing
                | Condition::TransactionGone
                | Condition::Unreachable
                | Condition::ConnectionLost
        ) {
            self.metrics.transactions_lost.inc();
        }
    }

    /// Runs `call` on a tablet that serves the target. A call that fails before anything was executed is
    /// tried on another tablet; on a primary that is going away it waits for the next one. `bytes` is what is kept
    /// while it waits.
    pub async fn run<T, F>(
        &self,
        target: &Target,
        bytes: impl Fn() -> usize + Send + Sync,
        call: impl Fn(Arc<TabletHealth>) -> F + Send + Sync,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let is_primary = target.tablet_type == TabletType::Primary;
        let mut tried: Vec<TabletAlias> = Vec::new();
        let mut waiting: Option<Waiting> = None;
        loop {
            let chosen = choose::choose(&self.discovery.snapshot(), target, &tried);
            let fault = match chosen {
                Ok(tablet) => {
                    let _turn = match &waiting {
                        Some(waiting) => waiting.turn().await,
                        None => None,
                    };
                    let under_way = tablet.load.begin();
                    if under_way.count() > self.config.max_calls_per_tablet {
                        return Err(self.too_many(&tablet.alias));
                    }
                    match call(tablet.clone()).await {
                        Err(e) if goes_elsewhere(&e, is_primary) => {
                            tried.push(tablet.alias.clone());
                            e
                        }
                        answer => {
                            if let Some(waiting) = &waiting {
                                waiting.served();
                            }
                            return answer;
                        }
                    }
                }
                Err(e) => e,
            };
            let again = !is_primary && (tried.len() as u32) <= self.config.retry_count;
            if again && choose::choose(&self.discovery.snapshot(), target, &tried).is_ok() {
                continue;
            }
            if !is_primary {
                return Err(fault);
            }
            let place = match waiting.take() {
                Some(place) => place,
                None => self.buffer.enter(target, bytes(), &fault)?,
            };
            if !self.next_primary(target, place.deadline, &tried).await {
                self.buffer.gave_up(&place);
                return Err(fault);
            }
            waiting = Some(place);
            tried.clear();
        }
    }

    fn too_many(&self, alias: &TabletAlias) -> Error {
        let limit = self.config.max_calls_per_tablet;
        let text = format!("{limit} calls to tablet {alias} are under way (--max-calls-per-tablet)");
        Error::new(Condition::PoolFull, text)
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

/// Whether another tablet may be asked. On a replica nothing can have been written, also when it went away in the
/// middle of the call.
fn goes_elsewhere(e: &Error, is_primary: bool) -> bool {
    e.retry() == Retry::Elsewhere || (!is_primary && e.condition() == Condition::ConnectionLost)
}

#[cfg(test)]
mod tests;
