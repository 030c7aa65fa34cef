//! Queries: SELECT, VALUES, TABLE, set operations, WITH, and the tables they read.

use super::{AliasedExpr, Expr, Ident, Literal, Raw, TableName};
use crate::text::Text;

/// Comments that stay with the statement: those right after its first word, delimiters included.
/// Directives (`/*vt+ ... */`) and optimizer hints (`/*+ ... */`) are among them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Comments(pub Vec<Text>);

/// A query expression: a body with what stands before and after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    pub with: Option<Box<With>>,
    pub body: QueryBody,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
    /// `FOR UPDATE`, `FOR SHARE`, `LOCK IN SHARE MODE`.
    pub locks: Vec<Locking>,
    pub into: Option<Box<Into>>,
}

impl Query {
    /// A query with nothing around its body.
    pub fn new(body: QueryBody) -> Self {
        Self { with: None, body, order_by: Vec::new(), limit: None, locks: Vec::new(), into: None }
    }

    /// Whether there is nothing around the body.
    pub fn is_bare(&self) -> bool {
        self.with.is_none()
            && self.order_by.is_empty()
            && self.limit.is_none()
            && self.locks.is_empty()
            && self.into.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum QueryBody {
    Select(Box<Select>),
    SetOperation(Box<SetOperation>),
    /// `VALUES ROW(1, 2), ROW(3, 4)`.
    Values(ValuesRows),
    /// `TABLE name`.
    Table(TableName),
    /// A query expression in parentheses that has an ORDER BY, a LIMIT, ... of its own, or that is a set
    /// operation on the right of another.
    Nested(Box<Query>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValuesRows {
    pub comments: Comments,
    pub rows: Vec<Vec<Expr>>,
}

/// `first op right op right ...`, from left to right. INTERSECT binds closer than UNION and EXCEPT, so an
/// operand may be a set operation of INTERSECTs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetOperation {
    pub first: QueryBody,
    /// One or more.
    pub rest: Vec<SetOperand>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetOperand {
    pub op: SetOperator,
    pub right: QueryBody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetOperator {
    pub kind: SetOperatorKind,
    /// ALL; DISTINCT is the default.
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOperatorKind {
    Union,
    Except,
    Intersect,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct With {
    pub recursive: bool,
    pub tables: Vec<CommonTable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommonTable {
    pub name: Ident,
    pub columns: Vec<Ident>,
    pub query: Query,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Select {
    pub comments: Comments,
    pub distinct: bool,
    pub options: SelectOptions,
    pub items: Vec<SelectItem>,
    /// Comma-separated; empty where there is no FROM. `FROM dual` is a table named `dual`.
    pub from: Vec<TableExpr>,
    pub where_: Option<Expr>,
    pub group_by: Option<GroupBy>,
    pub having: Option<Expr>,
    pub windows: Vec<NamedWindow>,
    pub qualify: Option<Expr>,
}

/// Words after SELECT.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SelectOptions {
    pub high_priority: bool,
    pub straight_join: bool,
    pub small_result: bool,
    pub big_result: bool,
    pub buffer_result: bool,
    /// SQL_CACHE is true, SQL_NO_CACHE is false.
    pub cache: Option<bool>,
    pub calc_found_rows: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SelectItem {
    /// `*`, `t.*`, `db.t.*`.
    Wildcard(Option<TableName>),
    Expr(AliasedExpr),
    /// Vitess's `NEXT 5 VALUES` of a sequence; none for `NEXT VALUE`, which is one.
    Next(Option<Expr>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupBy {
    pub exprs: Vec<GroupItem>,
    /// `WITH ROLLUP` or `ROLLUP (...)`.
    pub with_rollup: bool,
    /// `CUBE (...)`, which MySQL reads but does not do everywhere.
    pub cube: bool,
}

/// A grouping expression; MySQL once allowed ASC and DESC here, and MariaDB does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupItem {
    pub expr: Expr,
    pub direction: Option<Direction>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedWindow {
    pub name: Ident,
    pub spec: super::WindowSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderBy {
    pub expr: Expr,
    pub direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    Asc,
    Desc,
}

/// `LIMIT count`, `LIMIT offset, count`, `LIMIT count OFFSET offset`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    pub count: Expr,
    pub offset: Option<Expr>,
    /// Written `offset, count`. Kept, so that the tree has its literals in the order of the text.
    pub comma: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locking {
    pub strength: LockStrength,
    /// `OF t1, t2`.
    pub of: Vec<TableName>,
    pub wait: Option<LockWait>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockStrength {
    Update,
    Share,
    /// `LOCK IN SHARE MODE`, the old spelling of FOR SHARE.
    ShareMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockWait {
    NoWait,
    SkipLocked,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Into {
    /// User variables, or names of local variables in a stored program.
    Variables(Vec<Expr>),
    DumpFile(Literal),
    OutFile(Box<OutFile>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutFile {
    /// Vitess's `OUTFILE S3`.
    pub s3: bool,
    pub path: Literal,
    /// Character set, field and line clauses, Vitess's format, manifest and overwrite.
    pub options: Raw,
}

/// What stands in FROM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TableExpr {
    Table(Box<AliasedTable>),
    Derived(Box<DerivedTable>),
    JsonTable(Box<JsonTable>),
    Join(Box<Join>),
    /// `(t1, t2)` as an operand of a join: a cross join of two or more.
    List(Vec<TableExpr>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasedTable {
    pub name: TableName,
    pub partitions: Vec<Ident>,
    pub alias: Option<Ident>,
    pub hints: Vec<IndexHint>,
}

impl AliasedTable {
    /// A table under its own name.
    pub fn new(name: TableName) -> Self {
        Self { name, partitions: Vec::new(), alias: None, hints: Vec::new() }
    }
}

/// `USE INDEX FOR JOIN (a, b)`, and Vitess's `USE VINDEX (a)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexHint {
    pub action: IndexHintAction,
    pub vindex: bool,
    pub scope: Option<IndexHintScope>,
    /// Empty only for USE.
    pub indexes: Vec<Ident>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexHintAction {
    Use,
    Ignore,
    Force,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexHintScope {
    Join,
    OrderBy,
    GroupBy,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DerivedTable {
    pub lateral: bool,
    pub query: Query,
    /// MySQL wants one; Oracle-style code may leave it out where the parser of MySQL allows.
    pub alias: Option<Ident>,
    pub columns: Vec<Ident>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Join {
    pub left: TableExpr,
    pub kind: JoinKind,
    pub natural: bool,
    pub right: TableExpr,
    pub condition: Option<JoinCondition>,
}

/// JOIN, INNER JOIN and CROSS JOIN are the same in MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    Inner,
    Straight,
    Left,
    Right,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JoinCondition {
    On(Expr),
    Using(Vec<Ident>),
}

/// `JSON_TABLE(document, path COLUMNS (...)) AS alias`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonTable {
    pub document: Expr,
    pub path: Expr,
    pub columns: Vec<JsonTableColumn>,
    pub alias: Ident,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonTableColumn {
    Ordinality(Ident),
    Path(Box<JsonTablePath>),
    Nested { path: Expr, columns: Vec<JsonTableColumn> },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonTablePath {
    pub name: Ident,
    pub data_type: super::DataType,
    pub collate: Option<Ident>,
    pub exists: bool,
    pub path: Expr,
    pub on_empty: Option<JsonTableOn>,
    pub on_error: Option<JsonTableOn>,
}

/// As [`super::JsonOn`].
pub type JsonTableOn = super::JsonOn;
