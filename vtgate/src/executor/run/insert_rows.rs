//! INSERT of rows that a query gives.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use planner::{Generate, GivenRows, InsertRowsOf, RowsAt};
use proto::query::QueryResult;
use sqltypes::{BindValue, Type};
use vschema::ShardTable;
use vterrors::{Condition, Error, Result};

use super::{
    Again, Run,
    keyed::{Entries, Kept, Typed, by_shard, keyspace_id_of},
    write::written,
};
use crate::{
    executor::{Outcome, binds},
    tx::{ShardQuery, Work},
};

/// So many rows, or bytes of values, go into one statement at most.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

impl Run<'_> {
    pub(super) async fn insert_rows(&mut self, insert: &InsertRowsOf) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.insert_what_is_read(insert).await;
        self.end_atomic(undo, result).await
    }

    /// The rows that a query gives, each of the width that the write expects.
    pub(super) async fn given(&mut self, given: &GivenRows) -> Result<Vec<Vec<Typed>>> {
        let mut rows = Kept::new(self.executor.config.max_memory_rows);
        Box::pin(self.primitive(&given.input, &mut rows)).await?;
        let width = given.width.max(1);
        if given.side_by_side {
            return Ok(rows.rows.iter().flat_map(|row| row.chunks(width)).map(<[Typed]>::to_vec).collect());
        }
        match rows.width() == given.width {
            true => Ok(rows.rows),
            false => Err(wrong_count()),
        }
    }

    async fn insert_what_is_read(&mut self, insert: &InsertRowsOf) -> Result<Outcome> {
        let mut rows = self.given(&insert.rows).await?;
        let first_id = self.fill(insert, &mut rows).await?;
        let shards = self.layout.shards(&insert.keyspace, self.session.tablet_type())?;
        let mut dealt: Vec<(Vec<u8>, Vec<Typed>)> = Vec::with_capacity(rows.len());
        for row in rows {
            let RowsAt::Vindex(vindex, places) = &insert.at else {
                dealt.push((Vec::new(), row));
                continue;
            };
            let values: Option<Vec<Typed>> = places.iter().map(|at| row.get(*at).cloned()).collect();
            let values = values.ok_or_else(wrong_count)?;
            let has_null = values.iter().any(|(ty, _)| *ty == Type::NullType);
            match keyspace_id_of(vindex, &values) {
                Ok(id) => dealt.push((id, row)),
                // MySQL leaves such a row out with a warning, too. Of what cannot be stored it makes another value.
                Err(e) if insert.ignore && has_null => self.session.warn(1048, e.message()),
                Err(e) => return Err(e.context(format!("table {}.{}", insert.keyspace, insert.table))),
            }
        }
        let mut entered = Vec::with_capacity(insert.lookups.len());
        for change in &insert.lookups {
            let mut entries = Entries::new(std::slice::from_ref(change));
            for (id, row) in &dealt {
                entries.take(std::slice::from_ref(change), row, id)?;
            }
            let new = entries.entries.pop().map(|(_, new)| new).unwrap_or_default();
            let taken = self.add_entries(change, &new, insert.may_exist).await?;
            self.leave_out(insert.ignore, &taken, &mut dealt)?;
            // Those that are taken belong to other rows.
            let own = new.into_iter().enumerate().filter(|(at, _)| !taken.contains(at));
            entered.push(own.map(|(_, entry)| entry).collect::<Vec<_>>());
        }
        let rows =
            by_shard(dealt.into_iter().flat_map(|(id, row)| {
                places(&insert.at, &shards, &id).map(move |shard| (shard, row.clone()))
            }));
        let text = (insert.keyspace.as_str(), insert.prefix.as_str(), insert.suffix.as_str());
        let mut outcome = Outcome::default();
        for (shard, rows) in rows {
            let results = self.insert_dealt(text, &shards, BTreeMap::from([(shard, rows)])).await?;
            add_written(&insert.at, shard, written(results), &mut outcome);
        }
        if insert.may_exist {
            for (change, entries) in insert.lookups.iter().zip(&entered) {
                self.remove_strays(change, entries).await?;
            }
        }
        if first_id != 0 {
            outcome.insert_id = first_id;
        }
        Ok(outcome)
    }

    /// The statements for rows by shard: `prefix (...), (...) suffix`.
    pub(super) async fn insert_dealt(
        &mut self,
        (keyspace, prefix, suffix): (&str, &str, &str),
        shards: &ShardTable,
        rows: BTreeMap<usize, Vec<Vec<Typed>>>,
    ) -> Result<Vec<QueryResult>> {
        let mut results = Vec::new();
        for (shard, rows) in rows {
            let target = self.target(keyspace, &shards.all()[shard].name);
            for rows in batches(&rows) {
                let mut sql = prefix.to_owned();
                let mut own = sqltypes::BindVars::new();
                for (at, row) in rows.iter().enumerate() {
                    sql.push_str(if at == 0 { "(" } else { ", (" });
                    for (part, (ty, value)) in row.iter().enumerate() {
                        let lead = if part == 0 { "" } else { ", " };
                        // Writing to a String cannot fail.
                        let _ = write!(sql, "{lead}:__vt_r{at}_{part}");
                        let value = BindValue::Scalar(*ty, value.clone());
                        own.insert(format!("__vt_r{at}_{part}"), value.into());
                    }
                    sql.push(')');
                }
                sql.push_str(suffix);
                own.extend(binds::used(suffix, &self.binds));
                let query = ShardQuery { target: target.clone(), sql: sql.into(), binds: Arc::new(own) };
                results.extend(self.execute_all(&[query], true, Work::Write).await?);
            }
        }
        Ok(results)
    }

    /// Rows whose value in a unique lookup belongs to another row: with IGNORE they are left out, as MySQL does
    /// with duplicates.
    pub(super) fn leave_out<T>(&mut self, ignore: bool, taken: &[usize], rows: &mut Vec<T>) -> Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        if !ignore {
            self.again = Some(Again::ByRows);
            return Err(Error::unsupported(
                "ON DUPLICATE KEY UPDATE of a row on another shard than the new one",
            ));
        }
        self.session.warn(1062, "Duplicate entry for a lookup vindex");
        let mut at = 0;
        rows.retain(|_| {
            at += 1;
            !taken.contains(&(at - 1))
        });
        Ok(())
    }

    /// Puts values of the sequence where rows have none; the first of them (0 for none).
    async fn fill(&mut self, insert: &InsertRowsOf, rows: &mut [Vec<Typed>]) -> Result<u64> {
        let Some(generate) = &insert.generate else { return Ok(0) };
        if generate.at.is_none() {
            rows.iter_mut().for_each(|row| row.push((Type::NullType, bytes::Bytes::new())));
        }
        let lacks = |row: &Vec<Typed>| -> Option<bool> {
            let (ty, value) = generate.at.map_or_else(|| row.last(), |at| row.get(at))?;
            Some(*ty == Type::NullType || &value[..] == b"0")
        };
        let mut needed = 0;
        for row in rows.iter() {
            needed += u64::from(lacks(row).ok_or_else(wrong_count)?);
        }
        if needed == 0 {
            return Ok(0);
        }
        let sequence = Generate {
            keyspace: generate.keyspace.clone(),
            query: generate.query.clone(),
            column: generate.column.clone(),
            values: Vec::new(),
        };
        let first = self.next_values(&sequence, needed).await?;
        let lacking = rows.iter_mut().filter(|row| lacks(row) == Some(true));
        for (next, row) in (first..).zip(lacking) {
            let at = generate.at.unwrap_or(row.len() - 1);
            row[at] = (Type::Uint64, next.to_string().into());
        }
        Ok(first)
    }
}

