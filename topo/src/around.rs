//! A connection with something around each of its calls: a limit, or a wait.

use std::{fmt::Debug, future::Future, sync::Arc};

use async_trait::async_trait;
use vterrors::Result;

use crate::{Conn, DirEntry, Entry, HeldLock, LockRequest, Version, Versioned, WatchTarget, Watching};

/// What is done around a call.
pub(crate) trait Around: Debug + Send + Sync {
    fn call<T: Send>(
        &self,
        call: impl Future<Output = Result<T>> + Send,
    ) -> impl Future<Output = Result<T>> + Send;

    /// The same for the wait for a lock, which may be long.
    fn lock<T: Send>(
        &self,
        wait: impl Future<Output = Result<T>> + Send,
    ) -> impl Future<Output = Result<T>> + Send {
        self.call(wait)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Surrounded<A> {
    pub inner: Arc<dyn Conn>,
    pub around: A,
}

#[async_trait]
impl<A: Around> Conn for Surrounded<A> {
    async fn get(&self, path: &str) -> Result<Versioned<Vec<u8>>> {
        self.around.call(self.inner.get(path)).await
    }

    async fn get_version(&self, path: &str, version: Version) -> Result<Vec<u8>> {
        self.around.call(self.inner.get_version(path, version)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        self.around.call(self.inner.list(prefix)).await
    }

    async fn list_dir(&self, dir: &str) -> Result<Vec<DirEntry>> {
        self.around.call(self.inner.list_dir(dir)).await
    }

    async fn create(&self, path: &str, value: Vec<u8>) -> Result<Version> {
        self.around.call(self.inner.create(path, value)).await
    }

    async fn update(&self, path: &str, value: Vec<u8>, version: Option<Version>) -> Result<Version> {
        self.around.call(self.inner.update(path, value, version)).await
    }

    async fn delete(&self, path: &str, version: Option<Version>) -> Result<()> {
        self.around.call(self.inner.delete(path, version)).await
    }

    async fn watch(&self, target: WatchTarget) -> Result<Watching> {
        self.around.call(self.inner.watch(target)).await
    }

    async fn lock(&self, request: LockRequest) -> Result<Box<dyn HeldLock>> {
        self.around.lock(self.inner.lock(request)).await
    }
}
