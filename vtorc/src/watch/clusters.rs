//! `--clusters-to-watch`: which keyspaces and shards are ours.

use vterrors::{Error, Result};
use vtmodel::KeyRange;

/// Keyspaces, and shards of keyspaces; none is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusters(Vec<(String, Option<String>)>);

impl Clusters {
    /// Each as `keyspace` or `keyspace/shard`; a key range stands for all shards within it.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut clusters = Vec::new();
        for text in texts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
            let (keyspace, shard) = match text.split_once('/') {
                None => (text, None),
                Some((keyspace, shard)) => (keyspace, Some(shard)),
            };
            let bad = |why: String| {
                Error::invalid(format!("--clusters-to-watch: {text:?}: {why}; expected ks or ks/-80"))
            };
            topo::check_name("keyspace", keyspace).map_err(|e| bad(e.message().to_owned()))?;
            if let Some(shard) = shard {
                topo::parse_shard_name(shard).map_err(|e| bad(e.message().to_owned()))?;
            }
            clusters.push((keyspace.to_owned(), shard.map(str::to_ascii_lowercase)));
        }
        Ok(Self(clusters))
    }

    pub fn wants_keyspace(&self, keyspace: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|(k, _)| k == keyspace)
    }

    pub fn wants(&self, keyspace: &str, shard: &str) -> bool {
        let wanted = |named: &Option<String>| match named {
            None => true,
            Some(named) => named == shard || within(shard, named),
        };
        self.0.is_empty() || self.0.iter().any(|(k, named)| k == keyspace && wanted(named))
    }
}

fn within(shard: &str, wide: &str) -> bool {
    let (Ok(Some(shard)), Ok(Some(wide))) = (KeyRange::of_shard_name(shard), KeyRange::of_shard_name(wide))
    else {
        return false;
    };
    // The last keyspace id of a range that ends at `80` is below `80`: it is in a range that ends there, too.
    let rest = KeyRange { start: wide.end.clone(), end: Vec::new() };
    wide.contains(&shard.start) && (wide.end.is_empty() || !shard.intersects(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(texts: &[&str]) -> Clusters {
        Clusters::parse(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn none_given_is_everything() {
        assert!(clusters(&[]).wants("ks", "-80") && clusters(&[""]).wants_keyspace("any"));
    }

    #[test]
    fn a_keyspace_a_shard_a_range() {
        let c = clusters(&["a", "b/0", "c/-80", "d/80-"]);
        for (keyspace, shard, wanted) in [
            ("a", "-80", true),
            ("a", "0", true),
            ("b", "0", true),
            ("b", "-80", false),
            ("c", "-80", true),
            ("c", "-40", true),
            ("c", "40-80", true),
            ("c", "40-c0", false),
            ("c", "80-", false),
            ("d", "c0-", true),
            ("d", "-", false),
            ("e", "0", false),
        ] {
            assert_eq!(c.wants(keyspace, shard), wanted, "{keyspace}/{shard}");
        }
        assert!(!c.wants_keyspace("e"));
    }

    #[test]
    fn what_is_no_shard_is_refused_by_name() {
        let e = Clusters::parse(&["ks/80-40".to_owned()]).unwrap_err();
        assert!(e.message().contains("--clusters-to-watch") && e.message().contains("ks/80-40"), "{e}");
        assert!(Clusters::parse(&["/0".to_owned()]).is_err());
    }
}
