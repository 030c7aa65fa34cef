//! Writes whose rows are read first: their keys, or the rows themselves. All in one transaction, the
//! session's or one of their own.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use planner::{KeyedDml, LookupChange, Primitive, RowsAt, VindexRef};
use proto::query::QueryResult;
use sqltypes::{BindValue, BindVars, Field, Row, Type};
use vschema::{ShardTable, VindexValue};
use vterrors::{Condition, Error, Result};

use super::{
    Run,
    insert_rows::{add_written, places},
    lookup::{Entry, kept},
    write::written,
};
use crate::{
    executor::{Outcome, Sink, binds},
    tx::{ShardQuery, Work},
};

/// So many rows are changed or inserted by one statement at most.
const BATCH_ROWS: usize = 500;

/// A value with its type.
pub(in crate::executor) type Typed = (Type, Bytes);

impl Run<'_> {
    pub(super) async fn keyed_dml(&mut self, dml: &KeyedDml) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.change_by_keys(dml).await;
        self.end_atomic(undo, result).await
    }

    /// Changes of several tables. MySQL finds all their rows before it changes any.
    pub(super) async fn change_tables(&mut self, changes: &[KeyedDml]) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.change_all(changes).await;
        self.end_atomic(undo, result).await
    }

    async fn change_all(&mut self, changes: &[KeyedDml]) -> Result<Outcome> {
        let mut rows = Vec::with_capacity(changes.len());
        for change in changes {
            rows.push(self.read_rows(&change.input).await?);
        }
        let mut outcome = Outcome::default();
        for (change, rows) in changes.iter().zip(rows) {
            outcome.affected_rows += self.change_these(change, rows).await?.affected_rows;
        }
        Ok(outcome)
    }

    /// Several writes as one.
    pub(super) async fn all(&mut self, writes: &[Primitive], sink: &mut dyn Sink) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result: Result<Outcome> = async {
            let mut outcome = Outcome::default();
            for write in writes {
                let done = Box::pin(self.primitive(write, sink)).await?;
                outcome.add(done);
            }
            Ok(outcome)
        }
        .await;
        self.end_atomic(undo, result).await
    }

    async fn change_by_keys(&mut self, dml: &KeyedDml) -> Result<Outcome> {
        let rows = self.read_rows(&dml.input).await?;
        self.change_these(dml, rows).await
    }

    async fn change_these(&mut self, dml: &KeyedDml, rows: Vec<Vec<Typed>>) -> Result<Outcome> {
        let shards = self.layout.shards(&dml.keyspace, self.session.tablet_type())?;
        let vindex_columns = dml.at.vindex_columns();
        let key_end = vindex_columns + dml.key.len();
        let mut seen: HashSet<Vec<Bytes>> = HashSet::new();
        let mut by_shard: BTreeMap<usize, Vec<Vec<Typed>>> = BTreeMap::new();
        let mut changes = Entries::new(&dml.lookups);
        for row in rows {
            let Some(key) = row.get(vindex_columns..key_end) else {
                return Err(Error::internal("the rows to change came without their keys"));
            };
            // An outer join gives no row of the table here, which is none to change.
            if key.iter().any(|(ty, _)| *ty == Type::NullType) {
                continue;
            }
            if !seen.insert(key.iter().map(|(_, value)| value.clone()).collect()) {
                continue;
            }
            let id = match &dml.at {
                RowsAt::Vindex(vindex, _) => keyspace_id_of(vindex, &row[..vindex_columns])?,
                _ => Vec::new(),
            };
            changes.take(&dml.lookups, &row, &id)?;
            for shard in places(&dml.at, &shards, &id) {
                by_shard.entry(shard).or_default().push(row[vindex_columns..].to_vec());
            }
        }
        for (change, (_, new)) in dml.lookups.iter().zip(&changes.entries) {
            if change.new.is_some() {
                self.add_entries(change, new, false).await?;
            }
        }
        let mut outcome = Outcome::default();
        for (shard, rows) in by_shard {
            let results = self.change_rows(dml, &shards, BTreeMap::from([(shard, rows)])).await?;
            add_written(&dml.at, shard, written(results), &mut outcome);
        }
        for (change, (old, _)) in dml.lookups.iter().zip(&changes.entries) {
            if change.old.is_some() {
                self.remove_entries(change, old).await?;
            }
        }
        Ok(outcome)
    }

    /// The statements for rows by shard: their keys, and their new values if there are any.
    pub(super) async fn change_rows(
        &mut self,
        dml: &KeyedDml,
        shards: &ShardTable,
        by_shard: BTreeMap<usize, Vec<Vec<Typed>>>,
    ) -> Result<Vec<QueryResult>> {
        let batch = if dml.new_values.is_empty() { BATCH_ROWS } else { 1 };
        let mut results = Vec::new();
        for (shard, rows) in by_shard {
            for rows in rows.chunks(batch) {
                let (sql, own) = change(dml, rows);
                let mut values = binds::used(&sql, &self.binds);
                values.extend(own);
                let target = self.target(&dml.keyspace, &shards.all()[shard].name);
                let query = ShardQuery { target, sql: sql.into(), binds: Arc::new(values) };
                results.extend(self.execute_all(&[query], true, Work::Write).await?);
            }
        }
        Ok(results)
    }

    /// All rows of a query, within the limit of rows in memory.
    pub(super) async fn read_rows(&mut self, input: &Primitive) -> Result<Vec<Vec<Typed>>> {
        let most = self.executor.config.max_memory_rows;
        let mut rows = Kept::new(most);
        Box::pin(self.primitive(input, &mut rows)).await?;
        Ok(rows.rows)
    }
}

