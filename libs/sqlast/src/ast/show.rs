//! SHOW, MySQL's and Vitess's.

use super::{Comments, Expr, Ident, Raw, TableName, VarScope};
use crate::text::Text;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Show {
    pub comments: Comments,
    pub kind: ShowKind,
    pub filter: Option<ShowFilter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ShowFilter {
    Like(Text),
    Where(Expr),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ShowKind {
    /// DATABASES or SCHEMAS.
    Databases,
    Tables {
        full: bool,
        extended: bool,
        from: Option<Ident>,
    },
    TableStatus {
        from: Option<Ident>,
    },
    OpenTables {
        from: Option<Ident>,
    },
    Triggers {
        full: bool,
        from: Option<Ident>,
    },
    Events {
        from: Option<Ident>,
    },
    /// COLUMNS or FIELDS; a second FROM goes into the table's qualifier.
    Columns {
        full: bool,
        extended: bool,
        table: TableName,
    },
    /// INDEX, INDEXES or KEYS.
    Indexes {
        extended: bool,
        table: TableName,
    },
    CreateTable(TableName),
    CreateView(TableName),
    CreateDatabase {
        if_not_exists: bool,
        name: Ident,
    },
    /// PROCEDURE, FUNCTION, TRIGGER, EVENT, ...: the word and the name.
    CreateOther(Ident, TableName),
    Variables {
        scope: Option<VarScope>,
    },
    Status {
        scope: Option<VarScope>,
    },
    /// CHARSET or CHARACTER SET.
    Charset,
    Collation,
    Engines,
    Plugins,
    Privileges,
    Processlist {
        full: bool,
    },
    /// With LIMIT as tokens; `SHOW COUNT(*) WARNINGS` has `count` set.
    Warnings {
        count: bool,
        limit: Option<super::Limit>,
    },
    Errors {
        count: bool,
        limit: Option<super::Limit>,
    },
    /// `PROCEDURE STATUS` or `FUNCTION STATUS`.
    RoutineStatus {
        function: bool,
    },
    Vitess(ShowVitess),
    /// Everything else after SHOW, as tokens.
    Other(Raw),
}

/// Statements that only Vitess has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ShowVitess {
    /// VITESS_KEYSPACES or KEYSPACES.
    Keyspaces,
    /// VITESS_SHARDS.
    Shards,
    /// VITESS_TABLETS.
    Tablets,
    /// VITESS_TARGET.
    Target,
    /// VITESS_REPLICATION_STATUS.
    ReplicationStatus,
    /// VITESS_THROTTLED_APPS.
    ThrottledApps,
    /// VITESS_THROTTLER STATUS.
    ThrottlerStatus,
    /// VITESS_METADATA VARIABLES.
    MetadataVariables,
    /// VITESS_MIGRATIONS [FROM keyspace].
    Migrations { from: Option<Ident> },
    /// VITESS_MIGRATION 'uuid' LOGS.
    MigrationLogs(Text),
    /// VSCHEMA TABLES.
    VschemaTables,
    /// VSCHEMA KEYSPACES.
    VschemaKeyspaces,
    /// VSCHEMA VINDEXES [ON table].
    VschemaVindexes { table: Option<TableName> },
    /// GLOBAL GTID_EXECUTED [FROM keyspace].
    GtidExecuted { from: Option<Ident> },
    /// GLOBAL VGTID_EXECUTED [FROM keyspace].
    VgtidExecuted { from: Option<Ident> },
    /// UNRESOLVED TRANSACTIONS [FOR keyspace].
    UnresolvedTransactions { keyspace: Option<Ident> },
    /// TRANSACTION STATUS [FOR] 'dtid'.
    TransactionStatus(Text),
}
