//! The thread that writes one file: a bounded queue in, lines out, in order.
//!
//! What must hold: who hands a line over never waits for the disk by it ([`Writer::offer`]), or waits knowingly
//! ([`Writer::place`]). Lines that came together are written together. The file is opened again at the next line
//! after [`Writer::reopen`], so that a rotation needs no restart.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use servenv::Counter;
use tokio::sync::{mpsc, oneshot};
use vterrors::{Condition, Error, Result};

/// Bytes that are put together for one write.
const BATCH_BYTES: usize = 1 << 20;
/// How long the thread waits before it tries a file again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// What is done with lines that the file does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// They are counted and forgotten.
    Drop,
    /// They are kept and written later; until then nothing more is taken from the queue.
    Keep,
}

pub(crate) enum Message {
    /// A line; who waits for it is told when the file has it.
    Line(String, Option<oneshot::Sender<()>>),
    /// Nothing comes after it.
    End(oneshot::Sender<()>),
}

/// What the thread and its users know together.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    reopen: AtomicBool,
    /// The process goes down: no more trying.
    ending: AtomicBool,
    fails: AtomicBool,
    fault: Mutex<String>,
    pub written: Counter,
    pub lost: Counter,
}

impl Shared {
    /// Why the file takes no lines now; none while it does.
    pub fn fault(&self) -> Option<String> {
        if !self.fails.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn set_fault(&self, path: &Path, fault: Option<&io::Error>) {
        match fault {
            Some(e) => {
                let text = format!("{}: {e}", path.display());
                let first = self.fault().is_none();
                if first {
                    tracing::error!("a log cannot be written: {text}");
                }
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = text;
                self.fails.store(true, Ordering::Relaxed);
            }
            None => {
                if self.fails.swap(false, Ordering::Relaxed) {
                    tracing::warn!("a log is written again: {}", path.display());
                }
            }
        }
    }
}

/// The queue to the thread. Cheap to clone; the thread ends with the last clone, or by [`Writer::end`].
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    pub shared: Arc<Shared>,
}

impl Writer {
    /// Opens the file, to be added to, for its owner alone; starts the thread.
    pub fn start(
        path: &Path,
        lines: usize,
        unwritten: Unwritten,
        (written, lost): (Counter, Counter),
    ) -> Result<Self> {
        let file = open(path).map_err(|e| {
            Error::new(Condition::FailedPrecondition, format!("cannot open {}: {e}", path.display()))
        })?;
        let shared = Arc::new(Shared { written, lost, ..Shared::default() });
        let (queue, lines) = mpsc::channel(lines);
        let out = Out { path: path.to_owned(), file, unwritten, shared: shared.clone() };
        std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || out.run(lines))
            .map_err(|e| Error::internal(format!("cannot start a thread: {e}")))?;
        Ok(Self { queue, shared })
    }

    /// Hands a line over if there is room; else it is counted as lost.
    pub fn offer(&self, line: String) -> bool {
        let taken = self.queue.try_send(Message::Line(line, None)).is_ok();
        if !taken {
            self.shared.lost.inc();
        }
        taken
    }

    /// A place in the queue, waited for.
    pub async fn place(&self) -> Option<mpsc::Permit<'_, Message>> {
        self.queue.reserve().await.ok()
    }

    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Relaxed);
    }

    /// Waits until everything handed over is in the file; a file that takes nothing is given up.
    pub async fn end(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        let (done, ended) = oneshot::channel();
        if self.queue.send(Message::End(done)).await.is_ok() {
            // An error: the thread has ended already.
            let _ = ended.await;
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// The thread's own.
struct Out {
    path: PathBuf,
    file: File,
    unwritten: Unwritten,
    shared: Arc<Shared>,
}

/// Lines that are written together.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    waiting: Vec<oneshot::Sender<()>>,
    last: Option<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, message: Message) {
        match message {
            Message::Line(line, waiting) => {
                self.bytes.extend_from_slice(line.as_bytes());
                self.lines += 1;
                self.waiting.extend(waiting);
            }
            Message::End(done) => self.last = Some(done),
        }
    }

    fn is_full(&self) -> bool {
        self.last.is_some() || self.bytes.len() >= BATCH_BYTES
    }
}

impl Out {
    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.blocking_recv() {
            let mut batch = Batch::default();
            batch.add(first);
            while !batch.is_full()
                && let Ok(more) = queue.try_recv()
            {
                batch.add(more);
            }
            if self.write(&batch.bytes) {
                self.shared.written.add(batch.lines);
                // Who waited may have gone.
                batch.waiting.into_iter().for_each(|w| w.send(()).unwrap_or_default());
            } else {
                self.shared.lost.add(batch.lines);
            }
            if let Some(done) = batch.last {
                let _ = done.send(());
                return;
            }
        }
    }

    /// Whether the file has them all. Where unwritten lines are kept it comes back only with that, or at the end.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let mut done = 0;
        loop {
            let result = self.reopened().and_then(|()| self.write_from(bytes, &mut done));
            self.shared.set_fault(&self.path, result.as_ref().err());
            match result {
                Ok(()) => return true,
                Err(_) if self.unwritten == Unwritten::Drop => return false,
                Err(_) if self.shared.ending.load(Ordering::Relaxed) => return false,
                // A file that was taken away, or on a disk that came back: look at it anew.
                Err(_) => {
                    std::thread::park_timeout(RETRY_PAUSE);
                    self.shared.reopen.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// What an interrupted write has brought to the file already stays: the rest follows it.
    fn write_from(&mut self, bytes: &[u8], done: &mut usize) -> io::Result<()> {
        while *done < bytes.len() {
            match self.file.write(&bytes[*done..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => *done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn reopened(&mut self) -> io::Result<()> {
        if self.shared.reopen.swap(false, Ordering::Relaxed) {
            match open(&self.path) {
                Ok(file) => self.file = file,
                Err(e) => {
                    self.shared.reopen.store(true, Ordering::Relaxed);
                    return Err(e);
                }
            }
        }
        Ok(())
    }
}
