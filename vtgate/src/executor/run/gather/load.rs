//! Rows into a temporary table.

use std::collections::HashSet;

use async_trait::async_trait;
use bytes::Bytes;
use planner::{ByKeys, GatherStep, Load, LoadShape};
use sqltypes::{Field, Row, Type};
use vterrors::{Condition, Error, Result};

use super::{GatherLimits, site::Step};
use crate::executor::Sink;

/// The text of one INSERT is about so long at most; one row may be longer.
const INSERT_BYTES: usize = 256 * 1024;

/// The CREATE statement of a table. Its bind variables are the statement's.
pub(super) fn create_table(load: &Load, keys: bool) -> String {
    let name = quoted(&load.name);
    match &load.shape {
        LoadShape::Columns { columns, unique_keys } => {
            let columns = columns.iter().map(|c| format!("{} {}", quoted(&c.name), c.definition));
            let keys = unique_keys.iter().filter(|_| keys).map(|key| {
                let columns: Vec<_> = key.iter().map(|c| quoted(c)).collect();
                format!("unique key ({})", columns.join(", "))
            });
            let parts: Vec<_> = columns.chain(keys).collect();
            format!("create temporary table {name} ({})", parts.join(", "))
        }
        LoadShape::Query { query, .. } => {
            // With a limit of nothing MySQL finds the types without a look at any row.
            format!("create temporary table {name} as {query} limit 0")
        }
        LoadShape::System { table } => {
            format!("create temporary table {name} as select * from {table} limit 0")
        }
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Takes a scan's rows and inserts them.
pub(super) struct Loader<'a> {
    step: &'a Step<'a>,
    load: &'a Load,
    limits: GatherLimits,
    left: &'a mut GatherLimits,
    /// `insert into t (a, b) values `
    head: String,
    types: Vec<Type>,
    text: Vec<u8>,
    /// How many rows are in `text`, and how many there were in all.
    rows: u64,
    total: u64,
    keys: &'a mut Keys,
    schema: Option<SchemaNames>,
}

/// Rows of one of MySQL's own tables: the name of the tablet's database, their last column, becomes the keyspace's.
struct SchemaNames {
    keyspace: String,
    /// The columns that hold names of schemas.
    columns: Vec<usize>,
}

impl SchemaNames {
    fn put_in(&self, row: &Row) -> Row {
        let values: Vec<_> = sqltypes::values(row).collect();
        let database = values.last().copied().flatten();
        let mut out = sqltypes::RowBuilder::default();
        for (at, value) in values[..values.len().saturating_sub(1)].iter().enumerate() {
            let named = value.is_some() && *value == database && self.columns.contains(&at);
            out.push(if named { Some(self.keyspace.as_bytes()) } else { *value });
        }
        out.finish()
    }
}

/// The values of those columns by which later reads are narrowed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    columns: Vec<KeyColumn>,
}

/// The different values of one column, NULL aside.
#[derive(Debug)]
struct KeyColumn {
    table: String,
    column: usize,
    ty: Type,
    /// None once they are too many.
    values: Option<HashSet<Bytes>>,
    bytes: usize,
}

/// More values than this, or more bytes of them, are not sent along with a read: it reads all rows instead.
const MAX_KEYS: usize = 10_000;
const MAX_KEY_BYTES: usize = 1 << 20;

impl Keys {
    /// Those that the steps ask for.
    pub(super) fn wanted(steps: &[GatherStep]) -> Self {
        let mut columns: Vec<KeyColumn> = Vec::new();
        for step in steps {
            let GatherStep::Load(load) = step else { continue };
            let Some(by) = &load.by_keys else { continue };
            if !columns.iter().any(|c| c.table == by.from && c.column == by.column) {
                let (table, column) = (by.from.clone(), by.column);
                let values = Some(HashSet::new());
                columns.push(KeyColumn { table, column, ty: Type::NullType, values, bytes: 0 });
            }
        }
        Self { columns }
    }

    /// The list for a read; `None` when there are too many.
    pub(super) fn list(&self, by: &ByKeys) -> Option<Vec<(Type, Bytes)>> {
        let found = self.columns.iter().find(|c| c.table == by.from && c.column == by.column)?;
        Some(found.values.as_ref()?.iter().map(|v| (found.ty, v.clone())).collect())
    }

    fn take(&mut self, table: &str, types: &[Type], row: &Row) {
        for wanted in self.columns.iter_mut().filter(|c| c.table == table) {
            let Some(values) = &mut wanted.values else { continue };
            let Some(Some(value)) = sqltypes::value_at(row, wanted.column) else { continue };
            wanted.ty = types.get(wanted.column).copied().unwrap_or(Type::NullType);
            if !values.contains(value) {
                wanted.bytes += value.len();
                values.insert(Bytes::copy_from_slice(value));
            }
            if values.len() > MAX_KEYS || wanted.bytes > MAX_KEY_BYTES {
                wanted.values = None;
            }
        }
    }
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        step: &'a Step<'a>,
        load: &'a Load,
        schema: Option<String>,
        (limits, left): (GatherLimits, &'a mut GatherLimits),
        keys: &'a mut Keys,
    ) -> Self {
        let columns: Vec<_> = load.shape.names().into_iter().map(quoted).collect();
        let columns = match columns.is_empty() {
            true => String::new(),
            false => format!("({}) ", columns.join(", ")),
        };
        let head = format!("insert into {} {columns}values ", quoted(&load.name));
        let schema = schema.map(|keyspace| SchemaNames { keyspace, columns: Vec::new() });
        let (types, text) = (Vec::new(), Vec::new());
        Self { step, load, limits, left, head, types, text, rows: 0, total: 0, keys, schema }
    }

