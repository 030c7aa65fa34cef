//! The plan's part for rows that vtgate puts together itself: joins, unions, sorting, subqueries done first.

use eval::{Comparator, SortKey};
use serde::Serialize;
use sqltypes::Field;
use vterrors::Result;

use super::{ColumnAt, Having, OrderBy, Primitive};

/// Rows of two inputs that have equal keys, put together.
///
/// The left input is read first. The right one is read by the left's keys, many at a time, where
/// [`Join::by_keys`] says how; else it is read once, whole. Keys that are NULL equal nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Join {
    pub kind: JoinKind,
    pub left: Primitive,
    pub right: Primitive,
    pub by_keys: Option<JoinByKeys>,
    /// Empty: every row matches every other.
    pub on: Vec<JoinKey>,
    /// Columns of the left that must be true (not NULL, not 0) for a row to match anything: the conditions of
    /// an outer join's ON that are about the side that is kept.
    pub only_if: Vec<usize>,
    /// Columns of the right that must be NULL in a row that was put together: `WHERE right.column IS NULL`.
    pub null_columns: Vec<usize>,
    /// What the rows are made of. Of the left only, where the right only says which rows count.
    pub columns: Vec<JoinColumn>,
}

/// What becomes of a row of the left input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum JoinKind {
    /// One row for each match.
    Inner,
    /// As inner; without a match, one row with NULLs for the right.
    Left,
    /// One row if there is a match.
    Semi,
    /// One row if there is none.
    Anti,
}

impl JoinKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Inner => "Join",
            Self::Left => "LeftJoin",
            Self::Semi => "SemiJoin",
            Self::Anti => "AntiJoin",
        }
    }
}

/// Reads only those rows of the right that can match.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JoinByKeys {
    /// The column of the left whose values are sent along.
    pub left_column: usize,
    /// The list bind variable, without colons, that holds the values.
    pub bind: String,
    /// In place of [`Join::right`].
    pub input: Primitive,
}

/// Two columns that must be equal. Their types are such that equal values are equal as [`eval`] has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JoinKey {
    pub left: OrderBy,
    pub right: OrderBy,
}

/// A column of the rows put together, by its position in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum JoinColumn {
    Left(usize),
    Right(usize),
}

/// All rows of `input` in an order. `hidden_columns` at the end of its rows are for the order only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sort {
    pub input: Primitive,
    /// Empty: as they come.
    pub order_by: Vec<OrderBy>,
    pub hidden_columns: usize,
}

impl Sort {
    /// The order of rows with these fields.
    pub fn order(&self, fields: &[Field]) -> Result<Comparator> {
        let keys: Vec<SortKey> =
            self.order_by.iter().map(|by| by.sort_key(fields.len(), self.hidden_columns)).collect();
        Comparator::for_order(&keys, fields)
    }
}

/// Some columns of `input` under names of their own, of those rows that pass `filter`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Project {
    pub input: Primitive,
    /// Its columns are those of `input`.
    pub filter: Option<Having>,
    pub columns: Vec<ProjectColumn>,
}

/// A column of [`Project`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProjectColumn {
    /// In the input, from 0.
    pub column: usize,
    pub name: String,
}

/// The rows of all inputs, one after the other (`UNION ALL`). The types of their columns must be the same, and the
/// collations of those by which rows are compared; that is known when they run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Concat {
    pub inputs: Vec<Primitive>,
    /// Columns that hold the name of another column's collation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub collations: Vec<usize>,
}

/// Subqueries that need no row of the query around them: they are done first, and their values are bind
/// variables of `input`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValuesFirst {
    pub subqueries: Vec<FirstSubquery>,
    pub input: Primitive,
}

/// One of [`ValuesFirst`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FirstSubquery {
    pub kind: SubqueryKind,
    /// Without colons.
    pub bind: String,
    pub input: Primitive,
}

/// The bind variable that is 1 if the list of [`SubqueryKind::List`] has a value, else 0.
pub fn has_values_bind(bind: &str) -> String {
    format!("{bind}_has_values")
}

/// What a subquery is in the query around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SubqueryKind {
    /// One value; NULL without a row; MySQL's error 1242 with several rows.
    Value,
    /// The list of an `IN`; a list of one NULL without a row.
    List,
    /// 1 if it has a row, else 0.
    Exists,
}

impl JoinKey {
    /// The keys of both inputs as they are compared.
    pub fn comparators(on: &[Self], left: &[Field], right: &[Field]) -> Result<(Comparator, Comparator)> {
        let keys = |side: fn(&Self) -> &OrderBy| -> Vec<SortKey> {
            on.iter().map(|key| side(key).sort_key(0, 0)).collect()
        };
        let left = Comparator::new(&keys(|k| &k.left), left)?;
        Ok((left, Comparator::new(&keys(|k| &k.right), right)?))
    }
}

impl JoinKey {
    /// The position of the left's value; keys are never hidden columns.
    pub fn left_column(&self) -> usize {
        position(self.left.column)
    }

    /// The position of the right's value.
    pub fn right_column(&self) -> usize {
        position(self.right.column)
    }
}

fn position(at: ColumnAt) -> usize {
    at.index(0, 0)
}
