//! The plan: what vtgate's executor does, as data.
//!
//! A plan is an enum tree that can be compared, printed and serialised; it holds no connection, no shard
//! and no value of the query. Shards are resolved when it runs, from [`Routing`] and the bind variables;
//! so a plan stays right while shards are split, and is thrown away only when the VSchema changes.
//!
//! Text for tablets is in Vitess's normalised form: `:vtg1` and `:v1` for values, `::vtg1` for lists. Where
//! rows or list members are dealt out to shards, the text names a bind variable that the executor sets
//! for each shard ([`LIST_VALUES`], [`insert_bind`], [`sequence_bind`]).

mod gather;
mod having;
mod join;
mod kind;
mod locks;
mod lookup;
mod rows;
mod variables;
mod vindex_func;

use std::sync::Arc;

use eval::{Aggregator, Comparator, Fold, FoldFunction, SortKey, Spread};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use sqltypes::Field;
use vschema::{KeyColumn, Vindex};
use vterrors::Result;

pub use gather::{ByKeys, Gather, GatherStep, Load, LoadColumn, LoadShape};
pub(crate) use having::sign_of;
pub use having::{Having, HavingSide};
pub use join::{
    Concat, FirstSubquery, Join, JoinByKeys, JoinColumn, JoinKey, JoinKind, Project, ProjectColumn, Sort,
    SubqueryKind, ValuesFirst, has_values_bind,
};
pub use locks::{LockColumn, Locks};
pub use lookup::{LookupChange, LookupOrder, LookupRead, LookupTable};
pub use rows::{
    Conflict, EachRow, GenerateRows, GivenRows, InsertRowsOf, KeyedDml, MoveRows, RowsAt, Upsert, UpsertRow,
    row_bind,
};
pub use variables::{AssignVariables, IntoVariables};
pub use vindex_func::{VindexColumn, VindexFunc};

/// The list bind variable (`::__vals`) that holds, for each shard of [`Routing::In`], its own values.
pub const LIST_VALUES: &str = "__vals";

/// The bind variable (`:_id_0`) of column `column` in row `row` of a sharded insert.
pub fn insert_bind(column: &str, row: usize) -> String {
    format!("_{}_{row}", column.to_lowercase())
}

/// The bind variable (`:__seq0`) of the sequence's column in row `row` of an insert.
pub fn sequence_bind(row: usize) -> String {
    format!("__seq{row}")
}

/// What kind of statement it is: decides transactions, metrics and which tablets may serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum StatementClass {
    Select,
    Insert,
    Replace,
    Update,
    Delete,
    Ddl,
    Show,
    Explain,
    Other,
}

impl StatementClass {
    /// Whether it changes rows, so that it needs the primary and a transaction.
    pub fn is_dml(self) -> bool {
        matches!(self, Self::Insert | Self::Replace | Self::Update | Self::Delete)
    }

    /// The name in metrics and query logs, as Vitess spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Replace => "REPLACE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Ddl => "DDL",
            Self::Show => "SHOW",
            Self::Explain => "EXPLAIN",
            Self::Other => "OTHER",
        }
    }
}

/// A planned statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub statement: StatementClass,
    pub root: Primitive,
    /// `keyspace.table`, sorted, each once.
    pub tables_used: Vec<String>,
    /// The statement in normalised form: the key of `/debug/query_plans`.
    pub normalized: String,
    /// Set when the plan is right only for these very literals: the cache must key it by the full text.
    pub literal_bound: Option<LiteralBound>,
    /// Bind variables that the executor fills from the session before it runs the plan.
    pub session_values: Vec<SessionBind>,
    /// For `SHOW WARNINGS` and the plan's page.
    pub warnings: Vec<PlanWarning>,
    pub directives: Directives,
}

/// Why a plan may not be shared by statements with other literals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiteralBound {
    pub reason: String,
}

/// What a user should know about a plan that runs all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PlanWarning {
    /// This write changes rows of a table that owns lookup vindexes; their tables are not written yet. No
    /// plan reads a lookup, so results stay right.
    LookupNotMaintained { table: String, vindexes: Vec<String> },
    /// The statement goes to every shard.
    Scatter,
    /// Rows are put together on one tablet: see [`Gather`].
    Gather,
}

