//! The plan's part for user variables that a query sets. They are the session's: no tablet's connection keeps
//! one for it.

use serde::Serialize;

use super::Primitive;

/// `SELECT ... INTO @a, @b`: the only row's values become those of the variables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntoVariables {
    pub input: Primitive,
    /// In the order of the columns, in lower case.
    pub variables: Vec<String>,
}

/// `SELECT @a := @a + 1 ...`, all of it in one place, and there on one connection: before it the variables get
/// the session's values there, after it the session gets theirs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssignVariables {
    /// A route to one shard, or a gather: a variable that changes from row to row wants all rows in one place.
    pub input: Primitive,
    /// In lower case; the session's value of each is in the bind variable of [`super::SessionValue`].
    pub variables: Vec<String>,
    /// Sets them: `select @a := x'', @a := :__vtudva from dual`.
    pub set: String,
    /// Reads them: `select @a from dual`.
    pub get: String,
}
