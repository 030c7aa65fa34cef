//! UPDATE of the columns that decide a row's shard.
//!
//! The order keeps lookups right at every moment: the rows go first, so that their entries can be taken over;
//! then new entries, new rows, and at last the entries that nobody needs any more.

use std::collections::HashSet;

use bytes::Bytes;
use planner::{KeyedDml, LookupChange, MoveRows, Primitive, Rows};
use vterrors::{Error, Result};

use super::{
    Run,
    keyed::{Typed, by_shard, keyspace_id_of},
    lookup::Entry,
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
        let old_columns = plan.vindex.column_types.len();
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
        let deleted = by_shard(rows.iter().map(|m| (shards.index_of(&m.from), m.key.clone())));
        self.change_rows(&deletion(plan), &shards, deleted).await?;
        for change in &plan.lookups {
            let entries = entries(&rows, change.new.as_deref(), |m| &m.to)?;
            self.add_entries(change, &entries, false).await?;
        }
        let last = first + plan.columns;
        let inserted = by_shard(
            rows.iter().map(|m| (shards.index_of(&m.to), m.row[first..last.min(m.row.len())].to_vec())),
        );
        self.insert_dealt((&plan.keyspace, &plan.insert, ""), &shards, inserted).await?;
        for change in &plan.lookups {
            self.remove_old(change, &rows).await?;
        }
        Ok(Outcome { affected_rows: rows.len() as u64, ..Outcome::default() })
    }

    /// An entry of a unique lookup under the same value was taken over; others go.
    async fn remove_old(&mut self, change: &LookupChange, rows: &[Moved]) -> Result<()> {
        let gone: Vec<Entry> = entries(rows, change.old.as_deref(), |m| &m.from)?
            .into_iter()
            .zip(entries(rows, change.new.as_deref(), |m| &m.to)?)
            .filter(|(old, new)| {
                let moved = old.keyspace_id != new.keyspace_id && !change.lookup.unique;
                moved || old.values.iter().ne(new.values.iter())
            })
            .map(|(old, _)| old)
            .collect();
        self.remove_entries(change, &gone).await
    }
}

/// The rows' deletion as a change by keys.
fn deletion(plan: &MoveRows) -> KeyedDml {
    KeyedDml {
        keyspace: plan.keyspace.clone(),
        table: plan.table.clone(),
        input: Primitive::Rows(Rows { fields: Vec::new(), rows: Vec::new() }),
        vindex: None,
        key: plan.key.clone(),
        query: plan.delete.clone(),
        new_values: Vec::new(),
        lookups: Vec::new(),
    }
}

fn entries(
    rows: &[Moved],
    positions: Option<&[usize]>,
    id: impl Fn(&Moved) -> &Vec<u8>,
) -> Result<Vec<Entry>> {
    let positions = positions.unwrap_or_default();
    rows.iter()
        .map(|m| {
            let values: Option<Vec<Typed>> = positions.iter().map(|at| m.row.get(*at).cloned()).collect();
            let values = values.ok_or_else(|| Error::internal("a row came without its lookup's values"))?;
            Ok(Entry { values, keyspace_id: id(m).clone() })
        })
        .collect()
}