impl PlanWarning {
    /// A stable name for logs and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LookupNotMaintained { .. } => "lookup_not_maintained",
            Self::Scatter => "scatter",
            Self::Gather => "gather",
        }
    }
}

/// Directives of a `/*vt+ ... */` comment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Directives {
    pub scatter_errors_as_warnings: bool,
    pub allow_scatter: bool,
    pub multi_shard_autocommit: bool,
    pub skip_query_plan_cache: bool,
    pub ignore_max_memory_rows: bool,
    pub allow_hash_join: bool,
    pub query_timeout_ms: Option<u64>,
    pub workload_name: Option<String>,
    /// 0 (most important) to 100.
    pub priority: Option<u32>,
}

/// A value of the session that the text refers to by a bind variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionBind {
    /// Without the colon.
    pub bind: String,
    pub value: SessionValue,
}

/// What a tablet cannot know about the client's session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum SessionValue {
    /// `database()`, `schema()`: the keyspace (with its target), or NULL.
    Database,
    /// `last_insert_id()`
    LastInsertId,
    /// `found_rows()`
    FoundRows,
    /// `row_count()`
    RowCount,
    /// `connection_id()`
    ConnectionId,
    /// `user()`, `current_user()`, `session_user()`, `system_user()`
    User,
    /// `version()`
    Version,
    /// `@name`, lower case.
    UserVariable(String),
    /// `@@name`, `@@session.name`, `@@global.name`: lower case, without the scope.
    SystemVariable { name: String, global: bool },
}

/// One step of a plan; a step with an `input` works on the rows of that step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Primitive {
    Route(Box<Route>),
    Limit(Box<Limit>),
    Aggregate(Box<Aggregate>),
    Sort(Box<Sort>),
    Join(Box<Join>),
    Project(Box<Project>),
    Concat(Box<Concat>),
    ValuesFirst(Box<ValuesFirst>),
    Gather(Box<Gather>),
    /// Writes in this order, all or nothing; their affected rows are added.
    All(Vec<Primitive>),
    /// Changes of several tables by what one query over them said: all rows are read before the first is
    /// changed.
    ChangeTables(Vec<KeyedDml>),
    VindexFunc(Box<VindexFunc>),
    Locks(Box<Locks>),
    IntoVariables(Box<IntoVariables>),
    AssignVariables(Box<AssignVariables>),
    Insert(Box<Insert>),
    Update(Box<Dml>),
    Delete(Box<Dml>),
    KeyedDml(Box<KeyedDml>),
    MoveRows(Box<MoveRows>),
    InsertRowsOf(Box<InsertRowsOf>),
    EachRow(Box<EachRow>),
    Upsert(Box<Upsert>),
    Send(Box<Send>),
    Rows(Rows),
}

/// A query sent to the shards of `routing`; their rows are merged (by `order_by`, else in any order).
///
/// When the values of the query map to no shard, `query` is sent to any one shard all the same: it matches
/// nothing there, and gives the columns, or the one row of an aggregate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    pub keyspace: String,
    pub routing: Routing,
    pub query: String,
    /// Empty: the order of the merged rows does not matter, or one shard gives it.
    pub order_by: Vec<OrderBy>,
    /// So many columns at the end of each row are for the merge only and are cut off.
    pub hidden_columns: usize,
    /// `FOR UPDATE`, `FOR SHARE`, `LOCK IN SHARE MODE`
    pub is_locking: bool,
    /// The text asks information_schema: see [`SystemSchema`].
    pub system_schema: Option<SystemSchema>,
    /// `SELECT NEXT n VALUES FROM sequence`: to the primary, outside of the transaction.
    pub is_sequence: bool,
}

