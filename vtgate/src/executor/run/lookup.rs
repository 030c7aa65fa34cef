//! Lookup vindexes: their tables are read for where rows are, and written with the rows.
//!
//! What must hold: a row that is there has its entry. So a consistent lookup gets its new entries in a
//! transaction that commits before the rows', and loses old ones in one that commits after it
//! ([`planner::LookupOrder::Around`]); what is left behind when a commit fails is an entry without a row, which
//! costs a look at a shard, no more. An entry of a unique lookup that is in the way is taken over when no row
//! stands behind it.

use std::borrow::Cow;

use bytes::Bytes;
use planner::{
    LookupChange, LookupOrder, LookupRead, LookupTable, Normalized, PlanContext, Routing, ValueRef,
};
use sqltypes::{BindValue, BindVars, Type};
use vschema::VindexValue;
use vterrors::{Error, Result};

use super::{
    Changes, Run,
    keyed::{Kept, Typed},
};
use crate::{
    executor::{Executor, Outcome, Sink, binds},
    schema::Layout,
    session::{CommitOrder, Removal, Session},
};

/// MySQL's "Duplicate entry".
const DUPLICATE: u16 = 1062;

/// So many entries are read or written by one statement at most.
const BATCH: usize = 500;

pub(super) use crate::session::LookupEntry as Entry;

/// On which of a session's transactions a statement runs; none: it commits by itself.
type Part = Option<CommitOrder>;

fn part_of(lookup: &LookupTable) -> Part {
    match lookup.order {
        LookupOrder::Around => Some(CommitOrder::Before),
        LookupOrder::Same => Some(CommitOrder::Main),
        LookupOrder::Alone => None,
    }
}

/// A new entry's values as the row's columns keep them, by which it is found later.
pub(super) fn kept(change: &LookupChange, values: Vec<Typed>) -> Vec<Typed> {
    let keep = |(at, (ty, bytes)): (usize, Typed)| {
        let column = change.columns.get(at).copied().flatten();
        match column.and_then(|c| c.stored(VindexValue::new(ty, &bytes))) {
            Some((ty, kept)) => (ty, Bytes::from(kept.into_owned())),
            None => (ty, bytes),
        }
    };
    values.into_iter().enumerate().map(keep).collect()
}

