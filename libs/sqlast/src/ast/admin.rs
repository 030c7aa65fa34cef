//! SET, EXPLAIN, transactions, prepared statements, locks, KILL, CALL.

use super::{Comments, Expr, Ident, Raw, Statement, SysVar, TableName, VarScope};
use crate::text::Text;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Set {
    pub comments: Comments,
    /// One or more, in the order of the statement.
    pub items: Vec<SetItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SetItem {
    /// `@name = value`.
    UserVar(Ident, Expr),
    /// `name = value`, `SESSION name = value`, `@@global.name = value`; ON, OFF, ALL, BINARY and bare words
    /// are columns or literals in the expression, DEFAULT is [`Expr::Default`].
    SysVar(SysVar, Expr),
    /// `NAMES utf8mb4 COLLATE x`; none is DEFAULT.
    Names { charset: Option<Text>, collation: Option<Text> },
    /// `CHARACTER SET x`; none is DEFAULT.
    CharacterSet(Option<Text>),
    /// `TRANSACTION ISOLATION LEVEL ..., READ ONLY`; without a scope it is for the next transaction only.
    Transaction { scope: Option<VarScope>, characteristics: Vec<TransactionCharacteristic> },
    /// PASSWORD, ROLE, RESOURCE GROUP, DEFAULT ROLE, NEW.column.
    Other(Raw),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionCharacteristic {
    ReadOnly,
    ReadWrite,
    Isolation(Isolation),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

/// BEGIN [WORK] or START TRANSACTION.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Begin {
    /// START TRANSACTION; BEGIN has no modes.
    pub start_transaction: bool,
    pub modes: Vec<BeginMode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BeginMode {
    ConsistentSnapshot,
    ReadWrite,
    ReadOnly,
}

/// `AND [NO] CHAIN`, `[NO] RELEASE` of COMMIT and ROLLBACK; none where not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TransactionEnd {
    pub chain: Option<bool>,
    pub release: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Explain {
    pub comments: Comments,
    pub analyze: bool,
    /// `FORMAT = JSON`, as written, lower case.
    pub format: Option<Ident>,
    /// `INTO @variable`.
    pub into: Option<Ident>,
    /// `FOR SCHEMA name` or `FOR DATABASE name`.
    pub schema: Option<Ident>,
    pub target: ExplainTarget,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExplainTarget {
    Statement(Box<Statement>),
    /// `DESCRIBE table [column | 'pattern']`.
    Table {
        name: TableName,
        column: Option<DescribeColumn>,
    },
    /// `FOR CONNECTION id`.
    Connection(Expr),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DescribeColumn {
    Name(Ident),
    Pattern(Text),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    pub comments: Comments,
    pub procedure: TableName,
    pub args: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prepare {
    pub comments: Comments,
    pub name: Ident,
    pub source: PrepareSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PrepareSource {
    Text(Text),
    UserVar(Ident),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Execute {
    pub comments: Comments,
    pub name: Ident,
    /// The user variables after USING.
    pub using: Vec<Ident>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LockTable {
    pub table: TableName,
    pub alias: Option<Ident>,
    pub lock: TableLock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableLock {
    Read,
    ReadLocal,
    Write,
    LowPriorityWrite,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kill {
    /// KILL QUERY; else the connection.
    pub query: bool,
    pub id: Expr,
}
