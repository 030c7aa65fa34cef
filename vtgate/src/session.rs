//! A client's session. One task owns it: there are no locks.

mod variables;
mod wire;

use std::collections::BTreeMap;

use proto::{query::QueryWarning, vtrpc::CallerId};
use sqlast::SqlMode;
use sqltypes::BindValue;
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletAlias, TabletType, Target, TargetString};

pub use variables::{Kind as VariableKind, kind as variable_kind};

/// How many warnings a session keeps; MySQL's `max_error_count` is 1024.
const MAX_WARNINGS: usize = 1024;

/// One shard that the session holds a connection of.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardSession {
    pub target: Target,
    pub alias: TabletAlias,
    /// 0 outside of a transaction.
    pub transaction_id: i64,
    /// 0 without a reserved connection.
    pub reserved_id: i64,
    /// Whether the transaction has written on this shard.
    pub wrote: bool,
}

/// Who the client is, for the tablets.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub user: String,
    pub address: String,
    pub user_data: String,
    pub groups: Vec<String>,
    pub subcomponent: &'static str,
}

impl Caller {
    pub fn effective(&self) -> CallerId {
        CallerId {
            principal: self.user.clone(),
            component: self.address.clone(),
            subcomponent: self.subcomponent.to_owned(),
            groups: self.groups.clone(),
        }
    }
}

/// Everything that lasts from one statement to the next.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: u32,
    pub caller: Caller,
    pub target: TargetString,
    pub autocommit: bool,
    pub in_transaction: bool,
    /// `START TRANSACTION READ ONLY`, `SET TRANSACTION ...`: said to each shard when its part begins.
    pub transaction_options: proto::query::ExecuteOptions,
    pub shards: Vec<ShardSession>,
    pub savepoints: Vec<String>,
    pub warnings: Vec<QueryWarning>,
    pub last_insert_id: u64,
    pub found_rows: u64,
    pub row_count: i64,
    pub user_variables: BTreeMap<String, BindValue>,
    /// Variables that the tablets' connections must have, as SQL values.
    pub system_variables: BTreeMap<String, String>,
    /// Variables that vtgate keeps for the client without effect on the tablets, as they are shown.
    pub kept_variables: BTreeMap<String, String>,
    pub sql_mode: SqlMode,
    /// `SET workload = 'olap'`: everything streams.
    pub olap: bool,
    pub uuid: String,
    /// `CLIENT_FOUND_ROWS`: an UPDATE counts the rows it matched, not those it changed.
    pub client_found_rows: bool,
    /// Set when the client's connection must end: its state cannot be trusted any more.
    pub broken: bool,
}

impl Session {
    pub fn new(id: u32, caller: Caller, target: TargetString) -> Self {
        Self {
            id,
            caller,
            target,
            autocommit: true,
            in_transaction: false,
            transaction_options: proto::query::ExecuteOptions::default(),
            shards: Vec::new(),
            savepoints: Vec::new(),
            warnings: Vec::new(),
            last_insert_id: 0,
            found_rows: 0,
            row_count: 0,
            user_variables: BTreeMap::new(),
            system_variables: BTreeMap::new(),
            kept_variables: BTreeMap::new(),
            sql_mode: SqlMode::default(),
            olap: false,
            uuid: uuid::Uuid::new_v4().to_string(),
            client_found_rows: false,
            broken: false,
        }
    }

    /// The selected keyspace, or MySQL's "No database selected".
    pub fn keyspace(&self) -> Result<&str> {
        if self.target.keyspace.is_empty() {
            return Err(Error::new(Condition::NoKeyspaceSelected, "No database selected"));
        }
        Ok(&self.target.keyspace)
    }

    /// The type of the tablets that serve the session.
    pub fn tablet_type(&self) -> TabletType {
        self.target.tablet_type()
    }

    /// The held connection of a shard.
    pub fn shard(&self, target: &Target) -> Option<&ShardSession> {
        self.shards.iter().find(|s| s.target == *target)
    }

    /// Notes what a tablet answered of its connection: a new shard session, or new ids of a known one.
    pub fn hold(&mut self, held: ShardSession) {
        match self.shards.iter_mut().find(|s| s.target == held.target) {
            Some(known) => *known = ShardSession { wrote: known.wrote || held.wrote, ..held },
            None => self.shards.push(held),
        }
    }

    /// Whether tablets' connections of this session need settings of their own.
    pub fn needs_reserved(&self) -> bool {
        !self.system_variables.is_empty()
    }

    pub fn warn(&mut self, code: u32, message: impl Into<String>) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(QueryWarning { code, message: message.into() });
        }
    }

    /// The server status flags that a client is told.
    pub fn status(&self) -> u16 {
        use mysqlwire::constants::status as s;
        let mut status = 0;
        if self.autocommit {
            status |= s::AUTOCOMMIT;
        }
        if self.in_transaction {
            status |= s::IN_TRANS;
        }
        if self.sql_mode.has(SqlMode::NO_BACKSLASH_ESCAPES) {
            status |= s::NO_BACKSLASH_ESCAPES;
        }
        status
    }

    /// The options of a call to a tablet. Clients see all of a column's metadata.
    pub fn execute_options(&self) -> proto::query::ExecuteOptions {
        use proto::query::execute_options::{IncludedFields, Workload};
        proto::query::ExecuteOptions {
            included_fields: IncludedFields::All as i32,
            client_found_rows: self.client_found_rows,
            workload: if self.olap { Workload::Olap } else { Workload::Oltp } as i32,
            ..self.transaction_options.clone()
        }
    }
}
