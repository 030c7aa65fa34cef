//! INSERT, REPLACE, UPDATE, DELETE, LOAD DATA.

use super::{
    ColName, Comments, Expr, Ident, Limit, Literal, OrderBy, Query, Raw, TableExpr, TableName, With,
};

/// INSERT or REPLACE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Insert {
    pub comments: Comments,
    /// REPLACE.
    pub replace: bool,
    pub priority: Option<InsertPriority>,
    pub ignore: bool,
    pub table: TableName,
    pub partitions: Vec<Ident>,
    /// Empty where the statement names none.
    pub columns: Vec<ColName>,
    pub source: InsertSource,
    /// `AS new(a, b)` after the rows.
    pub row_alias: Option<RowAlias>,
    /// `ON DUPLICATE KEY UPDATE`.
    pub on_duplicate: Vec<Assignment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InsertPriority {
    Low,
    Delayed,
    High,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InsertSource {
    /// `VALUES (...), (...)`; a row may be empty. `VALUES ROW(...)` is a [`InsertSource::Query`].
    Values(Vec<Vec<Expr>>),
    /// `SET a = 1, b = 2`; the columns are in the assignments.
    Set(Vec<Assignment>),
    Query(Box<Query>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowAlias {
    pub name: Ident,
    pub columns: Vec<Ident>,
}

/// `column = value`; `DEFAULT` is [`Expr::Default`] of none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Assignment {
    pub column: ColName,
    pub value: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Update {
    pub comments: Comments,
    pub with: Option<Box<With>>,
    pub low_priority: bool,
    pub ignore: bool,
    /// One for the single-table form.
    pub tables: Vec<TableExpr>,
    pub set: Vec<Assignment>,
    pub where_: Option<Expr>,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delete {
    pub comments: Comments,
    pub with: Option<Box<With>>,
    pub low_priority: bool,
    pub quick: bool,
    pub ignore: bool,
    /// `DELETE t1, t2 FROM ...` and `DELETE FROM t1, t2 USING ...`; empty for the single-table form.
    pub targets: Vec<TableName>,
    /// One for the single-table form.
    pub tables: Vec<TableExpr>,
    pub where_: Option<Expr>,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoadData {
    /// LOAD XML.
    pub xml: bool,
    /// Words between DATA and INFILE: low_priority, concurrent; lower case.
    pub priority: Option<Ident>,
    pub local: bool,
    /// INFILE, or what newer versions and Vitess allow (S3, URL, FROM).
    pub source: Raw,
    pub path: Literal,
    pub duplicates: Option<LoadDuplicates>,
    pub table: TableName,
    pub partitions: Vec<Ident>,
    /// Character set, field and line clauses, IGNORE n LINES.
    pub options: Raw,
    /// Columns and user variables.
    pub columns: Vec<Expr>,
    pub set: Vec<Assignment>,
    /// What newer versions allow at the end (PARALLEL, MEMORY, ALGORITHM).
    pub tail: Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadDuplicates {
    Replace,
    Ignore,
}