impl Run<'_> {
    /// The routing with what lookups say in their place.
    pub(super) async fn looked_up<'r>(&mut self, routing: &'r Routing) -> Result<Cow<'r, Routing>> {
        let Routing::Lookup(read) = routing else { return Ok(Cow::Borrowed(routing)) };
        Ok(Cow::Owned(Routing::KeyspaceIds(Box::pin(self.keyspace_ids(read)).await?)))
    }

    async fn keyspace_ids(&mut self, read: &LookupRead) -> Result<Vec<Vec<u8>>> {
        let values = match &read.values {
            list @ (ValueRef::ListBind(_) | ValueRef::List(_)) => binds::list(list, &self.binds)?,
            one => vec![binds::value(one, &self.binds)?],
        };
        self.keyspace_ids_of(&read.lookup, values).await
    }

    /// The keyspace ids that a lookup has for any of these values; NULL has none.
    pub(super) async fn keyspace_ids_of(
        &mut self,
        lookup: &LookupTable,
        values: Vec<Typed>,
    ) -> Result<Vec<Vec<u8>>> {
        let values = values.into_iter().filter(|(ty, _)| *ty != Type::NullType);
        let values = values.map(|value| held(lookup, value)).collect::<Result<Vec<_>>>()?;
        let LookupTable { table, from, to, .. } = lookup;
        let from = from.first().map(String::as_str).unwrap_or_default();
        let sql = format!("select {to} from {table} where {from} in ::__vt_values");
        let mut out = Vec::new();
        for values in values.chunks(BATCH) {
            let list = BindValue::List(values.to_vec());
            let own = BindVars::from([("__vt_values".to_owned(), list.into())]);
            for row in self.read_nested(part_of(lookup), &sql, own).await? {
                let id = row.first().and_then(|value| keyspace_id(lookup, value));
                out.extend(id);
            }
        }
        Ok(out)
    }

    /// Writes the entries of new rows. A row whose value belongs to another row is MySQL's error 1062, or,
    /// with `may_exist`, is told of by its position.
    pub(super) async fn add_entries(
        &mut self,
        change: &LookupChange,
        entries: &[Entry],
        may_exist: bool,
    ) -> Result<Vec<usize>> {
        let mut taken = Vec::new();
        let mut written: Vec<&Entry> = Vec::new();
        let wanted: Vec<(usize, &Entry)> = entries.iter().enumerate().filter(|(_, e)| !is_null(e)).collect();
        for some in wanted.chunks(BATCH) {
            let batch: Vec<&Entry> = some.iter().map(|(_, e)| *e).collect();
            match self.insert_entries(change, &batch).await {
                Err(e) if e.errno() == DUPLICATE => {
                    for (at, entry) in some {
                        match self.add_entry(change, entry, &written).await {
                            Err(e) if e.errno() == DUPLICATE && may_exist => taken.push(*at),
                            done => {
                                done?;
                                written.push(entry);
                            }
                        }
                    }
                }
                done => {
                    done?;
                    written.extend(batch);
                }
            }
        }
        Ok(taken)
    }

    /// Writes one entry; `written` are those of the same statement, whose rows are not there yet.
    async fn add_entry(&mut self, change: &LookupChange, entry: &Entry, written: &[&Entry]) -> Result<()> {
        let duplicate = match self.insert_entries(change, &[entry]).await {
            Err(e) if e.errno() == DUPLICATE && !change.lookup.no_verify => e,
            done => return done,
        };
        let lookup = &change.lookup;
        let values = entry.values.iter().map(|v| held(lookup, v.clone())).collect::<Result<Vec<_>>>()?;
        let (condition, own) = condition(&lookup.from, &values);
        let held = format!("select {} from {} where {condition} for update", lookup.to, lookup.table);
        let part = part_of(lookup);
        let rows = self.read_nested(part, &held, own.clone()).await?;
        let known = rows.first().and_then(|row| row.first()).and_then(|value| keyspace_id(lookup, value));
        match known {
            // The row's own shard knows whether it is a duplicate.
            Some(id) if id == entry.keyspace_id => Ok(()),
            Some(id) => {
                // An entry without a row is left over, unless its row is about to come.
                for other in written.iter().filter(|other| other.keyspace_id == id) {
                    if self.have_one_value(lookup, entry, other).await? {
                        return Err(duplicate);
                    }
                }
                let (owner_condition, owner_binds) = self::condition(&change.owner_columns, &entry.values);
                let owner =
                    format!("select 1 from {} where {owner_condition} limit 1 for update", change.owner);
                if !self.read_nested(Some(CommitOrder::Main), &owner, owner_binds).await?.is_empty() {
                    return Err(duplicate);
                }
                let sql = format!("update {} set {} = :__vt_to where {condition}", lookup.table, lookup.to);
                let mut own = own;
                own.insert("__vt_to".to_owned(), stored(lookup, &entry.keyspace_id)?.into());
                self.write_nested(part, &sql, own).await?;
                self.entered(lookup, &[entry]);
                Ok(())
            }
            None => Err(duplicate),
        }
    }

    /// Whether two entries have the same value: the lookup's table knows, by its types and collations. One of them has
    /// to be in it.
    async fn have_one_value(&mut self, lookup: &LookupTable, one: &Entry, other: &Entry) -> Result<bool> {
        let mut conditions = Vec::new();
        let mut own = BindVars::new();
        for (at, entry) in [one, other].into_iter().enumerate() {
            let values = entry.values.iter().map(|v| held(lookup, v.clone())).collect::<Result<Vec<_>>>()?;
            let (condition, binds) = condition(&lookup.from, &values);
            let renamed = |text: &str| text.replace("__vt_f", &format!("__vt_of{at}_"));
            conditions.push(renamed(&condition));
            own.extend(binds.into_iter().map(|(name, value)| (renamed(&name), value)));
        }
        let sql = format!("select 1 from {} where {}", lookup.table, conditions.join(" and "));
        Ok(!self.read_nested(part_of(lookup), &sql, own).await?.is_empty())
    }

    async fn insert_entries(&mut self, change: &LookupChange, entries: &[&Entry]) -> Result<()> {
        let lookup = &change.lookup;
        let (rows, own) = tuples(lookup, entries)?;
        // Without uniqueness an entry that is there says the same.
        let again = match lookup.unique && !lookup.no_verify {
            true => String::new(),
            false => format!(" on duplicate key update {0} = values({0})", lookup.to),
        };
        let sql = format!(
            "insert into {}({}, {}) values {rows}{again}",
            lookup.table,
            lookup.from.join(", "),
            lookup.to,
        );
        self.write_nested(part_of(lookup), &sql, own).await?;
        self.entered(lookup, entries);
        Ok(())
    }

    /// Remembers entries that were written.
    fn entered(&mut self, lookup: &LookupTable, entries: &[&Entry]) {
        if lookup.order == LookupOrder::Around {
            self.session.entered.extend(entries.iter().map(|entry| name_of(lookup, entry)));
        }
    }

    /// After an INSERT of rows that may have been there already: entries without a row are removed.
    pub(super) async fn remove_strays(&mut self, change: &LookupChange, entries: &[Entry]) -> Result<()> {
        let mut strays = Vec::new();
        for entry in entries.iter().filter(|e| !is_null(e)) {
            let (condition, own) = condition(&change.owner_columns, &entry.values);
            // With a lock, or a row that came after the transaction's first read would not be seen.
            let sql = format!("select 1 from {} where {condition} limit 1 for update", change.owner);
            if self.read_nested(Some(CommitOrder::Main), &sql, own).await?.is_empty() {
                strays.push(entry.clone());
            }
        }
        self.remove_entries(change, &strays).await
    }

    /// Removes the entries of rows that go: those of a consistent lookup when the transaction commits.
    pub(super) async fn remove_entries(&mut self, change: &LookupChange, entries: &[Entry]) -> Result<()> {
        let lookup = &change.lookup;
        // One that this very transaction wrote is locked by the part that wrote it.
        let is_ours = |e: &&Entry| {
            lookup.order != LookupOrder::Around || self.session.entered.contains(&name_of(lookup, e))
        };
        let (now, later): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().filter(|e| !is_null(e)).partition(is_ours);
        // MySQL reads a small table whole for several tuples, and then waits for what other parts have locked.
        let batch = if lookup.order == LookupOrder::Around { 1 } else { BATCH };
        for some in now.chunks(batch) {
            let (rows, own) = tuples(lookup, some)?;
            let columns = lookup.from.join(", ");
            let sql = format!("delete from {} where ({columns}, {}) in ({rows})", lookup.table, lookup.to);
            self.write_nested(part_of(lookup), &sql, own).await?;
        }
        if !later.is_empty() {
            let entries = later.into_iter().cloned().collect();
            self.session.removals.push(Removal { change: change.clone(), entries });
            let count: usize = self.session.removals.iter().map(|r| r.entries.len()).sum();
            if count > self.executor.config.max_memory_rows {
                Box::pin(self.executor.remove_left_entries(self.session)).await?;
            }
        }
        Ok(())
    }

    async fn read_nested(&mut self, part: Part, sql: &str, own: BindVars) -> Result<Vec<Vec<Typed>>> {
        let mut kept = Kept::new(self.executor.config.max_memory_rows);
        self.nested(part, (sql, own), &mut kept).await?;
        Ok(kept.rows)
    }

    async fn write_nested(&mut self, part: Part, sql: &str, own: BindVars) -> Result<Outcome> {
        let mut kept = Kept::new(0);
        self.nested(part, (sql, own), &mut kept).await
    }

    /// Runs a statement on one of the session's transactions.
    async fn nested(
        &mut self,
        part: Part,
        (sql, own): (&str, BindVars),
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let (executor, layout) = (self.executor, self.layout);
        let Some(order) = part else {
            let mut apart = Session::new(self.session.id, self.session.caller.clone(), Default::default());
            apart.observed = self.session.observed.clone();
            let result = run_nested(executor, layout, &mut apart, (sql, own), sink).await;
            crate::tx::release_all(&executor.gateway, &mut apart).await;
            return result;
        };
        let swapped = self.session.swapped(order);
        run_nested(executor, layout, swapped.session, (sql, own), sink).await
    }
}