/// Rows by the place of their shard.
pub(super) fn by_shard(rows: impl Iterator<Item = (usize, Vec<Typed>)>) -> BTreeMap<usize, Vec<Vec<Typed>>> {
    let mut out: BTreeMap<usize, Vec<Vec<Typed>>> = BTreeMap::new();
    rows.for_each(|(shard, row)| out.entry(shard).or_default().push(row));
    out
}

/// The keyspace id of a row that is there, or is to be.
pub(super) fn keyspace_id_of(vindex: &VindexRef, values: &[Typed]) -> Result<Vec<u8>> {
    let views: Vec<_> = values.iter().map(|(ty, bytes)| VindexValue::new(*ty, bytes)).collect();
    vindex.vindex.map_write(&views, &vindex.columns)
}

/// What becomes of rows' entries: for each lookup those that go and those that come.
pub(super) struct Entries {
    pub entries: Vec<(Vec<Entry>, Vec<Entry>)>,
}

impl Entries {
    pub(super) fn new(lookups: &[LookupChange]) -> Self {
        Self { entries: lookups.iter().map(|_| (Vec::new(), Vec::new())).collect() }
    }

    /// Notes a row's entries; one that stays the same is not touched.
    pub(super) fn take(&mut self, lookups: &[LookupChange], row: &[Typed], id: &[u8]) -> Result<()> {
        for (change, (old, new)) in lookups.iter().zip(&mut self.entries) {
            let at = |positions: &Option<Vec<usize>>| -> Result<Option<Entry>> {
                let Some(positions) = positions else { return Ok(None) };
                let values: Option<Vec<Typed>> = positions.iter().map(|at| row.get(*at).cloned()).collect();
                let values =
                    values.ok_or_else(|| Error::internal("a row came without its lookup's values"))?;
                Ok(Some(Entry { values, keyspace_id: id.to_vec() }))
            };
            let goes = at(&change.old)?;
            let comes = at(&change.new)?.map(|e| Entry { values: kept(change, e.values), ..e });
            let text = |e: &Entry| e.values.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
            let same = matches!((&goes, &comes), (Some(a), Some(b)) if text(a) == text(b));
            if !same {
                old.extend(goes);
                new.extend(comes);
            }
        }
        Ok(())
    }
}

/// The statement for rows of one shard, and its own bind variables.
fn change(dml: &KeyedDml, rows: &[Vec<Typed>]) -> (String, BindVars) {
    let mut sql = dml.query.clone();
    let mut own = BindVars::new();
    let mut bind = |name: String, (ty, value): &Typed| {
        own.insert(name, BindValue::Scalar(*ty, value.clone()).into());
    };
    if let Some(row) = rows.first() {
        for (at, (column, value)) in dml.new_values.iter().zip(&row[dml.key.len()..]).enumerate() {
            let lead = if at == 0 { " set" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(sql, "{lead} {column} = :__vt_v{at}");
            bind(format!("__vt_v{at}"), value);
        }
    }
    let _ = write!(sql, " where ({}) in (", dml.key.join(", "));
    for (at, row) in rows.iter().enumerate() {
        sql.push_str(if at == 0 { "(" } else { ", (" });
        for (part, value) in row[..dml.key.len()].iter().enumerate() {
            let lead = if part == 0 { "" } else { ", " };
            let _ = write!(sql, "{lead}:__vt_k{at}_{part}");
            bind(format!("__vt_k{at}_{part}"), value);
        }
        sql.push(')');
    }
    sql.push(')');
    (sql, own)
}

/// Keeps a result's rows as values.
pub(in crate::executor) struct Kept {
    most: usize,
    types: Vec<Type>,
    pub rows: Vec<Vec<Typed>>,
}

impl Kept {
    pub fn new(most: usize) -> Self {
        Self { most, types: Vec::new(), rows: Vec::new() }
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.types.len()
    }
}

#[async_trait]
impl Sink for Kept {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.types = fields.iter().map(Field::r#type).collect();
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        if self.rows.len() + rows.len() > self.most {
            return Err(Error::new(
                Condition::TooManyRows,
                format!("in-memory row count exceeded allowed limit of {} (--max-memory-rows)", self.most),
            ));
        }
        for row in &rows {
            let typed = |(value, ty): (Option<&[u8]>, &Type)| match value {
                Some(value) => (*ty, Bytes::copy_from_slice(value)),
                None => (Type::NullType, Bytes::new()),
            };
            self.rows.push(sqltypes::values(row).zip(&self.types).map(typed).collect());
        }
        Ok(true)
    }
}
