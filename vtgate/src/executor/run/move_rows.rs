//! UPDATE of the columns that decide a row's shard.
//!
//! The order keeps lookups right at every moment: the rows go first, so that their entries can be taken over;
//! then new entries, new rows, and at last the entries that nobody needs any more.

use std::collections::HashSet;

use bytes::Bytes;
use planner::{KeyedDml, LookupChange, MoveRows, Primitive, Rows, RowsAt};
use vterrors::{Error, Result};

use super::{
    Run,
    keyed::{Typed, by_shard, keyspace_id_of},
    lookup::{Entry, kept},
    write::written,
};
use crate::executor::Outcome;

/// A row on its way.
struct Moved {
    key: Vec<Typed>,
    from: Vec<u8>,
    to: Vec<u8>,
    row: Vec<Typed>,
}

impl Run<'_> {
    pub(super) async fn move_rows(&mut self, moved: &MoveRows) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.move_what_is_read(moved).await;
        self.end_atomic(undo, result).await
    }

    async fn move_what_is_read(&mut self, plan: &MoveRows) -> Result<Outcome> {
        let old_columns = plan.vindex.columns.len();
        let first = old_columns + plan.key.len();
        let mut seen: HashSet<Vec<Bytes>> = HashSet::new();
        let mut rows = Vec::new();
        for row in self.read_rows(&plan.input).await? {
            let short = || Error::internal("the rows to move came without all their columns");
            let key = row.get(old_columns..first).ok_or_else(short)?.to_vec();
            if !seen.insert(key.iter().map(|(_, value)| value.clone()).collect()) {
                continue;
            }
            let from = keyspace_id_of(&plan.vindex, &row[..old_columns])?;
            let new: Option<Vec<Typed>> = plan.new_vindex.iter().map(|at| row.get(*at).cloned()).collect();
            let to = keyspace_id_of(&plan.vindex, &new.ok_or_else(short)?)
                .map_err(|e| e.context(format!("table {}.{}", plan.keyspace, plan.table)))?;
            rows.push(Moved { key, from, to, row });
        }
        let shards = self.layout.shards(&plan.keyspace, self.session.tablet_type())?;
        let last = first + plan.columns.len();
        let (mut deleted, mut changed, mut inserted) = (Vec::new(), Vec::new(), Vec::new());
        for moved in &rows {
            let values = moved.row.get(first..last).unwrap_or_default();
            let shard = shards.index_of(&moved.to);
            if moved.from == moved.to {
                changed.push((shard, [moved.key.as_slice(), values].concat()));
            } else {
                deleted.push((shards.index_of(&moved.from), moved.key.clone()));
                inserted.push((shard, values.to_vec()));
            }
        }
        let gone = by_shard(deleted.into_iter());
        let mut results = self.change_rows(&by_key(plan, &plan.delete, &[]), &shards, gone).await?;
        let changes = plan.lookups.iter().map(|change| Ok((change, entries(change, &rows)?)));
        let changes = changes.collect::<Result<Vec<_>>>()?;
        for (change, (_, new)) in &changes {
            self.add_entries(change, new, false).await?;
        }
        let stay = by_shard(changed.into_iter());
        let update = by_key(plan, &plan.update, &plan.columns);
        results.extend(self.change_rows(&update, &shards, stay).await?);
        let come = by_shard(inserted.into_iter());
        self.insert_dealt((&plan.keyspace, &plan.insert, ""), &shards, come).await?;
        for (change, (old, _)) in &changes {
            self.remove_entries(change, old).await?;
        }
        Ok(written(results))
    }
}

/// A change of rows by their keys: their deletion, or their new values.
fn by_key(plan: &MoveRows, query: &str, new_values: &[String]) -> KeyedDml {
    KeyedDml {
        keyspace: plan.keyspace.clone(),
        table: plan.table.clone(),
        input: Primitive::Rows(Rows { fields: Vec::new(), rows: Vec::new() }),
        at: RowsAt::OnlyShard,
        key: plan.key.clone(),
        query: query.to_owned(),
        new_values: new_values.to_vec(),
        lookups: Vec::new(),
    }
}

/// The entries that go and those that come. An entry of a unique lookup under the same value is taken over.
fn entries(change: &LookupChange, rows: &[Moved]) -> Result<(Vec<Entry>, Vec<Entry>)> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for moved in rows {
        let values = |positions: &Option<Vec<usize>>| -> Result<Vec<Typed>> {
            let positions = positions.iter().flatten();
            let values: Option<Vec<Typed>> = positions.map(|at| moved.row.get(*at).cloned()).collect();
            values.ok_or_else(|| Error::internal("a row came without its lookup's values"))
        };
        let (before, after) = (values(&change.old)?, kept(change, values(&change.new)?));
        let text = |values: &[Typed]| values.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        let same = text(&before) == text(&after);
        if same && moved.from == moved.to {
            continue;
        }
        if !(same && change.lookup.unique) {
            old.push(Entry { values: before, keyspace_id: moved.from.clone() });
        }
        new.push(Entry { values: after, keyspace_id: moved.to.clone() });
    }
    Ok((old, new))
}
