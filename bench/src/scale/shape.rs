//! The shape of a made-up cluster, as data: which keyspaces, shards and tablets there are, and where. Pure, and the
//! same for the same [`Size`].
//!
//! The sizes of [`Size::LARGEST`] are those that JD.com told of in 2018, the largest deployment that anybody told
//! of; how shards lie in keyspaces was not told, but for "at most 72 in one".

use std::net::Ipv4Addr;

use vtmodel::{Durability, TabletAlias};

/// Most shards of a keyspace.
const MOST_SHARDS: usize = 72;
/// Keyspaces that have so many.
const LARGE_KEYSPACES: usize = 30;
/// Shards of keyspaces in the middle.
const MIDDLE_SHARDS: usize = 8;

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub keyspaces: usize,
    /// At least as many as keyspaces.
    pub shards: usize,
    /// Two or three for each shard.
    pub tablets: usize,
    pub cells: usize,
    /// In all VSchemas together.
    pub tables: usize,
}

impl Size {
    pub const LARGEST: Self =
        Self { keyspaces: 1_911, shards: 4_438, tablets: 11_416, cells: 8, tables: 552_104 };
    /// What a test of a few seconds can carry.
    pub const SMALL: Self = Self { keyspaces: 80, shards: 200, tablets: 520, cells: 4, tables: 800 };
}

/// A shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Place in [`Cluster::keyspaces`].
    pub keyspace: usize,
    /// `0`, or a key range.
    pub name: String,
    /// Places in [`Cluster::tablets`]; the first is the primary in the beginning.
    pub tablets: Vec<usize>,
}

/// A keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace {
    pub name: String,
    /// Semi-sync where every shard has three tablets. With two, a primary that is gone leaves nobody to acknowledge
    /// to the next one, so that nothing is asked for there.
    pub durability: Durability,
    pub shards: Vec<usize>,
}

/// A tablet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablet {
    pub shard: usize,
    pub cell: usize,
    pub uid: u32,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub size: Size,
    pub keyspaces: Vec<Keyspace>,
    pub shards: Vec<Shard>,
    pub tablets: Vec<Tablet>,
}

/// How many shards each keyspace has: a few have the most, some are in the middle, most have one.
fn shards_of_keyspaces(size: Size) -> Vec<usize> {
    let mut counts = vec![1; size.keyspaces];
    let mut left = size.shards.saturating_sub(size.keyspaces);
    for (n, count) in counts.iter_mut().enumerate() {
        let wanted = if n < LARGE_KEYSPACES { MOST_SHARDS } else { MIDDLE_SHARDS };
        let more = left.min(wanted - 1);
        *count += more;
        left -= more;
    }
    counts
}

/// The `n`th of `count` shards of equal width.
fn shard_name(n: usize, count: usize) -> String {
    let edge = |n: usize| match n * 0x1_0000 / count {
        0 | 0x1_0000 => String::new(),
        edge => format!("{edge:04x}"),
    };
    if count == 1 { "0".to_owned() } else { format!("{}-{}", edge(n), edge(n + 1)) }
}

impl Cluster {
    pub fn new(size: Size) -> Self {
        let mut cluster = Self { size, keyspaces: Vec::new(), shards: Vec::new(), tablets: Vec::new() };
        // Whole keyspaces have three tablets a shard, until all tablets have a place.
        let mut third = size.tablets.saturating_sub(2 * size.shards);
        for (k, count) in shards_of_keyspaces(size).into_iter().enumerate() {
            let three = count <= third;
            third -= if three { count } else { 0 };
            let durability = if three { Durability::SemiSync } else { Durability::None };
            let first = cluster.shards.len();
            for n in 0..count {
                cluster.add_shard(k, shard_name(n, count), if three { 3 } else { 2 });
            }
            let shards = (first..cluster.shards.len()).collect();
            cluster.keyspaces.push(Keyspace { name: format!("keyspace{k:04}"), durability, shards });
        }
        cluster
    }

    /// The tablets of a shard are in cells of their own, as far as there are enough.
    fn add_shard(&mut self, keyspace: usize, name: String, tablets: usize) {
        let shard = self.shards.len();
        let first = self.tablets.len();
        for n in 0..tablets {
            let uid = u32::try_from(first + n + 1).unwrap_or(u32::MAX);
            self.tablets.push(Tablet { shard, cell: (shard + n) % self.size.cells, uid });
        }
        self.shards.push(Shard { keyspace, name, tablets: (first..first + tablets).collect() });
    }

    pub fn cell_name(cell: usize) -> String {
        format!("cell{}", cell + 1)
    }

    pub fn cell_names(&self) -> Vec<String> {
        (0..self.size.cells).map(Self::cell_name).collect()
    }

    pub fn alias(&self, tablet: usize) -> TabletAlias {
        let tablet = &self.tablets[tablet];
        TabletAlias::new(Self::cell_name(tablet.cell), tablet.uid)
    }

    /// Each tablet has a loopback address of its own: one listener on all of them knows by it who is meant.
    pub fn address(tablet: usize) -> Ipv4Addr {
        let n = u32::try_from(tablet + 1).unwrap_or(0);
        Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + n)
    }

    /// The tablet that has an address.
    pub fn tablet_at(&self, address: Ipv4Addr) -> Option<usize> {
        let n = u32::from(address).checked_sub(u32::from(Ipv4Addr::new(127, 1, 0, 1)))?;
        let n = usize::try_from(n).ok()?;
        (n < self.tablets.len()).then_some(n)
    }

    /// The keyspace of a shard.
    pub fn keyspace(&self, shard: usize) -> &Keyspace {
        &self.keyspaces[self.shards[shard].keyspace]
    }

    /// `keyspace/shard`.
    pub fn shard_name(&self, shard: usize) -> String {
        format!("{}/{}", self.keyspace(shard).name, self.shards[shard].name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_as_much_as_was_told_of() {
        for size in [Size::LARGEST, Size::SMALL] {
            let cluster = Cluster::new(size);
            assert_eq!(cluster.keyspaces.len(), size.keyspaces);
            assert_eq!(cluster.shards.len(), size.shards);
            assert_eq!(cluster.tablets.len(), size.tablets);
            let most = cluster.keyspaces.iter().map(|k| k.shards.len()).max();
            assert_eq!(most, Some(MOST_SHARDS));
        }
    }

    #[test]
    fn shards_cover_everything_and_addresses_tell_tablets_apart() {
        let cluster = Cluster::new(Size::LARGEST);
        for keyspace in &cluster.keyspaces {
            let ranges: Vec<_> = keyspace.shards.iter().map(|s| &cluster.shards[*s].name).collect();
            let ranges: Vec<vtmodel::KeyRange> = ranges
                .iter()
                .map(|name| vtmodel::KeyRange::of_shard_name(name).unwrap().unwrap_or_default())
                .collect();
            assert!(vtmodel::shards_cover_everything(&ranges), "{}: {ranges:?}", keyspace.name);
        }
        for tablet in 0..cluster.tablets.len() {
            assert_eq!(cluster.tablet_at(Cluster::address(tablet)), Some(tablet));
        }
        assert_eq!(cluster.tablet_at(Ipv4Addr::LOCALHOST), None);
    }
}
