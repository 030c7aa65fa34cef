//! Where a query goes: a keyspace's shard and a tablet type; and the text a client selects it with.

use std::fmt;

use proto::topodata::TabletType;
use vterrors::{Error, Result};

use crate::{KeyRange, parse_tablet_type, tablet_type_lower};

/// One shard of a keyspace, served by tablets of one type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub keyspace: String,
    pub shard: String,
    pub tablet_type: TabletType,
}

impl Target {
    pub fn new(keyspace: impl Into<String>, shard: impl Into<String>, tablet_type: TabletType) -> Self {
        Self { keyspace: keyspace.into(), shard: shard.into(), tablet_type }
    }
}

/// `keyspace.shard.type`, the key of metrics and of error texts.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.keyspace, self.shard, tablet_type_lower(self.tablet_type))
    }
}

impl From<&Target> for proto::query::Target {
    fn from(t: &Target) -> Self {
        Self {
            keyspace: t.keyspace.clone(),
            shard: t.shard.clone(),
            tablet_type: t.tablet_type as i32,
            cell: String::new(),
        }
    }
}

impl From<&proto::query::Target> for Target {
    fn from(t: &proto::query::Target) -> Self {
        Self { keyspace: t.keyspace.clone(), shard: t.shard.clone(), tablet_type: t.tablet_type() }
    }
}

/// What a client selects with `USE`, COM_INIT_DB or at connect: `ks`, `ks@replica`, `ks:-80`,
/// `ks/-80@rdonly`, `@replica`, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TargetString {
    /// Empty when none is selected.
    pub keyspace: String,
    pub shard: Option<String>,
    /// None means the session's default, primary.
    pub tablet_type: Option<TabletType>,
}

impl TargetString {
    /// The type that the session reads from.
    pub fn tablet_type(&self) -> TabletType {
        self.tablet_type.unwrap_or(TabletType::Primary)
    }

    pub fn parse(s: &str) -> Result<Self> {
        let (rest, tablet_type) = match s.rsplit_once('@') {
            Some((rest, t)) => {
                let t = parse_tablet_type(t).map_err(|_| {
                    Error::invalid(format!("invalid target {s:?}: unknown tablet type {t:?}"))
                })?;
                (rest, Some(t))
            }
            None => (s, None),
        };
        let (keyspace, shard) = match rest.find([':', '/']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        if let Some(shard) = shard {
            if shard.is_empty() || keyspace.is_empty() {
                return Err(Error::invalid(format!("invalid target {s:?}: expected keyspace:shard@type")));
            }
            KeyRange::of_shard_name(shard)?;
        }
        Ok(Self { keyspace: keyspace.to_owned(), shard: shard.map(str::to_lowercase), tablet_type })
    }
}

impl fmt::Display for TargetString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keyspace)?;
        if let Some(shard) = &self.shard {
            write!(f, ":{shard}")?;
        }
        if let Some(t) = self.tablet_type {
            write!(f, "@{}", tablet_type_lower(t))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_prints_as_it_parses() {
        for s in ["", "ks", "ks@replica", "ks:-80", "ks:80-@rdonly", "@replica", "ks:0"] {
            assert_eq!(TargetString::parse(s).unwrap().to_string(), s);
        }
        assert_eq!(TargetString::parse("ks/-80@master").unwrap().to_string(), "ks:-80@primary");
    }

    #[test]
    fn bad_targets_are_refused() {
        for s in ["ks@", "ks@boss", "ks:", ":-80", "ks:80-40"] {
            assert!(TargetString::parse(s).is_err(), "{s:?} was accepted");
        }
    }
}
