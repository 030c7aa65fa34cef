//! Rows of two inputs put together by equal keys. The left's rows are kept; the right's are read by the left's
//! keys, some thousands at a time, and found by a hash of their keys.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use eval::Comparator;
use planner::{Join, JoinColumn, JoinKey, JoinKind};
use sqltypes::{BindValue, Field, Row, RowBuilder, Type};
use vterrors::{Error, Result};

use super::Run;
use crate::executor::{Collected, Outcome, Sink};

/// How many rows of the left are looked up at first; then more and more at a time, up to the larger number. A
/// LIMIT may be content with the first.
const FIRST_BATCH: usize = 256;
const LARGEST_BATCH: usize = 8_192;

/// How many rows are passed on at a time.
const PASSED_ON: usize = 512;

/// MySQL's flag of a column that has no NULL.
const NOT_NULL: u32 = 1;

impl Run<'_> {
    pub(super) async fn join(&mut self, join: &Join, sink: &mut dyn Sink) -> Result<Outcome> {
        let mut left = self.collector();
        Box::pin(self.primitive(&join.left, &mut left)).await?;
        let left = left.kept;
        let mut output = Output { join, sink, waiting: Vec::new(), given: 0 };
        if join.by_keys.is_none() || join.on.is_empty() {
            let mut right = self.collector();
            Box::pin(self.primitive(&join.right, &mut right)).await?;
            let table = Table::new(join, &left.fields, right.kept)?;
            output.sink.fields(fields(join, &left.fields, &table.right.fields)).await?;
            output.put_together(&left.rows, &table).await?;
            return output.end().await;
        }
        let (mut from, mut size) = (0, FIRST_BATCH);
        loop {
            let batch = &left.rows[from..left.rows.len().min(from + size)];
            let right = self.matching(join, &left.fields, batch).await?;
            let table = Table::new(join, &left.fields, right)?;
            if from == 0 {
                output.sink.fields(fields(join, &left.fields, &table.right.fields)).await?;
            }
            let more = output.put_together(batch, &table).await?;
            from += batch.len();
            size = (size * 4).min(LARGEST_BATCH);
            if !more || from >= left.rows.len() {
                return output.end().await;
            }
        }
    }

    /// The rows of the right that have a key of some rows of the left. Without any key: none, but its columns.
    async fn matching(&mut self, join: &Join, fields: &[Field], batch: &[Row]) -> Result<Collected> {
        let Some(by) = &join.by_keys else { return Err(Error::internal("a join without keys")) };
        let ty = fields.get(by.left_column).map_or(Type::NullType, Field::r#type);
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut list = Vec::new();
        for row in batch {
            if let Some(Some(value)) = sqltypes::value_at(row, by.left_column)
                && seen.insert(value)
            {
                list.push((ty, Bytes::copy_from_slice(value)));
            }
        }
        if list.is_empty() {
            list.push((Type::NullType, Bytes::new()));
        }
        self.binds.insert(by.bind.clone(), BindValue::List(list).into());
        let mut right = self.collector();
        Box::pin(self.primitive(&by.input, &mut right)).await?;
        Ok(right.kept)
    }
}

/// The columns of the rows put together.
fn fields(join: &Join, left: &[Field], right: &[Field]) -> Vec<Field> {
    let nullable = |field: &Field| Field { flags: field.flags & !NOT_NULL, ..field.clone() };
    let field = |column: &JoinColumn| match column {
        JoinColumn::Left(at) => left.get(*at).cloned(),
        JoinColumn::Right(at) if join.kind == JoinKind::Left => right.get(*at).map(nullable),
        JoinColumn::Right(at) => right.get(*at).cloned(),
    };
    join.columns.iter().filter_map(field).collect()
}

/// Rows of the right by their keys.
struct Table {
    right: Collected,
    by_key: HashMap<Vec<u8>, Vec<usize>>,
    left_keys: Comparator,
}

impl Table {
    fn new(join: &Join, left: &[Field], right: Collected) -> Result<Self> {
        check_types(join, left, &right.fields)?;
        let (left_keys, right_keys) = JoinKey::comparators(&join.on, left, &right.fields)?;
        let columns: Vec<usize> = join.on.iter().map(JoinKey::right_column).collect();
        let mut by_key: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (at, row) in right.rows.iter().enumerate() {
            if let Some(key) = key_of(&right_keys, &columns, row)? {
                by_key.entry(key).or_default().push(at);
            }
        }
        Ok(Self { right, by_key, left_keys })
    }
}