/// A query of information_schema and its like.
///
/// The executor adds the bind variable `__replacevtschemaname` = 1; the tablet then fills in its own
/// database's name for `:__vtschemaname`. Where schema names were compared with a value that is no
/// keyspace, the executor sets [`SCHEMA_NAME`] to that value instead and leaves the other out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemSchema {
    /// The values that the text compared schema names with: the keyspace to ask. Empty: the session's. If
    /// several, they must be equal when the plan runs; else the statement is refused.
    pub schemas: Vec<ValueRef>,
    /// The text reads tables of the route's keyspace as well: it can be asked about that keyspace only.
    pub beside_tables: bool,
    /// Other names, in lower case, of the result's columns with schemas' names ([`is_schema_column_name`]). In these the
    /// executor puts the keyspace's name in the place of the database's.
    ///
    /// [`is_schema_column_name`]: crate::is_schema_column_name
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
}

/// The bind variable (`:__vtschemaname`) for a schema's name in queries of information_schema.
pub const SCHEMA_NAME: &str = "__vtschemaname";

/// The bind variable for the name by which the client knows the schema of [`SCHEMA_NAME`].
pub const KEYSPACE_NAME: &str = "__vtkeyspacename";

/// One item of the merge order. NULLs come first, and last where `desc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderBy {
    pub column: ColumnAt,
    /// The hidden `weight_string(column)`: what text columns are compared by. None where the column is
    /// known to be no text.
    pub weight_string: Option<ColumnAt>,
    /// The hidden `collation(column)`: says whether the shorter weight is padded.
    pub collation_column: Option<ColumnAt>,
    /// The collation where the VSchema knows it; then there is no `collation_column`.
    pub collation: Option<String>,
    pub desc: bool,
}

impl OrderBy {
    /// The same by positions in rows of `columns` columns, of which the last `hidden` are hidden.
    pub fn sort_key(&self, columns: usize, hidden: usize) -> SortKey {
        let at = |at: ColumnAt| at.index(columns, hidden);
        SortKey {
            column: at(self.column),
            weight_string: self.weight_string.map(at),
            collation_column: self.collation_column.map(at),
            collation: self.collation.clone(),
            desc: self.desc,
        }
    }
}

/// A column of a [`Route`]'s rows. Where the text has `*`, only the shards know how many columns there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum ColumnAt {
    /// Counted from the first column, from 0.
    Start(usize),
    /// Counted from the first hidden column, from 0: the rows' length less `hidden_columns`, plus this.
    Hidden(usize),
}

impl ColumnAt {
    /// The index in rows of `columns` columns, of which the last `hidden` are hidden.
    pub fn index(self, columns: usize, hidden: usize) -> usize {
        match self {
            Self::Start(at) => at,
            Self::Hidden(at) => columns.saturating_sub(hidden) + at,
        }
    }
}

/// Groups of the shards' rows, folded into one row each: GROUP BY, DISTINCT, or all rows into one.
///
/// `input` has no hidden columns of its own: its rows come whole, with `hidden_columns` at their end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    pub input: Primitive,
    /// What makes a group; empty: all rows are one.
    pub keys: Vec<OrderBy>,
    /// Columns that are computed from the group's rows; the others are those of its first row.
    pub columns: Vec<AggregateColumn>,
    /// Groups that do not pass are left out.
    pub having: Option<Having>,
    /// The order of the groups; empty: none is wanted.
    pub order_by: Vec<OrderBy>,
    pub hidden_columns: usize,
    /// The hidden columns are not cut off: another step needs them.
    pub keeps_hidden: bool,
}

/// A column of [`Aggregate`] that is computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AggregateColumn {
    pub column: ColumnAt,
    pub function: AggregateFunction,
}

/// How the shards' partial values become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum AggregateFunction {
    /// Counts are added.
    Count,
    /// The rows are counted, whatever the column holds.
    CountRows,
    Sum,
    /// The smallest by this order of one column.
    Min(OrderBy),
    Max(OrderBy),
    /// The sum column divided by the count column; both are columns of the same [`Aggregate`].
    Avg {
        sum: ColumnAt,
        count: ColumnAt,
    },
    /// The column's values are added; it is no sum yet, and gets the type of one.
    SumRows,
    /// As `Avg`, of a column of values.
    AvgRows {
        sum: ColumnAt,
        count: ColumnAt,
    },
    BitAnd,
    BitOr,
    BitXor,
    /// GROUP_CONCAT; the separator is a comma unless given.
    Concat {
        separator: Option<ValueRef>,
    },
    /// Of the parts' counts, means and variances.
    Variance {
        count: ColumnAt,
        mean: ColumnAt,
        variance: ColumnAt,
        sample: bool,
        root: bool,
    },
}

