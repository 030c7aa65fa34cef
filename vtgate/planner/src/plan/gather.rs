//! The plan's part for what only one MySQL can answer over the rows of many.

use serde::Serialize;

use super::Primitive;

/// The planner's last choice: rows of shards and keyspaces are put into temporary tables on one tablet,
/// and `query`, whose tables are these, runs there.
///
/// The temporary tables live on a connection of their own, which is closed when the query ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gather {
    /// On a tablet of any shard of this keyspace.
    pub keyspace: String,
    /// Done in this order, before `query` runs.
    pub steps: Vec<GatherStep>,
    pub query: String,
    /// Why no plan by shard was found.
    pub reason: String,
}

/// How one temporary table comes about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum GatherStep {
    /// From the shards' rows.
    Load(Box<Load>),
    /// From a query over the tables before it: a common table expression that is used several times.
    Materialize { name: String, query: String },
    /// The same rows again: MySQL opens a temporary table once in a statement (error 1137).
    Copy { name: String, from: String },
}

impl GatherStep {
    /// The temporary table's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Load(load) => &load.name,
            Self::Materialize { name, .. } | Self::Copy { name, .. } => name,
        }
    }
}

/// A temporary table that stands for one reference to a table, or for a part of the query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Load {
    pub name: String,
    /// The keyspace of its rows.
    pub keyspace: String,
    /// The table that it stands for; empty where it is a part of the query.
    pub table: String,
    pub shape: LoadShape,
    /// Gives the columns in their order.
    pub input: Primitive,
    /// A cheaper way to the same end, if the values it needs are few enough.
    pub by_keys: Option<ByKeys>,
}

/// Reads only rows that have one of the values that a column of an earlier table has: the statement says
/// that the two are equal, so no other row can count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByKeys {
    /// The earlier table.
    pub from: String,
    /// The position of its column.
    pub column: usize,
    /// The list bind variable, without colons, that holds the values.
    pub bind: String,
    /// In place of [`Load::input`].
    pub input: Primitive,
}

/// The columns of a [`Load`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum LoadShape {
    /// Columns of a table.
    Columns {
        columns: Vec<LoadColumn>,
        /// Keys of the table all of whose columns are loaded: what depends on them may stand beside a GROUP BY.
        unique_keys: Vec<Vec<String>>,
    },
    /// Those that a query would give on a shard of the keyspace.
    Query { columns: Vec<String>, query: String },
    /// Those of a table of MySQL's own (`information_schema.tables`), which every tablet has. The input gives
    /// one column more at the end: its database's name, in whose place the rows get the keyspace's.
    System { table: String },
}

impl LoadShape {
    /// The columns' names; none where only the tablet knows them.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Columns { columns, .. } => columns.iter().map(|c| c.name.as_str()).collect(),
            Self::Query { columns, .. } => columns.iter().map(String::as_str).collect(),
            Self::System { .. } => Vec::new(),
        }
    }
}

/// A column of [`LoadShape::Columns`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadColumn {
    pub name: String,
    /// What follows the name in CREATE TABLE.
    pub definition: String,
}