/// Runs a statement of vtgate's own on a session's main part.
pub(in crate::executor) async fn run_nested(
    executor: &Executor,
    layout: &Layout,
    session: &mut Session,
    (sql, own): (&str, BindVars),
    sink: &mut dyn Sink,
) -> Result<Outcome> {
    let normalized = Normalized::parse(sql.as_bytes(), &sqlast::ParseOptions::default())?;
    let context = PlanContext {
        vschema: &layout.vschema,
        keyspace: None,
        shard: None,
        tablet_type: session.tablet_type(),
        no_scatter: false,
        ignore_values: false,
        by_rows: false,
        gather: false,
        select_limit: None,
        sql_mode: sqlast::SqlMode::default(),
    };
    let plan = planner::plan(&normalized, &context).map_err(|e| e.context("a lookup vindex's table"))?;
    let mut values = binds::of_normalized(&normalized.values);
    values.extend(own);
    let statement = Some(sql.as_bytes());
    let run = Run {
        executor,
        session,
        layout,
        plan: &plan,
        statement,
        changes: Changes::default(),
        binds: values,
        again: None,
    };
    Box::pin(run.run(sink)).await
}

/// NULL is found by nobody, so it has no entry.
fn is_null(entry: &Entry) -> bool {
    entry.values.iter().any(|(ty, _)| *ty == Type::NullType)
}

