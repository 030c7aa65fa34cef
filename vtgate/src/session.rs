//! A client's session. One task owns it: there are no locks.

mod charset;
mod locks;
mod prepared;
mod process;
mod variables;
mod wire;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use proto::{query::QueryWarning, vtrpc::CallerId};
use sqlast::SqlMode;
use sqltypes::{BindValue, Type};
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletAlias, TabletType, Target, TargetString};

pub use charset::{Charset, Labels};
pub use locks::{Keeper, LockSession};
pub use prepared::{MAX_PARAMS, Prepared, Ready, takes_bind_variables};
pub use process::{End, Kill, Process, Processes, Shield};
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

/// When a part of a transaction commits: in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOrder {
    Before,
    Main,
    After,
}

impl CommitOrder {
    pub const ALL: [Self; 3] = [Self::Before, Self::Main, Self::After];
}

/// A session that works on another part than the main one; put back when dropped, also when the statement is
/// given up in the middle.
pub struct Swapped<'s> {
    pub session: &'s mut Session,
    order: CommitOrder,
}

impl<'s> Swapped<'s> {
    fn new(session: &'s mut Session, order: CommitOrder) -> Self {
        let mut swapped = Self { session, order };
        swapped.swap();
        swapped
    }

    fn swap(&mut self) {
        match self.order {
            CommitOrder::Before => std::mem::swap(&mut self.session.shards, &mut self.session.before),
            CommitOrder::Main => {}
            CommitOrder::After => std::mem::swap(&mut self.session.shards, &mut self.session.after),
        }
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        self.swap();
    }
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
    /// The name that the tablets know the client by.
    pub fn immediate(&self) -> &str {
        if self.user_data.is_empty() { &self.user } else { &self.user_data }
    }

    pub fn effective(&self) -> CallerId {
        CallerId {
            principal: self.user.clone(),
            component: self.address.clone(),
            subcomponent: self.subcomponent.to_owned(),
            groups: self.groups.clone(),
        }
    }
}

/// A savepoint of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Savepoint {
    pub name: String,
    /// How many [`Session::removals`] there were.
    pub removals: usize,
}

/// Entries of a lookup vindex whose rows a transaction changes or removes.
#[derive(Debug, Clone)]
pub struct Removal {
    pub change: planner::LookupChange,
    pub entries: Vec<LookupEntry>,
}

/// An entry of a lookup vindex: the values and the keyspace id that they lead to.
#[derive(Debug, Clone)]
pub struct LookupEntry {
    pub values: Vec<(Type, bytes::Bytes)>,
    pub keyspace_id: Vec<u8>,
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
    /// Parts of the transaction that commit before the others, and after them: entries of lookup vindexes.
    pub before: Vec<ShardSession>,
    pub after: Vec<ShardSession>,
    /// Entries of lookup vindexes that the transaction wrote in its part before, by table and values.
    pub entered: HashSet<(String, Vec<bytes::Bytes>)>,
    /// Those that lose their rows: they are removed when the transaction commits.
    pub removals: Vec<Removal>,
    /// The connection that holds the locks of `GET_LOCK`.
    pub locks: Option<LockSession>,
    /// While a VEXPLAIN runs: what goes to shards.
    pub trace: Option<crate::executor::Trace>,
    /// While a statement runs that a log or a trace tells of.
    pub observed: Option<Arc<crate::observe::Observed>>,
    /// While a statement runs that is undone as a whole when it fails.
    pub atomic: bool,
    pub savepoints: Vec<Savepoint>,
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
    /// `SET sql_select_limit`: how many rows a SELECT without LIMIT gives; none for all. Tablets are not told, each of
    /// them would count for itself.
    pub select_limit: Option<u64>,
    /// `SET workload = 'olap'`: everything streams.
    pub olap: bool,
    pub uuid: String,
    /// `CLIENT_FOUND_ROWS`: an UPDATE counts the rows it matched, not those it changed.
    pub client_found_rows: bool,
    /// What the client's text is in; that of gRPC clients is utf8mb4.
    pub client_charset: Charset,
    /// What the client wants its results in.
    pub results_charset: Charset,
    /// The statements of `PREPARE name FROM`, by their lower-case names.
    pub prepared: BTreeMap<String, Arc<Prepared>>,
    /// A statement of the transaction was given up half way: until the client rolls back nothing is done.
    pub must_roll_back: bool,
    /// The connection as others see it; `None` for gRPC clients.
    pub process: Option<Arc<Process>>,
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
            before: Vec::new(),
            locks: None,
            trace: None,
            observed: None,
            atomic: false,
            after: Vec::new(),
            entered: Default::default(),
            removals: Vec::new(),
            savepoints: Vec::new(),
            warnings: Vec::new(),
            last_insert_id: 0,
            found_rows: 0,
            row_count: 0,
            user_variables: BTreeMap::new(),
            system_variables: BTreeMap::new(),
            kept_variables: BTreeMap::new(),
            sql_mode: SqlMode::default(),
            select_limit: None,
            olap: false,
            uuid: uuid::Uuid::new_v4().to_string(),
            client_found_rows: false,
            client_charset: Charset::default(),
            results_charset: Charset::default(),
            prepared: BTreeMap::new(),
            must_roll_back: false,
            process: None,
            broken: false,
        }
    }

    /// A session of the same client with the same target and way of reading, and nothing else: for work
    /// beside its transaction.
    pub fn apart(&self) -> Self {
        let mut apart = Self::new(self.id, self.caller.clone(), self.target.clone());
        apart.sql_mode = self.sql_mode;
        apart.user_variables = self.user_variables.clone();
        apart.last_insert_id = self.last_insert_id;
        apart.observed = self.observed.clone();
        apart
    }

    /// The session as it was when the client connected (COM_RESET_CONNECTION): who the client is, its target
    /// and its character set stay.
    pub fn anew(&self) -> Self {
        let mut anew = Self::new(self.id, self.caller.clone(), self.target.clone());
        anew.client_found_rows = self.client_found_rows;
        anew.process = self.process.clone();
        anew.set_charset(self.client_charset);
        anew
    }

    /// The character set of everything that the client writes and reads.
    pub fn set_charset(&mut self, charset: Charset) {
        (self.client_charset, self.results_charset) = (charset, charset);
    }

    /// Keeps the statement that runs from being given up, as long as the shield is held.
    pub fn shield(&self) -> Option<Shield> {
        self.process.as_ref().map(Process::shield)
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

    /// The shards' connections that commit in this order.
    pub fn part_mut(&mut self, order: CommitOrder) -> &mut Vec<ShardSession> {
        match order {
            CommitOrder::Before => &mut self.before,
            CommitOrder::Main => &mut self.shards,
            CommitOrder::After => &mut self.after,
        }
    }

    /// The session with one part in the place of the main one, for as long as the guard lives.
    pub fn swapped(&mut self, order: CommitOrder) -> Swapped<'_> {
        Swapped::new(self, order)
    }

    /// Notes a savepoint; one of the same name before it is gone.
    pub fn add_savepoint(&mut self, name: String) {
        self.savepoints.retain(|s| !s.name.eq_ignore_ascii_case(&name));
        self.savepoints.push(Savepoint { name, removals: self.removals.len() });
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
