//! Owns the mysqld that `mysqlctld` runs: one task has the child, everyone else sends it wishes.
//!
//! A server that ends with code 16 has received a clone and wants to be started again; that happens here, at
//! once. A server that ends without having been asked to is reported through `ended`, once.

use std::{path::PathBuf, time::Duration};

use tokio::{
    process::Child,
    sync::{mpsc, oneshot, watch},
};
use vterrors::{Error, Result};

use crate::{
    mycnf::CnfOptions,
    mysqld::{Mysqld, RESTART_EXIT_CODE},
    process::{self, wait_gone},
};

/// How long a start may take until the server answers.
const START_LIMIT: Duration = Duration::from_secs(300);
/// Wishes that wait for the task; each caller has at most one.
const QUEUE: usize = 16;

enum Wish {
    Start(Vec<String>),
    Shutdown(Duration),
    WriteConfig,
}

type Request = (Wish, oneshot::Sender<Result<()>>);

/// A handle to the task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supervisor {
    wishes: mpsc::Sender<Request>,
    version: String,
    data_dir: PathBuf,
}

struct Task {
    mysqld: Mysqld,
    options: CnfOptions,
    child: Option<Child>,
    ended: watch::Sender<bool>,
}

impl Supervisor {
    /// The handle and the task to spawn. `ended` becomes true when the server ended by itself.
    pub fn new(
        mysqld: Mysqld,
        options: CnfOptions,
    ) -> (Self, impl Future<Output = ()>, watch::Receiver<bool>) {
        let (wishes, inbox) = mpsc::channel(QUEUE);
        let (ended, watch) = watch::channel(false);
        let handle =
            Self { wishes, version: mysqld.version().to_owned(), data_dir: mysqld.cnf().tablet_dir.clone() };
        let task = Task { mysqld, options, child: None, ended };
        (handle, task.run(inbox), watch)
    }

    pub async fn start(&self, args: Vec<String>) -> Result<()> {
        self.ask(Wish::Start(args)).await
    }

    pub async fn shutdown(&self, limit: Duration) -> Result<()> {
        self.ask(Wish::Shutdown(limit)).await
    }

    /// Writes my.cnf anew from this program's options; the server id stays.
    pub async fn write_config(&self) -> Result<()> {
        self.ask(Wish::WriteConfig).await
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone()
    }

    async fn ask(&self, wish: Wish) -> Result<()> {
        let gone = || Error::internal("the task that owns mysqld has ended");
        let (reply, answer) = oneshot::channel();
        self.wishes.send((wish, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                request = inbox.recv() => {
                    let Some((wish, reply)) = request else { return };
                    // Whoever asked may have gone; the wish is carried out all the same.
                    let _asker_gone = reply.send(self.carry_out(wish).await);
                }
                code = exit_code(&mut self.child) => self.on_exit(code).await,
            }
        }
    }

    async fn carry_out(&mut self, wish: Wish) -> Result<()> {
        match wish {
            Wish::Start(args) => self.start(&args).await,
            Wish::Shutdown(limit) => {
                // Taken out of the child's watch first: this end was asked for.
                let child = self.child.take();
                let done = self.mysqld.shutdown(limit).await;
                if let (Err(_), Some(child)) = (&done, child) {
                    self.child = Some(child);
                }
                done
            }
            Wish::WriteConfig => self.mysqld.init_config(&self.options),
        }
    }

    async fn start(&mut self, args: &[String]) -> Result<()> {
        if let Some(pid) = self.mysqld.running_pid() {
            let end = async {
                match &mut self.child {
                    Some(child) => child.wait().await.is_ok(),
                    // Started by somebody else.
                    None => wait_gone(START_LIMIT, || process::is_alive(pid)).await,
                }
            };
            tokio::select! {
                up = self.mysqld.wait(START_LIMIT) => return up,
                // It was on its way down, as after a clone.
                ended = end => tracing::info!(pid, ended, "mysqld ended before it answered"),
            }
            self.child = None;
        }
        let mut child = self.mysqld.spawn(args, Some(std::process::id()))?;
        self.mysqld.wait_for_child(&mut child, START_LIMIT).await?;
        self.child = Some(child);
        Ok(())
    }

    async fn on_exit(&mut self, code: Option<i32>) {
        self.child = None;
        if code == Some(RESTART_EXIT_CODE) {
            tracing::info!("mysqld received a clone and is started again");
            match self.start(&[]).await {
                Ok(()) => return,
                Err(e) => tracing::error!(error = %e, "mysqld cannot be started after a clone"),
            }
        } else {
            tracing::error!(?code, log = %self.mysqld.cnf().error_log().display(), "mysqld ended by itself");
        }
        self.ended.send_replace(true);
    }
}

/// Waits for the end of the child; never ready when there is none.
async fn exit_code(child: &mut Option<Child>) -> Option<i32> {
    match child {
        Some(child) => child.wait().await.ok().and_then(|status| status.code()),
        None => std::future::pending().await,
    }
}
