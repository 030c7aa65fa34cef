//! One tablet's health stream: opened, followed, opened again.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use proto::query::StreamHealthResponse;
use rand::Rng;
use tabletclient::QueryService;
use tokio::sync::mpsc::Sender;
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What a stream tells the keeper.
pub(crate) enum News {
    Health(TabletAlias, u64, Box<StreamHealthResponse>),
    /// The stream broke or was silent for too long.
    Lost(TabletAlias, u64, Error),
}

/// Follows a tablet's health until the keeper is gone or aborts the task. `generation` tells the streams
/// of two incarnations of a tablet apart.
pub(crate) async fn follow(
    alias: TabletAlias,
    generation: u64,
    service: Arc<dyn QueryService>,
    timeout: Duration,
    retry_delay: Duration,
    news: Sender<News>,
) {
    let mut pause = retry_delay;
    loop {
        let mut heard = false;
        let fault = match read(&alias, generation, &*service, timeout, &news, &mut heard).await {
            Ok(()) => return,
            Err(fault) => fault,
        };
        if news.send(News::Lost(alias.clone(), generation, fault)).await.is_err() {
            return;
        }
        pause = if heard { retry_delay } else { (pause * 2).clamp(retry_delay, MAX_PAUSE) };
        let jitter = rand::rng().random_range(0.5..=1.0);
        tokio::time::sleep(pause.mul_f64(jitter)).await;
    }
}

/// Reads one stream to its end; `Ok` only when nobody listens any more.
async fn read(
    alias: &TabletAlias,
    generation: u64,
    service: &dyn QueryService,
    timeout: Duration,
    news: &Sender<News>,
    heard: &mut bool,
) -> Result<()> {
    let silent = || Error::new(Condition::Timeout, format!("tablet {alias} was silent for {timeout:?}"));
    let request = proto::query::StreamHealthRequest {};
    let mut stream =
        tokio::time::timeout(timeout, service.stream_health(request)).await.map_err(|_| silent())??;
    loop {
        let message = tokio::time::timeout(timeout, stream.next()).await.map_err(|_| silent())?;
        let Some(message) = message else {
            return Err(Error::new(
                Condition::ConnectionLost,
                format!("tablet {alias} ended its health stream"),
            ));
        };
        *heard = true;
        let message = Box::new(message?);
        if news.send(News::Health(alias.clone(), generation, message)).await.is_err() {
            return Ok(());
        }
    }
}