/// The bytes of a row's key; none where a part of it is NULL, which equals nothing.
fn key_of(keys: &Comparator, columns: &[usize], row: &Row) -> Result<Option<Vec<u8>>> {
    let values: Vec<Option<&[u8]>> = sqltypes::values(row).collect();
    if columns.iter().any(|at| values.get(*at).copied().flatten().is_none()) {
        return Ok(None);
    }
    let mut key = Vec::new();
    keys.hash_key(&values, &mut key)?;
    Ok(Some(key))
}

/// Equal keys must have equal bytes, and compare as MySQL would compare the columns: refuses other types.
fn check_types(join: &Join, left: &[Field], right: &[Field]) -> Result<()> {
    for key in &join.on {
        let (Some(a), Some(b)) = (left.get(key.left_column()), right.get(key.right_column())) else {
            return Err(Error::internal("a join by columns that are not there"));
        };
        let (x, y) = (a.r#type(), b.r#type());
        let whole = sqltypes::is_integral(x) && sqltypes::is_integral(y);
        let text = is_text(x)
            && is_text(y)
            && key.left.collation.is_some()
            && key.left.collation == key.right.collation;
        let same = x == y && matches!(x, Type::Binary | Type::Varbinary | Type::Date);
        if !whole && !text && !same {
            return Err(Error::unsupported(format!(
                "joining {} of type {} with {} of type {} in vtgate",
                a.name,
                x.as_str_name(),
                b.name,
                y.as_str_name(),
            )));
        }
    }
    Ok(())
}

fn is_text(ty: Type) -> bool {
    matches!(ty, Type::Char | Type::Varchar | Type::Text)
}

/// Where rows go that were put together.
struct Output<'a> {
    join: &'a Join,
    sink: &'a mut dyn Sink,
    waiting: Vec<Row>,
    given: u64,
}

impl Output<'_> {
    /// `false`: no more rows are wanted.
    async fn put_together(&mut self, batch: &[Row], table: &Table) -> Result<bool> {
        let columns: Vec<usize> = self.join.on.iter().map(JoinKey::left_column).collect();
        let everything: Vec<usize> = match self.join.on.is_empty() {
            true => (0..table.right.rows.len()).collect(),
            false => Vec::new(),
        };
        for row in batch {
            let matches: &[usize] = if !self.may_match(row) {
                &[]
            } else if self.join.on.is_empty() {
                &everything
            } else {
                match key_of(&table.left_keys, &columns, row)? {
                    Some(key) => table.by_key.get(&key).map(Vec::as_slice).unwrap_or_default(),
                    None => &[],
                }
            };
            self.row(row, matches, &table.right.rows);
            if self.waiting.len() >= PASSED_ON && !self.flush().await? {
                return Ok(false);
            }
        }
        self.flush().await
    }

    fn may_match(&self, row: &Row) -> bool {
        let is_true = |at: &usize| !matches!(sqltypes::value_at(row, *at), Some(None | Some(b"0")) | None);
        self.join.only_if.iter().all(is_true)
    }

    /// What becomes of one row of the left.
    fn row(&mut self, left: &Row, matches: &[usize], right: &[Row]) {
        match self.join.kind {
            JoinKind::Semi if !matches.is_empty() => self.push(left, None),
            JoinKind::Anti if matches.is_empty() => self.push(left, None),
            JoinKind::Semi | JoinKind::Anti => {}
            JoinKind::Left if matches.is_empty() => self.push(left, None),
            JoinKind::Inner | JoinKind::Left => {
                for at in matches {
                    let found = &right[*at];
                    let is_null = |at: &usize| sqltypes::value_at(found, *at).flatten().is_none();
                    if self.join.null_columns.iter().all(is_null) {
                        self.push(left, Some(found));
                    }
                }
            }
        }
    }

    fn push(&mut self, left: &Row, right: Option<&Row>) {
        let left: Vec<Option<&[u8]>> = sqltypes::values(left).collect();
        let right: Vec<Option<&[u8]>> = right.into_iter().flat_map(sqltypes::values).collect();
        let mut row = RowBuilder::default();
        for column in &self.join.columns {
            row.push(match column {
                JoinColumn::Left(at) => left.get(*at).copied().flatten(),
                JoinColumn::Right(at) => right.get(*at).copied().flatten(),
            });
        }
        self.waiting.push(row.finish());
    }

    async fn flush(&mut self) -> Result<bool> {
        if self.waiting.is_empty() {
            return Ok(true);
        }
        self.given += self.waiting.len() as u64;
        self.sink.rows(std::mem::take(&mut self.waiting)).await
    }

    async fn end(self) -> Result<Outcome> {
        Ok(Outcome { has_rows: true, rows: self.given, ..Outcome::default() })
    }
}
