//! Whose turn it is to be looked at.
//!
//! There are so many turns for everybody, and as many for shards whose primary is in doubt or that are being
//! recovered: where looks cannot keep their pace, be it for tablets that hang or for a processor that others use, those
//! that are waited for do not queue behind thousands that are not. A look that waits when its shard comes into doubt
//! changes the queue.
//!
//! A turn bounds work, not waiting: a look that has to wait for long gives it back. A tablet that hangs, or a whole
//! cell of them, so keeps nobody else from being looked at; of each tablet at most one look is under way in any case.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::timeout,
};

/// A look that takes longer gives its turn back.
const HOLD: Duration = Duration::from_millis(250);
/// The same for a tablet that was silent when it was looked at before.
const HOLD_SILENT: Duration = Duration::from_millis(10);

/// What is known of how urgent a shard's looks are; changes while they wait.
pub(crate) type Urgency = watch::Receiver<bool>;

/// The two queues.
pub(crate) struct Turns {
    ordinary: Semaphore,
    urgent: Semaphore,
}

impl Turns {
    /// `count`: looks of each queue that may be under way.
    pub(crate) fn new(count: usize) -> Self {
        Self { ordinary: Semaphore::new(count), urgent: Semaphore::new(count) }
    }

    /// Waits for a turn; it lasts until what is returned is dropped. None never: the queues are not closed.
    pub(crate) async fn wait(&self, mut urgency: Urgency) -> Option<SemaphorePermit<'_>> {
        let urgent = async {
            // Once its shard is gone it will not become urgent any more.
            if urgency.wait_for(|urgent| *urgent).await.is_err() {
                std::future::pending::<()>().await;
            }
            self.urgent.acquire().await.ok()
        };
        tokio::select! {
            biased;
            turn = self.ordinary.acquire() => turn.ok(),
            turn = urgent => turn,
        }
    }

    /// Waits for a turn of somebody who has no time.
    pub(crate) async fn wait_urgently(&self) -> Option<SemaphorePermit<'_>> {
        self.urgent.acquire().await.ok()
    }
}

/// Does `work` with a turn in hand, as long as that is not too long.
pub(crate) async fn hold<T>(
    turn: Option<SemaphorePermit<'_>>,
    silent: bool,
    work: impl Future<Output = T>,
) -> T {
    tokio::pin!(work);
    match timeout(if silent { HOLD_SILENT } else { HOLD }, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            drop(turn);
            work.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    #[tokio::test(start_paused = true)]
    async fn a_look_that_becomes_urgent_leaves_the_queue() {
        let turns = Turns::new(1);
        let (sender, urgency) = watch::channel(false);
        let held = turns.wait(urgency.clone()).await;
        assert!(timeout(MOMENT, turns.wait(urgency.clone())).await.is_err());
        let waiting = turns.wait(urgency.clone());
        tokio::pin!(waiting);
        assert!(timeout(MOMENT, &mut waiting).await.is_err());
        sender.send_replace(true);
        let urgent = timeout(MOMENT, waiting).await.unwrap();
        assert!(urgent.is_some() && timeout(MOMENT, turns.wait_urgently()).await.is_err());
        drop((held, urgent));
        assert!(timeout(MOMENT, turns.wait_urgently()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_gives_its_turn_back() {
        let turns = Turns::new(1);
        let (_sender, urgency) = watch::channel(false);
        let turn = turns.wait(urgency.clone()).await;
        let hangs = hold(turn, false, std::future::pending::<()>());
        tokio::pin!(hangs);
        assert!(timeout(HOLD / 2, &mut hangs).await.is_err());
        assert!(timeout(MOMENT, turns.wait(urgency.clone())).await.is_err());
        assert!(timeout(HOLD, &mut hangs).await.is_err());
        assert!(timeout(MOMENT, turns.wait(urgency)).await.is_ok());
    }
}
