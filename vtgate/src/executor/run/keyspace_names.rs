//! Rows of information_schema on their way to the client: a tablet's database has another name than its keyspace. What the
//! planner does about it is in its `schema_names`.

use async_trait::async_trait;
use sqltypes::{Field, Row};
use vterrors::Result;

use crate::executor::Sink;

/// Passes on rows of information_schema with the keyspace's name in the place of its database's.
pub(super) struct KeyspaceNames<'a> {
    inner: &'a mut dyn Sink,
    keyspace: &'a str,
    /// As [`planner::SystemSchema`] has it.
    shown: &'a [String],
    columns: Vec<usize>,
}

impl<'a> KeyspaceNames<'a> {
    pub fn new(inner: &'a mut dyn Sink, keyspace: &'a str, shown: &'a [String]) -> Self {
        Self { inner, keyspace, shown, columns: Vec::new() }
    }
}

#[async_trait]
impl Sink for KeyspaceNames<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        let is_schema = |(at, field): (usize, &Field)| {
            let shown = self.shown.iter().any(|name| field.name.eq_ignore_ascii_case(name));
            (shown || planner::is_schema_column_name(field.name.as_bytes())).then_some(at)
        };
        self.columns = fields.iter().enumerate().filter_map(is_schema).collect();
        self.inner.fields(fields).await
    }

    async fn rows(&mut self, mut rows: Vec<Row>) -> Result<bool> {
        let is_own = |name: Option<&[u8]>| {
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            name.is_some_and(|name| vtmodel::is_default_db_name(name, self.keyspace))
        };
        for row in &mut rows {
            if self.columns.iter().any(|at| is_own(sqltypes::value_at(row, *at).flatten())) {
                let values = sqltypes::values(row).enumerate().map(|(at, value)| {
                    let known = self.columns.contains(&at) && is_own(value);
                    if known { Some(self.keyspace.as_bytes()) } else { value }
                });
                *row = sqltypes::row_of(values);
            }
        }
        self.inner.rows(rows).await
    }
}
