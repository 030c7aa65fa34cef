//! Keyspace and VSchema records, in the global root.

use prost::Message;
use proto::{topodata, vschema};
use vterrors::{Condition, Error, Result};

use super::{Edit, Server, check_name, records};
use crate::{LockGuard, Version, Versioned, chunks, errors::optional, paths};

impl Server {
    /// The names of all keyspaces, sorted; empty if there is none.
    pub async fn get_keyspaces(&self) -> Result<Vec<String>> {
        self.dir_names(paths::KEYSPACES).await
    }

    /// The record of a keyspace; `NoNode` if there is none of that name.
    pub async fn get_keyspace(&self, keyspace: &str) -> Result<Versioned<topodata::Keyspace>> {
        records::get(&*self.inner.global, &paths::keyspace(keyspace)).await
    }

    /// Adds a keyspace; `NodeExists` if there is one.
    pub async fn create_keyspace(&self, keyspace: &str, record: &topodata::Keyspace) -> Result<Version> {
        check_name("keyspace", keyspace)?;
        records::create(&*self.inner.global, &paths::keyspace(keyspace), record).await
    }

    /// Changes the record of a keyspace; its lock is held by `guard`.
    pub async fn update_keyspace_fields(
        &self,
        guard: &LockGuard,
        keyspace: &str,
        edit: impl FnMut(&mut topodata::Keyspace) -> Result<Edit> + Send,
    ) -> Result<Versioned<topodata::Keyspace>> {
        guard.covers(&paths::keyspace_dir(keyspace))?;
        guard.check().await?;
        records::edit(&*self.inner.global, &paths::keyspace(keyspace), edit).await
    }

    /// Deletes the record and the VSchema of a keyspace that has no shards.
    pub async fn delete_keyspace(&self, guard: &LockGuard, keyspace: &str) -> Result<()> {
        guard.covers(&paths::keyspace_dir(keyspace))?;
        let shards = self.get_shard_names(keyspace).await?;
        if !shards.is_empty() {
            let text = format!("keyspace {keyspace} still has shards {shards:?}");
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
        self.inner.global.delete(&paths::keyspace(keyspace), None).await?;
        optional(chunks::delete(&*self.inner.global, &paths::vschema(keyspace)).await).map(drop)
    }

    /// The VSchema of a keyspace; `NoNode` if none was saved.
    pub async fn get_vschema(&self, keyspace: &str) -> Result<Versioned<vschema::Keyspace>> {
        let path = paths::vschema(keyspace);
        let Versioned { value, version } = chunks::get(&*self.inner.global, &path).await?;
        Ok(Versioned { value: records::decode(&path, &value)?, version })
    }

    /// Writes the VSchema of a keyspace; with a version, only if it is still the one that was read.
    pub async fn save_vschema(
        &self,
        keyspace: &str,
        record: &vschema::Keyspace,
        version: Option<Version>,
    ) -> Result<Version> {
        let (path, value) = (paths::vschema(keyspace), record.encode_to_vec());
        chunks::put(&*self.inner.global, &path, value, version, self.inner.layout).await
    }

    /// Writes an empty VSchema if the keyspace has none.
    pub async fn ensure_vschema(&self, keyspace: &str) -> Result<()> {
        let path = paths::vschema(keyspace);
        match records::create(&*self.inner.global, &path, &vschema::Keyspace::default()).await {
            Err(e) if crate::kind(&e) == crate::ErrorKind::NodeExists => Ok(()),
            other => other.map(drop),
        }
    }
}