/// What folding asks of a run.
pub struct FoldContext<'a> {
    /// More groups than this are an error.
    pub max_groups: usize,
    /// GROUP_CONCAT cuts off there, in bytes.
    pub group_concat_max_len: usize,
    /// A value as text; `None` for NULL.
    pub value: &'a (dyn Fn(&ValueRef) -> Result<Option<Vec<u8>>> + Sync),
}

impl Aggregate {
    /// What folds rows with these fields.
    pub fn aggregator(&self, fields: &[Field], context: &FoldContext<'_>) -> Result<Aggregator> {
        let key = |by: &OrderBy| by.sort_key(fields.len(), self.hidden_columns);
        let keys: Vec<_> = self.keys.iter().map(key).collect();
        let fold = |column: &AggregateColumn| {
            let column_at = column.column.index(fields.len(), self.hidden_columns);
            let function = self.fold_function(&column.function, fields.len(), context)?;
            Ok(Fold { column: column_at, function })
        };
        let folds = self.columns.iter().map(fold).collect::<Result<_>>()?;
        Aggregator::new(&keys, folds, fields, context.max_groups)
    }

    fn fold_function(
        &self,
        function: &AggregateFunction,
        columns: usize,
        context: &FoldContext<'_>,
    ) -> Result<FoldFunction> {
        let at = |at: &ColumnAt| at.index(columns, self.hidden_columns);
        let key = |by: &OrderBy| by.sort_key(columns, self.hidden_columns);
        Ok(match function {
            AggregateFunction::Count => FoldFunction::Count,
            AggregateFunction::CountRows => FoldFunction::CountRows,
            AggregateFunction::Sum => FoldFunction::Sum,
            AggregateFunction::Min(by) => FoldFunction::Min(key(by)),
            AggregateFunction::Max(by) => FoldFunction::Max(key(by)),
            AggregateFunction::SumRows => FoldFunction::Sum,
            AggregateFunction::Avg { sum, count } => {
                FoldFunction::Avg { sum: at(sum), count: at(count), of_rows: false }
            }
            AggregateFunction::AvgRows { sum, count } => {
                FoldFunction::Avg { sum: at(sum), count: at(count), of_rows: true }
            }
            AggregateFunction::BitAnd => FoldFunction::BitAnd,
            AggregateFunction::BitOr => FoldFunction::BitOr,
            AggregateFunction::BitXor => FoldFunction::BitXor,
            AggregateFunction::Concat { separator } => FoldFunction::Concat {
                separator: match separator {
                    Some(value) => (context.value)(value)?.unwrap_or_default(),
                    None => b",".to_vec(),
                },
                longest: context.group_concat_max_len,
            },
            AggregateFunction::Variance { count, mean, variance, sample, root } => FoldFunction::Variance {
                count: at(count),
                mean: at(mean),
                variance: at(variance),
                spread: Spread { sample: *sample, root: *root },
            },
        })
    }

    /// The order of the folded rows, where one is wanted.
    pub fn order(&self, fields: &[Field]) -> Result<Option<Comparator>> {
        if self.order_by.is_empty() {
            return Ok(None);
        }
        let keys: Vec<_> =
            self.order_by.iter().map(|by| by.sort_key(fields.len(), self.hidden_columns)).collect();
        Comparator::for_order(&keys, fields).map(Some)
    }
}

/// The rows `offset .. offset + count` of `input`. The shards were told to send no more than the sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    pub input: Primitive,
    pub count: ValueRef,
    pub offset: Option<ValueRef>,
    /// `SQL_CALC_FOUND_ROWS`: the input gives all its rows, so that `FOUND_ROWS()` tells their number.
    pub count_all: bool,
}