/// What a session remembers an entry by.
fn name_of(lookup: &LookupTable, entry: &Entry) -> (String, Vec<Bytes>) {
    (lookup.table.clone(), entry.values.iter().map(|(_, value)| value.clone()).collect())
}

/// The entries as `(:f0_0, :t0), (:f1_0, :t1)`, and the bind variables.
pub(in crate::executor) fn tuples(lookup: &LookupTable, entries: &[&Entry]) -> Result<(String, BindVars)> {
    let mut own = BindVars::new();
    let mut rows = Vec::with_capacity(entries.len());
    for (row, entry) in entries.iter().enumerate() {
        let mut names = Vec::with_capacity(entry.values.len() + 1);
        for (at, (ty, value)) in entry.values.iter().enumerate() {
            let (ty, value) = held(lookup, (*ty, value.clone()))?;
            names.push(format!(":__vt_f{row}_{at}"));
            own.insert(format!("__vt_f{row}_{at}"), BindValue::Scalar(ty, value).into());
        }
        names.push(format!(":__vt_t{row}"));
        own.insert(format!("__vt_t{row}"), stored(lookup, &entry.keyspace_id)?.into());
        rows.push(format!("({})", names.join(", ")));
    }
    Ok((rows.join(", "), own))
}

/// `a = :x and b = :y`, and the bind variables.
pub(in crate::executor) fn condition(columns: &[String], values: &[Typed]) -> (String, BindVars) {
    let parts: Vec<_> = (0..columns.len()).map(|at| format!("{} = :__vt_f{at}", columns[at])).collect();
    let bind = |(at, (ty, value)): (usize, &(Type, Bytes))| {
        (format!("__vt_f{at}"), BindValue::Scalar(*ty, value.clone()).into())
    };
    (parts.join(" and "), values.iter().enumerate().map(bind).collect())
}

/// The keyspace id of a value that a lookup holds.
fn keyspace_id(lookup: &LookupTable, (ty, value): &Typed) -> Option<Vec<u8>> {
    if *ty == Type::NullType {
        return None;
    }
    match lookup.is_hash {
        false => Some(value.to_vec()),
        true => {
            let number: i128 = std::str::from_utf8(value).ok()?.parse().ok()?;
            // As everywhere, a negative number is its two's complement.
            Some(vschema::hash_of_number(number as u64))
        }
    }
}

/// What a lookup holds of a value.
fn held(lookup: &LookupTable, (ty, value): Typed) -> Result<Typed> {
    if !lookup.is_loose || ty == Type::NullType {
        return Ok((ty, value));
    }
    let text = vschema::VindexValue::new(ty, &value).raw().into_owned();
    let number =
        vschema::loose_md5_number(&text).map_err(|e| e.context(format!("lookup vindex {}", lookup.name)))?;
    Ok((Type::Uint64, number.to_string().into()))
}

/// What a lookup holds of a keyspace id.
fn stored(lookup: &LookupTable, keyspace_id: &[u8]) -> Result<BindValue> {
    match lookup.is_hash {
        false => Ok(BindValue::bytes(keyspace_id.to_vec())),
        true => vschema::number_of_hash(keyspace_id).map(BindValue::uint64).ok_or_else(|| {
            Error::invalid(format!("lookup vindex {}: the row's vindex is not hash", lookup.name))
        }),
    }
}
