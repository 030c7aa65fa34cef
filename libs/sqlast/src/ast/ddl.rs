//! Definitions of tables, views, indexes and databases: far enough to route a statement, to qualify the
//! names of tables, and to tell what changes. The rest of a clause is kept as tokens ([`Raw`]).

use super::{Expr, Ident, Literal, Query, Raw, TableName};
use crate::text::Text;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateTable {
    pub comments: super::Comments,
    pub temporary: bool,
    pub if_not_exists: bool,
    pub name: TableName,
    /// `LIKE other`; then the rest is empty.
    pub like: Option<TableName>,
    pub elements: Vec<TableElement>,
    pub options: Vec<TableOption>,
    /// From PARTITION on.
    pub partition: Raw,
    /// IGNORE or REPLACE before the query.
    pub duplicates: Option<super::LoadDuplicates>,
    pub query: Option<Box<Query>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TableElement {
    Column(Box<ColumnDef>),
    Index(Box<IndexDef>),
    ForeignKey(Box<ForeignKeyDef>),
    Check(Box<CheckDef>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnDef {
    pub name: Ident,
    pub data_type: DataType,
    pub attributes: Vec<ColumnAttribute>,
}

/// A column's type; the name is MySQL's own word in lower case (`integer` becomes `int`, `bool` stays).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DataType {
    pub name: Ident,
    /// Length, or precision and scale, as digits.
    pub length: Option<Text>,
    pub scale: Option<Text>,
    /// Of ENUM and SET.
    pub values: Vec<Literal>,
    pub unsigned: bool,
    pub zerofill: bool,
    /// The `BINARY` of `CHAR(10) BINARY`.
    pub binary: bool,
    pub charset: Option<Ident>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnAttribute {
    Null,
    NotNull,
    /// A literal, a function such as CURRENT_TIMESTAMP(6), or an expression in parentheses.
    Default(Expr),
    /// `DEFAULT (expr)`.
    DefaultExpr(Expr),
    OnUpdate(Expr),
    AutoIncrement,
    /// `PRIMARY KEY` or plain `KEY`.
    PrimaryKey,
    Unique,
    Comment(Literal),
    Collate(Ident),
    Generated(Box<Generated>),
    References(Box<References>),
    Check(Box<CheckDef>),
    Visible(bool),
    /// `SRID 4326`.
    Srid(Text),
    /// `COLUMN_FORMAT DYNAMIC`, `STORAGE DISK`, `ENGINE_ATTRIBUTE '...'`, `SERIAL DEFAULT VALUE`, ...
    Other(Raw),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Generated {
    pub expr: Expr,
    /// STORED (or PERSISTENT); none where not said, which means VIRTUAL.
    pub stored: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct References {
    pub table: TableName,
    pub columns: Vec<KeyPart>,
    /// MATCH, ON DELETE, ON UPDATE.
    pub actions: Raw,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexDef {
    /// `CONSTRAINT name`; `Some(None)` where the word stands without a name.
    pub constraint: Option<Option<Ident>>,
    pub kind: IndexKind,
    pub name: Option<Ident>,
    /// `USING BTREE` before the columns.
    pub using: Option<Ident>,
    pub columns: Vec<KeyPart>,
    pub options: Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexKind {
    Primary,
    Unique,
    Plain,
    Fulltext,
    Spatial,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyPart {
    pub key: Key,
    pub direction: Option<super::Direction>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A column, with the length of a prefix.
    Column(Ident, Option<Text>),
    Expr(Expr),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForeignKeyDef {
    pub constraint: Option<Option<Ident>>,
    pub index: Option<Ident>,
    pub columns: Vec<KeyPart>,
    pub references: References,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckDef {
    pub constraint: Option<Option<Ident>>,
    pub expr: Expr,
    pub enforced: Option<bool>,
}

/// `ENGINE = InnoDB`; the name's words are in lower case, without the equals sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableOption {
    pub name: Text,
    pub value: Raw,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlterTable {
    pub comments: super::Comments,
    pub ignore: bool,
    pub table: TableName,
    pub actions: Vec<AlterAction>,
    /// PARTITION BY ... or REMOVE PARTITIONING behind the actions.
    pub partition: Raw,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlterAction {
    /// One column, or several in parentheses (with indexes among them).
    Add(Vec<TableElement>, Option<ColumnPlace>),
    Modify(Box<ColumnDef>, Option<ColumnPlace>),
    Change(Ident, Box<ColumnDef>, Option<ColumnPlace>),
    /// `ALTER COLUMN c SET DEFAULT ...`, `DROP DEFAULT`, `SET VISIBLE`.
    AlterColumn(Ident, Raw),
    DropColumn(Ident),
    DropIndex(Ident),
    DropPrimaryKey,
    DropForeignKey(Ident),
    DropConstraint(Ident),
    DropCheck(Ident),
    RenameTo(TableName),
    RenameColumn(Ident, Ident),
    RenameIndex(Ident, Ident),
    /// `EXCHANGE PARTITION p WITH TABLE t ...`.
    ExchangePartition(Ident, TableName, Raw),
    Option(TableOption),
    /// Everything else: partition management, ORDER BY, ALGORITHM, LOCK, ENABLE KEYS, ...
    Other(Raw),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnPlace {
    First,
    After(Ident),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropTable {
    pub comments: super::Comments,
    pub temporary: bool,
    pub if_exists: bool,
    pub tables: Vec<TableName>,
    /// RESTRICT or CASCADE, which MySQL ignores.
    pub behaviour: Option<DropBehaviour>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropBehaviour {
    Restrict,
    Cascade,
}

/// One `from TO to` of RENAME TABLE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RenamePair {
    pub from: TableName,
    pub to: TableName,
}

/// CREATE VIEW and ALTER VIEW.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateView {
    pub comments: super::Comments,
    /// ALTER VIEW.
    pub alter: bool,
    pub or_replace: bool,
    /// CREATE VIEW IF NOT EXISTS.
    pub if_not_exists: bool,
    /// ALGORITHM, DEFINER and SQL SECURITY, in that order.
    pub algorithm: Option<Ident>,
    pub definer: Raw,
    pub security: Option<Ident>,
    pub name: TableName,
    pub columns: Vec<Ident>,
    pub query: Box<Query>,
    pub check: Option<ViewCheck>,
}

/// `WITH CHECK OPTION` is cascaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewCheck {
    Plain,
    Cascaded,
    Local,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropView {
    pub comments: super::Comments,
    pub if_exists: bool,
    pub views: Vec<TableName>,
    pub behaviour: Option<DropBehaviour>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateIndex {
    pub comments: super::Comments,
    pub kind: IndexKind,
    pub name: Ident,
    pub using: Option<Ident>,
    pub table: TableName,
    pub columns: Vec<KeyPart>,
    pub options: Raw,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropIndex {
    pub comments: super::Comments,
    pub name: Ident,
    pub table: TableName,
    /// ALGORITHM and LOCK.
    pub options: Raw,
}

/// CREATE DATABASE and ALTER DATABASE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatabaseDdl {
    pub comments: super::Comments,
    pub if_not_exists: bool,
    /// ALTER DATABASE may leave it out.
    pub name: Option<Ident>,
    pub options: Raw,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropDatabase {
    pub comments: super::Comments,
    pub if_exists: bool,
    pub name: Ident,
}

/// ANALYZE, OPTIMIZE, REPAIR, CHECK, CHECKSUM TABLE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableMaintenance {
    pub verb: MaintenanceVerb,
    /// NO_WRITE_TO_BINLOG or LOCAL.
    pub no_binlog: bool,
    pub tables: Vec<TableName>,
    pub options: Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaintenanceVerb {
    Analyze,
    Optimize,
    Repair,
    Check,
    Checksum,
}
