//! Names of columns, tables and variables.

use crate::text::Text;

/// A name as the statement has it (quotes taken off, letter case kept).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ident(pub Text);

impl Ident {
    /// A name made of these bytes.
    pub fn new(name: impl Into<Text>) -> Self {
        Self(name.into())
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The name as text; replacement characters where it is not UTF-8.
    pub fn to_string_lossy(&self) -> std::borrow::Cow<'_, str> {
        self.0.to_string_lossy()
    }

    /// Lower case, as MySQL compares column names, aliases and function names.
    pub fn to_lower(&self) -> String {
        self.to_string_lossy().to_lowercase()
    }

    /// Whether both are the same column name or alias to MySQL, which ignores letter case there.
    pub fn eq_ignore_case(&self, other: &Ident) -> bool {
        self.is(other.as_bytes())
    }

    /// [`Ident::eq_ignore_case`] against plain bytes.
    pub fn is(&self, other: &[u8]) -> bool {
        let mine = self.as_bytes();
        mine.eq_ignore_ascii_case(other)
            || (!mine.is_ascii()
                && match (std::str::from_utf8(mine), std::str::from_utf8(other)) {
                    (Ok(a), Ok(b)) => a.to_lowercase() == b.to_lowercase(),
                    _ => false,
                })
    }
}

impl From<&str> for Ident {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&[u8]> for Ident {
    fn from(name: &[u8]) -> Self {
        Self(name.into())
    }
}

impl From<String> for Ident {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl std::fmt::Debug for Ident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

impl std::fmt::Display for Ident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A table's name, with its database or keyspace where the statement says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TableName {
    pub qualifier: Option<Ident>,
    pub name: Ident,
}

impl TableName {
    /// A name without a qualifier.
    pub fn unqualified(name: impl Into<Ident>) -> Self {
        Self { qualifier: None, name: name.into() }
    }

    /// `qualifier.name`.
    pub fn qualified(qualifier: impl Into<Ident>, name: impl Into<Ident>) -> Self {
        Self { qualifier: Some(qualifier.into()), name: name.into() }
    }

    /// Whether this is MySQL's `dual`, which has no columns and belongs to no database.
    pub fn is_dual(&self) -> bool {
        self.qualifier.is_none() && self.name.is(b"dual")
    }
}

/// A column's name, with its table where the statement says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColName {
    /// Boxed, for most columns have none and expressions should stay small.
    pub qualifier: Option<Box<TableName>>,
    pub name: Ident,
}

impl ColName {
    /// A name without a qualifier.
    pub fn unqualified(name: impl Into<Ident>) -> Self {
        Self { qualifier: None, name: name.into() }
    }

    /// `table.name`.
    pub fn of_table(table: TableName, name: impl Into<Ident>) -> Self {
        Self { qualifier: Some(Box::new(table)), name: name.into() }
    }
}