/// The bind variable in a shard's text that holds `count + offset` of a pushed limit.
pub const UPPER_LIMIT: &str = "__upper_limit";

/// Which shards of the keyspace a query goes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Routing {
    /// The one shard of an unsharded keyspace.
    Unsharded,
    /// The shard of one keyspace id: `values` has one value for each column of the vindex. Where the vindex
    /// maps them to [`Anywhere`](vschema::Mapped::Anywhere), this plan does not fit these values: plan again
    /// with [`PlanContext::ignore_values`](crate::PlanContext::ignore_values).
    EqualUnique { vindex: VindexRef, values: Vec<ValueRef> },
    /// The shards of a leading part of a multi-column vindex's columns.
    SubShard { vindex: VindexRef, values: Vec<ValueRef> },
    /// The shards of a list. Each shard gets its own part of the list as [`LIST_VALUES`]; NULLs match nothing.
    /// A value that maps to anywhere is in every shard's part. With no shard left: one shard, the whole list.
    In { vindex: VindexRef, values: ValueRef },
    /// The shards of several tuples of column values; each shard gets the text as it is.
    MultiEqual { vindex: VindexRef, tuples: Vec<Vec<ValueRef>> },
    /// The one shard that all of these keyspace ids are on; where they are on several, the statement needs
    /// rows of more than one shard at once and is refused. A NULL counts as being on any shard; for values
    /// that map to anywhere as with `EqualUnique`.
    SameShard { parts: Vec<SameShardPart> },
    /// The shards that a lookup vindex says. With no entry: any one shard, which has no such row.
    Lookup(Box<LookupRead>),
    /// The shards of keyspace ids that are known by now: what the executor makes of [`Routing::Lookup`].
    KeyspaceIds(Vec<Vec<u8>>),
    /// The shard of a fixed keyspace id (a table with `pinned`).
    KeyspaceId(Vec<u8>),
    /// Every shard.
    Scatter,
    /// Any one shard: the answer is the same on each.
    AnyShard,
    /// A reference table: any one shard, preferably one that the transaction has already.
    Reference,
    /// The shard that the session named (`USE ks:-80`).
    ByTarget { shard: String },
}

impl Routing {
    /// Whether it is one shard at most whatever the values are (a vindex that cannot map a value scatters).
    pub fn is_single_shard(&self) -> bool {
        match self {
            Self::Unsharded
            | Self::EqualUnique { .. }
            | Self::SameShard { .. }
            | Self::KeyspaceId(_)
            | Self::AnyShard
            | Self::Reference
            | Self::ByTarget { .. } => true,
            Self::Lookup(read) => {
                read.lookup.unique && !matches!(read.values, ValueRef::ListBind(_) | ValueRef::List(_))
            }
            Self::SubShard { .. }
            | Self::In { .. }
            | Self::MultiEqual { .. }
            | Self::KeyspaceIds(_)
            | Self::Scatter => false,
        }
    }

    /// The name that `VEXPLAIN` and the metrics use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unsharded => "Unsharded",
            Self::EqualUnique { .. } => "EqualUnique",
            Self::SubShard { .. } => "SubShard",
            Self::In { .. } => "IN",
            Self::MultiEqual { .. } => "MultiEqual",
            Self::SameShard { .. } => "SameShard",
            Self::Lookup(_) => "Lookup",
            Self::KeyspaceId(_) | Self::KeyspaceIds(_) => "ByKeyspaceId",
            Self::Scatter => "Scatter",
            Self::AnyShard => "AnyShard",
            Self::Reference => "Reference",
            Self::ByTarget { .. } => "ByDestination",
        }
    }
}

/// One of the keyspace ids of [`Routing::SameShard`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum SameShardPart {
    Vindex { vindex: VindexRef, values: Vec<ValueRef> },
    KeyspaceId(Vec<u8>),
}

/// A vindex and the columns it is used on: all that is needed to map values.
#[derive(Debug, Clone, PartialEq)]
pub struct VindexRef {
    pub name: String,
    pub vindex: Arc<Vindex>,
    /// One for each column of the vindex; unknown where the VSchema has no columns and nothing was tracked.
    pub columns: Vec<Option<KeyColumn>>,
}