    /// How many rows there were.
    pub(super) async fn finish(mut self) -> Result<u64> {
        self.flush().await?;
        Ok(self.total)
    }

    async fn flush(&mut self) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8(std::mem::take(&mut self.text))
            .map_err(|_| Error::internal("an INSERT of gathered rows is not UTF-8"))?;
        self.step.insert(&self.head, text, std::mem::take(&mut self.rows)).await
    }

    fn push(&mut self, row: &Row) -> Result<()> {
        let bytes = row.values.len() as u64;
        let limit = |what: &str, most: u64, flag: &str| {
            let table = format!("{}.{}", self.load.keyspace, self.load.table);
            Error::new(
                Condition::TooManyRows,
                format!(
                    "this statement puts rows of several shards together, more than {most} {what} ({flag}), while reading {table}"
                ),
            )
        };
        self.left.rows = self
            .left
            .rows
            .checked_sub(1)
            .ok_or_else(|| limit("rows", self.limits.rows, "--gather-max-rows"))?;
        self.left.bytes = self
            .left
            .bytes
            .checked_sub(bytes)
            .ok_or_else(|| limit("bytes", self.limits.bytes, "--gather-max-bytes"))?;
        match self.text.is_empty() {
            true => self.text.extend_from_slice(self.head.as_bytes()),
            false => self.text.push(b','),
        }
        self.rows += 1;
        self.total += 1;
        self.text.push(b'(');
        for (at, value) in sqltypes::values(row).enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            literal(&mut self.text, self.types.get(at).copied().unwrap_or(Type::Varchar), value);
        }
        self.text.push(b')');
        Ok(())
    }
}

#[async_trait]
impl Sink for Loader<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        let wanted = self.load.shape.names().len();
        if let Some(schema) = &mut self.schema {
            let named =
                |(at, f): (usize, &Field)| planner::is_schema_column_name(f.name.as_bytes()).then_some(at);
            schema.columns = fields.iter().enumerate().filter_map(named).collect();
        } else if fields.len() != wanted {
            return Err(Error::internal(format!(
                "a read of {} gave {} columns instead of {wanted}",
                self.load.table,
                fields.len(),
            )));
        }
        self.types = fields.iter().map(Field::r#type).collect();
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        for row in rows {
            let row = match &self.schema {
                Some(schema) => schema.put_in(&row),
                None => row,
            };
            self.push(&row)?;
            self.keys.take(&self.load.name, &self.types, &row);
            if self.text.len() >= INSERT_BYTES {
                self.flush().await?;
            }
        }
        Ok(true)
    }
}

/// A value as MySQL reads it back: numbers as they are, text in quotes, other bytes in hex.
fn literal(out: &mut Vec<u8>, ty: Type, value: Option<&[u8]>) {
    let Some(value) = value else { return out.extend_from_slice(b"null") };
    let number = sqltypes::is_number(ty) && ty != Type::Bit && !value.is_empty();
    if number {
        out.extend_from_slice(value);
    } else if sqltypes::is_binary(ty)
        || matches!(ty, Type::Bit | Type::Geometry | Type::Vector)
        || std::str::from_utf8(value).is_err()
    {
        hex(out, ty, value);
    } else {
        out.push(b'\'');
        for byte in value {
            match byte {
                b'\'' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
                0 => out.extend_from_slice(b"\\0"),
                _ => out.push(*byte),
            }
        }
        out.push(b'\'');
    }
}

fn hex(out: &mut Vec<u8>, ty: Type, value: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if sqltypes::is_text(ty) {
        out.extend_from_slice(b"_utf8mb4 ");
    }
    out.extend_from_slice(b"x'");
    for byte in value {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ty: Type, value: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        literal(&mut out, ty, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_as_mysql_reads_them() {
        assert_eq!(text(Type::Int64, Some(b"-5")), "-5");
        assert_eq!(text(Type::Int64, None), "null");
        assert_eq!(text(Type::Varchar, Some(b"it's a \\\0")), r"'it\'s a \\\0'");
        assert_eq!(text(Type::Varbinary, Some(b"\xff\0")), "x'ff00'");
        assert_eq!(text(Type::Bit, Some(b"\x05")), "x'05'");
        assert_eq!(text(Type::Varchar, Some(b"\xff")), "_utf8mb4 x'ff'");
        assert_eq!(text(Type::Date, Some(b"0000-00-00")), "'0000-00-00'");
    }
}
