//! Shard records, in the global root.

use proto::topodata::{self, TabletType};
use vterrors::Result;
use vtmodel::{KeyRange, TabletAlias};

use super::{Edit, Server, check_name, records};
use crate::{Version, Versioned, paths};

/// A shard with its record.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardInfo {
    pub keyspace: String,
    pub name: String,
    pub record: topodata::Shard,
    pub version: Version,
}

impl ShardInfo {
    /// The tablet that the record names as primary.
    pub fn primary(&self) -> Option<TabletAlias> {
        TabletAlias::from_proto(self.record.primary_alias.as_ref())
    }

    /// The key range; the whole range for a shard whose name is none (`0`).
    pub fn key_range(&self) -> KeyRange {
        KeyRange::from_proto(self.record.key_range.as_ref())
    }
}

/// The stored name and key range of a shard: range names are lower-cased, other names have no range.
pub fn parse_shard_name(shard: &str) -> Result<(String, Option<KeyRange>)> {
    check_name("shard", shard)?;
    if !shard.contains('-') {
        return Ok((shard.to_owned(), None));
    }
    let range: KeyRange = shard.parse()?;
    Ok((shard.to_ascii_lowercase(), Some(range)))
}

impl Server {
    /// The names of a keyspace's shards, sorted; empty if there is none.
    pub async fn get_shard_names(&self, keyspace: &str) -> Result<Vec<String>> {
        self.dir_names(&paths::shards_dir(keyspace)).await
    }

    /// A shard; `NoNode` if it is not there.
    pub async fn get_shard(&self, keyspace: &str, shard: &str) -> Result<ShardInfo> {
        let found = records::get(&*self.inner.global, &paths::shard(keyspace, shard)).await?;
        Ok(ShardInfo {
            keyspace: keyspace.to_owned(),
            name: shard.to_owned(),
            record: found.value,
            version: found.version,
        })
    }

    /// All shards of a keyspace in one read, sorted by key range, then by name.
    pub async fn find_all_shards_in_keyspace(&self, keyspace: &str) -> Result<Vec<ShardInfo>> {
        let prefix = format!("{}/", paths::shards_dir(keyspace));
        let found = records::list(&*self.inner.global, &prefix, paths::SHARD_FILE).await?;
        let mut shards: Vec<_> = found
            .into_iter()
            .map(|(path, r)| ShardInfo {
                keyspace: keyspace.to_owned(),
                name: paths::parent_name(&path).to_owned(),
                record: r.value,
                version: r.version,
            })
            .collect();
        shards.sort_by(|a, b| a.key_range().cmp_start(&b.key_range()).then_with(|| a.name.cmp(&b.name)));
        Ok(shards)
    }

    /// Adds a shard under the keyspace's lock; `NodeExists` if it is there.
    ///
    /// It serves from the start unless its key range overlaps that of a shard that serves.
    pub async fn create_shard(&self, keyspace: &str, shard: &str) -> Result<()> {
        let (name, range) = parse_shard_name(shard)?;
        let guard = self.lock_keyspace(keyspace, &format!("CreateShard {keyspace}/{name}")).await?;
        let made = self.create_shard_locked(keyspace, &name, range).await;
        let released = guard.unlock().await;
        made.and(released)
    }

    async fn create_shard_locked(&self, keyspace: &str, shard: &str, range: Option<KeyRange>) -> Result<()> {
        let others = self.find_all_shards_in_keyspace(keyspace).await?;
        let whole = range.clone().unwrap_or_default();
        let overlaps = others.iter().any(|o| o.record.is_primary_serving && o.key_range().intersects(&whole));
        let record = topodata::Shard {
            key_range: range.as_ref().map(Into::into),
            is_primary_serving: !overlaps,
            ..topodata::Shard::default()
        };
        records::create(&*self.inner.global, &paths::shard(keyspace, shard), &record).await.map(drop)
    }

    /// The shard, made first if it is missing (with its keyspace): a tablet that starts does this.
    pub async fn get_or_create_shard(
        &self,
        keyspace: &str,
        shard: &str,
        new_keyspace: &topodata::Keyspace,
    ) -> Result<ShardInfo> {
        let (shard, _) = parse_shard_name(shard)?;
        match self.get_shard(keyspace, &shard).await {
            Err(e) if crate::is_no_node(&e) => {}
            other => return other,
        }
        ignore_exists(self.create_keyspace(keyspace, new_keyspace).await.map(drop))?;
        self.ensure_vschema(keyspace).await?;
        ignore_exists(self.create_shard(keyspace, &shard).await)?;
        self.get_shard(keyspace, &shard).await
    }

    /// Changes a shard's record by compare-and-swap; `edit` may be called several times.
    pub async fn update_shard_fields(
        &self,
        keyspace: &str,
        shard: &str,
        edit: impl FnMut(&mut topodata::Shard) -> Result<Edit> + Send,
    ) -> Result<ShardInfo> {
        let done = records::edit(&*self.inner.global, &paths::shard(keyspace, shard), edit).await?;
        Ok(ShardInfo {
            keyspace: keyspace.to_owned(),
            name: shard.to_owned(),
            record: done.value,
            version: done.version,
        })
    }

    /// Deletes a shard's record.
    pub async fn delete_shard(&self, keyspace: &str, shard: &str) -> Result<()> {
        self.inner.global.delete(&paths::shard(keyspace, shard), None).await
    }

    /// Watches a shard's record (a primary does, to learn of a newer one).
    pub fn watch_shard(
        &self,
        keyspace: &str,
        shard: &str,
    ) -> tokio::sync::watch::Receiver<crate::Seen<topodata::Shard>> {
        crate::watch::record(self.global(), paths::shard(keyspace, shard))
    }
}

/// Whether queries to `tablet_type` are refused in `cell` for some tables, and which.
pub fn denied_tables(shard: &topodata::Shard, tablet_type: TabletType, cell: &str) -> Vec<String> {
    shard
        .tablet_controls
        .iter()
        .filter(|c| {
            c.tablet_type() == tablet_type && (c.cells.is_empty() || c.cells.iter().any(|x| x == cell))
        })
        .flat_map(|c| c.denied_tables.iter().cloned())
        .collect()
}

fn ignore_exists(result: Result<()>) -> Result<()> {
    match result {
        Err(e) if crate::kind(&e) == crate::ErrorKind::NodeExists => Ok(()),
        other => other,
    }
}

impl From<ShardInfo> for Versioned<topodata::Shard> {
    fn from(s: ShardInfo) -> Self {
        Self { value: s.record, version: s.version }
    }
}
