//! What the planner is told besides the statement.

use std::sync::Arc;

use proto::topodata::TabletType;
use sqlast::ast::TableName;
use vschema::{Table, VSchema};
use vterrors::{Condition, Error, Result};

/// The session's target and the VSchema: everything that may change a plan, beside the text.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    pub vschema: &'a VSchema,
    /// The session's keyspace (`USE ks`).
    pub keyspace: Option<&'a str>,
    /// The session's shard (`USE ks:-80`): every statement goes there as it is.
    pub shard: Option<&'a str>,
    pub tablet_type: TabletType,
    /// Refuses what would go to every shard, unless a directive allows it (`--no-scatter`).
    pub no_scatter: bool,
    /// Plans as if no condition named a shard. The executor asks for such a plan when a value of
    /// `EqualUnique` or `SameShard` could be on any shard ([`vschema::Mapped::Anywhere`]).
    pub ignore_values: bool,
    /// `INSERT ... ON DUPLICATE KEY UPDATE` goes row by row: see [`crate::Upsert`].
    pub by_rows: bool,
    /// Takes the last choice ([`Gather`](crate::Gather)) at once. The executor asks for such a plan when the
    /// rows that came cannot be put together otherwise: their types are known only then.
    pub gather: bool,
    /// How many rows a SELECT without LIMIT gives (`sql_select_limit`).
    pub select_limit: Option<u64>,
    /// How the session's tablets read text: decides how it is printed.
    pub sql_mode: sqlast::SqlMode,
}

/// Schemas of MySQL itself, which are on every tablet.
const SYSTEM_SCHEMAS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// Whether a schema's name is one of MySQL's own.
pub(crate) fn is_system_schema(name: &[u8]) -> bool {
    SYSTEM_SCHEMAS.iter().any(|s| name.eq_ignore_ascii_case(s.as_bytes()))
}

impl<'a> PlanContext<'a> {
    /// The table that a name in the statement means.
    pub(crate) fn table(&self, name: &TableName) -> Result<Arc<Table>> {
        let qualifier = name.qualifier.as_ref().map(|q| q.to_string_lossy());
        // `ks:-80@replica`.t is not MySQL's; only the keyspace counts.
        let table = name.name.to_string_lossy();
        self.vschema.table(qualifier.as_deref(), &table, self.keyspace, self.tablet_type)
    }

    /// The session's keyspace; MySQL's 1046 without one.
    pub(crate) fn session_keyspace(&self) -> Result<&Arc<vschema::Keyspace>> {
        match self.keyspace {
            Some(name) => self.vschema.keyspace(name),
            None => Err(Error::new(Condition::NoKeyspaceSelected, "No database selected")),
        }
    }

    /// A keyspace for statements that any shard of any keyspace answers alike: the session's, else an
    /// unsharded one, else the first.
    pub(crate) fn any_keyspace(&self) -> Result<&Arc<vschema::Keyspace>> {
        if self.keyspace.is_some() {
            return self.session_keyspace();
        }
        let mut keyspaces: Vec<_> = self.vschema.keyspaces().collect();
        keyspaces.sort_by_key(|k| k.sharded);
        keyspaces.first().copied().ok_or_else(|| {
            Error::new(Condition::NoKeyspaceSelected, "No database selected: there is no keyspace")
        })
    }
}
