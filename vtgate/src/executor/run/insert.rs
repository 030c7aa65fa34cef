//! INSERT and REPLACE: generated values first, then each row to the shard of its keyspace id.

use std::{collections::BTreeMap, sync::Arc};

use planner::{Generate, Insert, InsertRow, InsertRows, VindexRef};
use proto::query::Type;
use sqltypes::{BindValue, BindVars};
use vschema::VindexValue;
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletType, Target};

use super::{
    Run,
    lookup::{Entry, kept},
    resolve::{Resolved, resolve},
    write::written,
};
use crate::{
    executor::{Outcome, binds},
    tx::{ShardCall, ShardQuery, Work},
};

impl Run<'_> {
    pub(super) async fn insert(&mut self, insert: &Insert) -> Result<Outcome> {
        if insert.lookups.is_empty() {
            return self.insert_values(insert).await;
        }
        let undo = self.begin_atomic().await?;
        let result = self.insert_values(insert).await;
        self.end_atomic(undo, result).await
    }

    async fn insert_values(&mut self, insert: &Insert) -> Result<Outcome> {
        let generated = match &insert.generate {
            Some(generate) => self.generate(generate).await?,
            None => 0,
        };
        let shards = self.layout.shards(&insert.keyspace, self.session.tablet_type())?;
        let mut entered = Vec::new();
        // So many rows of INSERT IGNORE alone are there when none was in their way.
        let mut all_new = None;
        let queries = match &insert.rows {
            InsertRows::Whole { routing, query } => {
                let Resolved::Shards(destinations) = resolve(routing, &shards, &self.binds)? else {
                    return Err(Error::unsupported("an insert whose shard does not follow from its rows"));
                };
                self.queries(&insert.keyspace, &shards, &destinations, query, &BindVars::new())
            }
            InsertRows::Sharded { vindex, prefix, rows, suffix } => {
                let mut dealt = self.deal(insert, vindex, rows)?;
                entered = self.add_new_entries(insert, &mut dealt).await?;
                all_new = (insert.ignore && suffix.is_empty()).then_some(dealt.len() as u64);
                let mut by_shard: BTreeMap<usize, Vec<&InsertRow>> = BTreeMap::new();
                for (id, row) in dealt {
                    by_shard.entry(shards.index_of(&id)).or_default().push(row);
                }
                let text = |rows: &[&InsertRow]| {
                    let rows: Vec<_> = rows.iter().map(|r| r.text.as_str()).collect();
                    format!("{prefix}{}{suffix}", rows.join(", "))
                };
                let query = |(shard, rows): (&usize, &Vec<&InsertRow>)| {
                    let sql = text(rows);
                    let binds = Arc::new(binds::used(&sql, &self.binds));
                    let target = self.target(&insert.keyspace, &shards.all()[*shard].name);
                    ShardQuery { target, sql: sql.into(), binds }
                };
                by_shard.iter().map(query).collect()
            }
        };
        let mut results = self.write_all(&queries).await?;
        if insert.is_reference {
            results.truncate(1);
        }
        if insert.may_exist && all_new != Some(results.iter().map(|r| r.rows_affected).sum()) {
            for (change, entries) in insert.lookups.iter().zip(&entered) {
                self.remove_strays(change, entries).await?;
            }
        }
        let mut outcome = written(results);
        if generated != 0 {
            outcome.insert_id = generated;
        }
        Ok(outcome)
    }

    /// Writes the entries of the rows in the table's own lookups; gives them back by lookup.
    async fn add_new_entries(
        &mut self,
        insert: &Insert,
        rows: &mut Vec<(Vec<u8>, &InsertRow)>,
    ) -> Result<Vec<Vec<Entry>>> {
        let mut all = Vec::with_capacity(insert.lookups.len());
        for (at, change) in insert.lookups.iter().enumerate() {
            let entry = |(id, row): &(Vec<u8>, &InsertRow)| -> Result<Entry> {
                let values = row.lookup_values.get(at).into_iter().flatten();
                let values = values.map(|v| binds::value(v, &self.binds)).collect::<Result<_>>()?;
                Ok(Entry { values: kept(change, values), keyspace_id: id.clone() })
            };
            let entries = rows.iter().map(entry).collect::<Result<Vec<_>>>()?;
            let taken = self.add_entries(change, &entries, insert.may_exist).await?;
            self.leave_out(insert.ignore, &taken, rows)?;
            // Those that are taken belong to other rows.
            let own = entries.into_iter().enumerate().filter(|(at, _)| !taken.contains(at));
            all.push(own.map(|(_, entry)| entry).collect());
        }
        Ok(all)
    }

    /// The rows with their keyspace ids. Sets the bind variables of the vindex's columns.
    fn deal<'r>(
        &mut self,
        insert: &Insert,
        vindex: &VindexRef,
        rows: &'r [InsertRow],
    ) -> Result<Vec<(Vec<u8>, &'r InsertRow)>> {
        let mut dealt = Vec::with_capacity(rows.len());
        for row in rows {
            let values =
                row.vindex_values.iter().map(|v| binds::value(v, &self.binds)).collect::<Result<Vec<_>>>()?;
            let views: Vec<_> = values.iter().map(|(ty, bytes)| VindexValue::new(*ty, bytes)).collect();
            let id = match vindex.vindex.map_write(&views, &vindex.columns) {
                Ok(id) => id,
                // There is no shard for it.
                Err(e) if insert.ignore && values.iter().any(|(ty, _)| *ty == Type::NullType) => {
                    self.session.warn(1048, e.message());
                    continue;
                }
                Err(e) => return Err(e.context(format!("table {}.{}", insert.keyspace, insert.table))),
            };
            dealt.push((id, row));
            for (bind, (ty, bytes)) in row.vindex_binds.iter().zip(values) {
                self.binds.insert(bind.clone(), BindValue::Scalar(ty, bytes).into());
            }
        }
        Ok(dealt)
    }

    /// Takes as many values of the sequence as rows lack one; the first of them (0 for none).
    async fn generate(&mut self, generate: &Generate) -> Result<u64> {
        let mut values = Vec::with_capacity(generate.values.len());
        for reference in &generate.values {
            values.push(binds::value(reference, &self.binds)?);
        }
        let lacks = |(ty, bytes): &(Type, bytes::Bytes)| *ty == Type::NullType || &bytes[..] == b"0";
        let needed = values.iter().filter(|v| lacks(v)).count() as u64;
        let first = if needed > 0 { self.next_values(generate, needed).await? } else { 0 };
        let mut next = first;
        for (row, value) in values.into_iter().enumerate() {
            let bind = if lacks(&value) {
                next += 1;
                BindValue::uint64(next - 1)
            } else {
                BindValue::Scalar(value.0, value.1)
            };
            self.binds.insert(planner::sequence_bind(row), bind.into());
        }
        Ok(first)
    }

    /// Reserves `n` values; they are not given back when the insert fails. Outside of any transaction.
    pub(super) async fn next_values(&mut self, generate: &Generate, n: u64) -> Result<u64> {
        let shards = self.layout.shards(&generate.keyspace, TabletType::Primary)?;
        let shard = shards.only().ok_or_else(|| {
            Error::new(
                Condition::FailedPrecondition,
                format!("the keyspace {} of a sequence must be unsharded", generate.keyspace),
            )
        })?;
        let query = ShardQuery {
            target: Target::new(&*generate.keyspace, &*shard.name, TabletType::Primary),
            sql: generate.query.as_str().into(),
            binds: Arc::new(BindVars::from([("n".to_owned(), BindValue::uint64(n).into())])),
        };
        // A session without held connections: the sequence's shard must not join the transaction.
        let mut apart =
            crate::session::Session::new(self.session.id, self.session.caller.clone(), Default::default());
        apart.observed = self.session.observed.clone();
        let call = ShardCall {
            gateway: &self.executor.gateway,
            session: &apart,
            in_transaction: false,
            work: Work::Write,
            span: None,
        };
        let result = call
            .execute(&query)
            .await
            .result
            .map_err(|e| e.context(format!("sequence of {}", generate.column)))?;
        let value = result.rows.first().and_then(|row| sqltypes::value_at(row, 0).flatten());
        let number = value.and_then(|v| std::str::from_utf8(v).ok()).and_then(|v| v.parse().ok());
        number.ok_or_else(|| Error::internal(format!("a sequence gave no value for {}", generate.column)))
    }
}