/// The shards that a row with this keyspace id is written to.
pub(super) fn places(at: &RowsAt, shards: &ShardTable, id: &[u8]) -> std::ops::Range<usize> {
    let one = |shard| shard..shard + 1;
    match at {
        RowsAt::OnlyShard => one(0),
        RowsAt::Vindex(..) => one(shards.index_of(id)),
        RowsAt::KeyspaceId(pinned) => one(shards.index_of(pinned)),
        RowsAt::EveryShard => 0..shards.all().len(),
    }
}

/// Adds what a shard did; the rows of a reference table count on the first alone.
pub(super) fn add_written(at: &RowsAt, shard: usize, done: Outcome, sum: &mut Outcome) {
    if *at == RowsAt::EveryShard && shard > 0 {
        return;
    }
    if sum.info.is_empty() {
        sum.info.clone_from(&done.info);
    }
    sum.add(done);
}

pub(super) fn wrong_count() -> Error {
    Error::new(Condition::WrongValueCount, "Column count doesn't match value count at row 1")
}

/// The rows in pieces that a statement can carry.
fn batches(rows: &[Vec<Typed>]) -> Vec<&[Vec<Typed>]> {
    let mut out = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, row) in rows.iter().enumerate() {
        if at > start && (at - start >= BATCH_ROWS || bytes >= BATCH_BYTES) {
            out.push(&rows[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += row.iter().map(|(_, value)| value.len()).sum::<usize>();
    }
    if start < rows.len() {
        out.push(&rows[start..]);
    }
    out
}
