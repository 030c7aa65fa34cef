//! What one tablet says: its health stream, opened again whenever it breaks.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::StreamExt;
use proto::query::{StreamHealthRequest, StreamHealthResponse};
use rpc::ChannelOptions;
use tabletclient::{QueryClient, QueryService};
use tokio::{runtime::Handle, sync::Semaphore, task::AbortHandle};
use vterrors::{Condition, Error, Result};

/// The pause before a broken stream is opened again, and the longest one: it doubles while nothing is heard, for a
/// cluster may have many tablets that are gone for good.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// A tablet that is silent for so long is taken for gone; it speaks every few seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// A stream that takes longer to open lets the next one try: tablets that hang shall not keep the others waiting.
const TURN: Duration = Duration::from_millis(500);

/// What was heard last.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub health: Option<(Instant, StreamHealthResponse)>,
    /// Why nothing is heard now.
    pub fault: Option<String>,
}

/// A stream; dropping it ends it.
pub(super) struct Stream {
    pub address: String,
    heard: Arc<Mutex<Heard>>,
    task: AbortHandle,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream {
    /// Follows the tablet at `address`; `opening` bounds how many connect at a time.
    pub fn open(address: String, handle: &Handle, options: ChannelOptions, opening: Arc<Semaphore>) -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let task = handle.spawn(follow(address.clone(), options, heard.clone(), opening)).abort_handle();
        Self { address, heard, task }
    }

    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn follow(address: String, options: ChannelOptions, heard: Arc<Mutex<Heard>>, opening: Arc<Semaphore>) {
    let mut pause = PAUSE;
    loop {
        let fault = listen(&address, &options, &heard, &opening).await.err();
        let text = fault.map_or_else(|| "its health stream ended".to_owned(), |e| e.to_string());
        {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            // A stream that spoke has cleared the fault of the one before.
            pause = if heard.fault.is_none() { PAUSE } else { (pause * 2).min(MAX_PAUSE) };
            heard.fault = Some(text);
        }
        tokio::time::sleep(pause).await;
    }
}

async fn listen(
    address: &str,
    options: &ChannelOptions,
    heard: &Mutex<Heard>,
    opening: &Semaphore,
) -> Result<()> {
    let silent = |_| Error::new(Condition::Timeout, format!("nothing heard for {SILENCE:?}"));
    let closed = |_| Error::internal("the live picture ends");
    let permit = opening.acquire().await.map_err(closed)?;
    let client = QueryClient::new(address, options)?;
    let mut opening = pin!(client.stream_health(StreamHealthRequest {}));
    let opened = tokio::time::timeout(TURN, &mut opening).await;
    drop(permit);
    let mut stream = match opened {
        Ok(stream) => stream?,
        Err(_) => tokio::time::timeout(SILENCE, opening).await.map_err(silent)??,
    };
    while let Some(health) = tokio::time::timeout(SILENCE, stream.next()).await.map_err(silent)? {
        let news = Heard { health: Some((Instant::now(), health?)), fault: None };
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = news;
    }
    Ok(())
}
