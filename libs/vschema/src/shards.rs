//! The shards of a keyspace, sorted, so that a keyspace id finds its shard by binary search.

use proto::topodata::{ShardReference, SrvKeyspace, TabletType};
use vterrors::{Error, Result};
use vtmodel::{KeyRange, shards_cover_everything};

/// A shard and the keyspace ids that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardRef {
    pub name: String,
    pub range: KeyRange,
}

/// Immutable table of a keyspace's shards for one tablet type. Never empty; covers every keyspace id once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardTable {
    shards: Vec<ShardRef>,
    /// Start of each shard's range without trailing zeros, in the order of `shards`.
    starts: Vec<Box<[u8]>>,
}

impl ShardTable {
    /// The shards that serve `tablet_type`. An error names the keyspace when it has none, or when they
    /// leave a gap or overlap.
    pub fn from_srv_keyspace(keyspace: &str, srv: &SrvKeyspace, tablet_type: TabletType) -> Result<Self> {
        let partition = srv.partitions.iter().find(|p| p.served_type() == tablet_type);
        let references = partition.map_or(&[][..], |p| &p.shard_references);
        if references.is_empty() {
            let kind = tablet_type.as_str_name().to_lowercase();
            return Err(Error::new(
                vterrors::Condition::NoHealthyTablet,
                format!("keyspace {keyspace} serves no {kind} in this cell"),
            ));
        }
        Self::from_references(references).map_err(|e| e.context(format!("keyspace {keyspace}")))
    }

    /// A table of these shards, in any order.
    pub fn from_references(references: &[ShardReference]) -> Result<Self> {
        let shards = references
            .iter()
            .map(|r| ShardRef { name: r.name.clone(), range: KeyRange::from_proto(r.key_range.as_ref()) });
        Self::new(shards.collect())
    }

    /// A table of these shards, in any order; they must cover every keyspace id exactly once.
    pub fn new(mut shards: Vec<ShardRef>) -> Result<Self> {
        shards.sort_by(|a, b| a.range.cmp_start(&b.range));
        if !shards_cover_everything(shards.iter().map(|s| &s.range)) {
            let names: Vec<_> = shards.iter().map(|s| s.name.as_str()).collect();
            return Err(Error::invalid(format!(
                "shards {} do not cover every keyspace id once",
                names.join(", ")
            )));
        }
        let starts = shards.iter().map(|s| trimmed(&s.range.start).into()).collect();
        Ok(Self { shards, starts })
    }

    /// A table of shards by name (`-80`, `80-`, or `0`).
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let shard = |name: &str| -> Result<ShardRef> {
            let range = KeyRange::of_shard_name(name)?.unwrap_or_default();
            Ok(ShardRef { name: name.to_owned(), range })
        };
        Self::new(names.into_iter().map(shard).collect::<Result<_>>()?)
    }

    /// Every shard, by start of range.
    pub fn all(&self) -> &[ShardRef] {
        &self.shards
    }

    /// The shard that holds a keyspace id.
    pub fn find(&self, keyspace_id: &[u8]) -> &ShardRef {
        &self.shards[self.index_of(keyspace_id)]
    }

    /// The position in [`all`](Self::all) of the shard that holds a keyspace id.
    pub fn index_of(&self, keyspace_id: &[u8]) -> usize {
        let id = trimmed(keyspace_id);
        // The first shard starts at nothing, so at least one start is not above the id.
        self.starts.partition_point(|start| start.as_ref() <= id) - 1
    }

    /// The positions of the shards that hold some keyspace id of a range.
    pub fn indexes_of_range<'a>(&'a self, range: &'a KeyRange) -> impl Iterator<Item = usize> + 'a {
        self.shards.iter().enumerate().filter(|(_, s)| s.range.intersects(range)).map(|(at, _)| at)
    }

    /// The only shard, when there is one.
    pub fn only(&self) -> Option<&ShardRef> {
        match self.shards.as_slice() {
            [shard] => Some(shard),
            _ => None,
        }
    }

    /// The shard of this name.
    pub fn by_name(&self, name: &str) -> Option<&ShardRef> {
        self.shards.iter().find(|s| s.name == name)
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    &bytes[..len]
}

#[cfg(test)]
mod tests;
