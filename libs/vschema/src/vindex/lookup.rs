//! Lookup vindexes: a table that holds the keyspace ids of values. Described only, so far.

use std::collections::BTreeMap;

/// A lookup vindex as the VSchema describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    pub kind: LookupKind,
    /// `keyspace.table` that holds the pairs.
    pub table: String,
    /// The table's columns that hold the values.
    pub from: Vec<String>,
    /// The table's column that holds the keyspace id (or the number it is the hash of).
    pub to: String,
    /// Written, but not read yet.
    pub write_only: bool,
    /// Rows with NULL have no entry.
    pub ignore_nulls: bool,
    /// Each change commits by itself.
    pub autocommit: bool,
    pub no_verify: bool,
    /// `lookup_cost` has its cost in its parameters.
    pub cost: Option<u32>,
    /// The other parameters, as they are.
    pub params: BTreeMap<String, String>,
}

/// The kinds of lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupKind {
    Lookup,
    LookupUnique,
    LookupHash,
    LookupHashUnique,
    LookupCost,
    LookupUnicodeLooseMd5Hash,
    LookupUnicodeLooseMd5HashUnique,
    ConsistentLookup,
    ConsistentLookupUnique,
}

impl LookupKind {
    const ALL: [Self; 9] = [
        Self::Lookup,
        Self::LookupUnique,
        Self::LookupHash,
        Self::LookupHashUnique,
        Self::LookupCost,
        Self::LookupUnicodeLooseMd5Hash,
        Self::LookupUnicodeLooseMd5HashUnique,
        Self::ConsistentLookup,
        Self::ConsistentLookupUnique,
    ];

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_name() == name)
    }

    pub fn type_name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::LookupUnique => "lookup_unique",
            Self::LookupHash => "lookup_hash",
            Self::LookupHashUnique => "lookup_hash_unique",
            Self::LookupCost => "lookup_cost",
            Self::LookupUnicodeLooseMd5Hash => "lookup_unicodeloosemd5_hash",
            Self::LookupUnicodeLooseMd5HashUnique => "lookup_unicodeloosemd5_hash_unique",
            Self::ConsistentLookup => "consistent_lookup",
            Self::ConsistentLookupUnique => "consistent_lookup_unique",
        }
    }

    pub fn is_unique(self) -> bool {
        matches!(
            self,
            Self::LookupUnique
                | Self::LookupHashUnique
                | Self::LookupUnicodeLooseMd5HashUnique
                | Self::ConsistentLookupUnique
        )
    }
}

impl Lookup {
    /// Two of the three table parameters are needed; `from` may be a list.
    pub(super) fn new(kind: LookupKind, params: &BTreeMap<String, String>) -> vterrors::Result<Self> {
        let needed = |name: &str| match params.get(name).map(|v| v.trim()).filter(|v| !v.is_empty()) {
            Some(value) => Ok(value.to_owned()),
            None => Err(vterrors::Error::invalid(format!(
                "{}: the parameter {name} is missing",
                kind.type_name()
            ))),
        };
        let flag = |name: &str| match params.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(vterrors::Error::invalid(format!(
                "{}: {name} must be true or false, not {other:?}",
                kind.type_name()
            ))),
        };
        let cost = match (kind, params.get("cost")) {
            (LookupKind::LookupCost, Some(cost)) => Some(cost.parse().map_err(|_| {
                vterrors::Error::invalid(format!("lookup_cost: cost must be a number, not {cost:?}"))
            })?),
            _ => None,
        };
        Ok(Self {
            kind,
            table: needed("table")?,
            from: needed("from")?.split(',').map(|c| c.trim().to_owned()).collect(),
            to: needed("to")?,
            write_only: flag("write_only")?,
            ignore_nulls: flag("ignore_nulls")?,
            autocommit: flag("autocommit")?,
            no_verify: flag("no_verify")?,
            cost,
            params: params.clone(),
        })
    }

    pub(super) fn cost(&self) -> u32 {
        self.cost.unwrap_or(if self.kind.is_unique() { 10 } else { 20 })
    }
}
