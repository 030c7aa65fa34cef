//! A row by the names of its columns: status statements differ in their columns from version to version.

use std::str::FromStr;

use mysql_async::Value;
use vterrors::{Error, Result};

/// Column names and text values of one row. Names are looked up without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedRow(Vec<(String, Option<String>)>);

impl NamedRow {
    pub fn new<N: Into<String>, V: Into<String>>(columns: impl IntoIterator<Item = (N, Option<V>)>) -> Self {
        Self(columns.into_iter().map(|(n, v)| (n.into(), v.map(Into::into))).collect())
    }

    /// The value; `None` for NULL and for a column that is not there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.as_deref())
    }

    /// The value of a column that has to be there and not NULL.
    pub fn need(&self, name: &str) -> Result<&str> {
        self.text(name).ok_or_else(|| Error::internal(format!("the server's answer has no column {name}")))
    }

    /// The first column's value.
    pub fn first(&self) -> Option<&str> {
        self.0.first().and_then(|(_, v)| v.as_deref())
    }

    /// The value as a number; `None` for NULL, for the empty text and for a missing column.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        match self.text(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                Error::internal(format!("column {name} of the server's answer is no number: {text}"))
            }),
        }
    }

    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_deref()))
    }
}

impl From<&mysql_async::Row> for NamedRow {
    fn from(row: &mysql_async::Row) -> Self {
        let text = |value: &Value| match value {
            Value::NULL => None,
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
        };
        Self(
            row.columns_ref()
                .iter()
                .enumerate()
                .map(|(i, column)| (column.name_str().into_owned(), row.as_ref(i).and_then(text)))
                .collect(),
        )
    }
}