impl Serialize for VindexRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("VindexRef", 2)?;
        out.serialize_field("name", &self.name)?;
        out.serialize_field("type", self.vindex.type_name())?;
        out.end()
    }
}

/// A value that is known when the plan runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum ValueRef {
    Null,
    /// A bind variable with one value, without the colon.
    Bind(String),
    /// A bind variable with a list, without the colons.
    ListBind(String),
    /// A literal that stayed in the text.
    Literal(LiteralValue),
    /// A list of values written out.
    List(Vec<ValueRef>),
}

/// A literal as data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum LiteralValue {
    /// An integer in decimal text, with its sign.
    Integer(String),
    /// A number in decimal text.
    Decimal(String),
    /// A number with an exponent.
    Float(String),
    /// Text or bytes, without quotes or escapes.
    Bytes(Vec<u8>),
    /// Bytes from `x'..'` or `b'..'`.
    Binary(Vec<u8>),
}

/// Rows inserted into one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Insert {
    pub keyspace: String,
    pub table: String,
    pub rows: InsertRows,
    /// Values that come from a sequence. Done first: `rows` may refer to its bind variables.
    pub generate: Option<Generate>,
    /// `INSERT IGNORE`: a row that maps to no shard is left out instead of an error.
    pub ignore: bool,
    /// `REPLACE`
    pub replace: bool,
    /// A reference table: every shard does the same, so affected rows are those of one of them.
    pub is_reference: bool,
    /// The lookups that get entries of the rows; see [`InsertRow::lookup_values`].
    pub lookups: Vec<LookupChange>,
    /// Rows may be there already without an error: `IGNORE`, `ON DUPLICATE KEY UPDATE`.
    pub may_exist: bool,
}

/// Where the rows go, and their text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum InsertRows {
    /// The whole statement goes to one place: `Unsharded`, `ByTarget`, `Scatter` (reference tables) or one
    /// shard that is known without the rows.
    Whole { routing: Routing, query: String },
    /// Each row to the shard of its primary vindex. A shard's text is `prefix`, its rows joined by `, `,
    /// then `suffix`.
    Sharded { vindex: VindexRef, prefix: String, rows: Vec<InsertRow>, suffix: String },
}

/// One row of a sharded insert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InsertRow {
    /// The values of the primary vindex's columns, in its order.
    pub vindex_values: Vec<ValueRef>,
    /// The bind variables that the text uses for them, in the same order: the executor sets each to its value.
    pub vindex_binds: Vec<String>,
    /// For each of [`Insert::lookups`], the values of its columns.
    pub lookup_values: Vec<Vec<ValueRef>>,
    /// `(:_id_0, :vtg2)`
    pub text: String,
}

/// Values for an auto-increment column out of a sequence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Generate {
    /// The sequence's unsharded keyspace.
    pub keyspace: String,
    /// ``select next :n values from `seq` ``, with the bind variable `n`.
    pub query: String,
    pub column: String,
    /// One for each row; a value is generated where it is NULL, or 0 unless sql_mode has
    /// NO_AUTO_VALUE_ON_ZERO. Row `i`'s value, generated or not, becomes the bind variable
    /// [`sequence_bind(i)`](sequence_bind).
    pub values: Vec<ValueRef>,
}

/// An UPDATE or DELETE of rows where they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dml {
    pub keyspace: String,
    pub table: String,
    pub routing: Routing,
    pub query: String,
    /// A reference table: every shard does the same, so affected rows are those of one of them.
    pub is_reference: bool,
}

/// A statement passed on whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Send {
    pub keyspace: String,
    pub destination: SendTo,
    pub query: String,
    pub is_ddl: bool,
    pub is_dml: bool,
}

/// Where a statement is sent whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum SendTo {
    AllShards,
    AnyShard,
    Shard(String),
}

/// Rows that vtgate makes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rows {
    pub fields: Vec<RowField>,
    pub rows: Vec<Vec<ValueRef>>,
}

/// A column of [`Rows`]; its type is that of the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowField {
    pub name: String,
}
