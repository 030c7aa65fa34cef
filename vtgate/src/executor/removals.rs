//! Entries of lookup vindexes that lose their rows: removed when the transaction commits, in a part of it that
//! commits last.
//!
//! What must hold: a row that is there has its entry. Until the end an entry may come into use again, by this
//! transaction or by another one that writes a row with the same value. So an entry goes only when it can be locked
//! at once, which keeps new users away, and when no row stands behind it then, not even one that is not committed
//! yet. An entry that stays without a row costs a look at a shard, no more.

use planner::LookupChange;
use sqltypes::{BindValue, BindVars};
use tracing::warn;
use vterrors::{Error, Result};

use super::{
    Executor,
    run::{Kept, Typed, condition, run_nested, tuples},
};
use crate::{
    schema::Layout,
    session::{CommitOrder, LookupEntry, Removal, Session},
    tx,
};

/// So many entries are looked at by one statement at most.
const BATCH: usize = 500;

impl Executor {
    /// Commits the session's transaction.
    pub(super) async fn commit_parts(&self, session: &mut Session) -> Result<()> {
        if !session.removals.is_empty() {
            let _shield = session.shield();
            // What this transaction itself has looked at is not locked any more then.
            tx::commit_before(&self.gateway, session).await?;
            Box::pin(self.remove_left_entries(session)).await?;
        }
        tx::commit(&self.gateway, session).await
    }

    /// Removes the entries that lost their rows. What fails leaves entries behind, which is no fault of the client's; but
    /// an error that ended the transaction (a deadlock: 1213) took the rows with it, and is the answer.
    pub async fn remove_left_entries(&self, session: &mut Session) -> Result<()> {
        let removals = std::mem::take(&mut session.removals);
        if removals.is_empty() {
            return Ok(());
        }
        let layout = self.schema.layout().clone();
        for Removal { change, entries } in &removals {
            for entries in entries.chunks(BATCH) {
                let removed = Part { executor: self, session, layout: &layout, change }.remove(entries).await;
                if !session.in_transaction {
                    return Err(removed.err().unwrap_or_else(deadlock));
                }
                if let Err(e) = removed {
                    warn!(
                        table = change.lookup.table,
                        "entries of a lookup vindex stay without their rows: {e}"
                    );
                }
            }
        }
        Ok(())
    }
}

/// Of a look whose own error says only that an entry stays.
fn deadlock() -> Error {
    Error::mysql(1213, *b"40001", "Deadlock found when trying to get lock; try restarting transaction")
}

/// Where the entries of one lookup vindex are removed.
struct Part<'a> {
    executor: &'a Executor,
    session: &'a mut Session,
    layout: &'a Layout,
    change: &'a LookupChange,
}

impl Part<'_> {
    async fn remove(&mut self, entries: &[LookupEntry]) -> Result<()> {
        let lookup = &self.change.lookup;
        let columns: Vec<String> = lookup.from.iter().chain([&lookup.to]).cloned().collect();
        let names = columns.join(", ");
        let (rows, own) = tuples(lookup, &entries.iter().collect::<Vec<_>>())?;
        let sql = format!(
            "select {names} from {} where ({names}) in ({rows}) for update skip locked",
            lookup.table
        );
        let locked = self.on(CommitOrder::After, &sql, own).await?;
        if locked.is_empty() {
            return Ok(());
        }
        let (rows, own) = values(entries);
        let owner_columns = self.change.owner_columns.join(", ");
        let any = format!("({owner_columns}) in ({rows})");
        let all_are_free = self.has_no_row(&any, own).await;
        for row in locked {
            let free = all_are_free || {
                let (condition, own) = condition(&self.change.owner_columns, &row[..row.len() - 1]);
                !lookup.is_loose && self.has_no_row(&condition, own).await
            };
            if free {
                // One at a time: for several, MySQL may read a small table whole and wait for what others have locked.
                let (condition, own) = condition(&columns, &row);
                let sql = format!("delete from {} where {condition}", lookup.table);
                self.on(CommitOrder::After, &sql, own).await?;
            }
        }
        Ok(())
    }

    /// Whether no row has the values, and nobody is writing one.
    async fn has_no_row(&mut self, condition: &str, own: BindVars) -> bool {
        let sql = format!("select 1 from {} where {condition} limit 1 for update nowait", self.change.owner);
        matches!(self.on(CommitOrder::Main, &sql, own).await, Ok(rows) if rows.is_empty())
    }

    async fn on(&mut self, order: CommitOrder, sql: &str, own: BindVars) -> Result<Vec<Vec<Typed>>> {
        let mut kept = Kept::new(self.executor.config.max_memory_rows);
        let swapped = self.session.swapped(order);
        run_nested(self.executor, self.layout, swapped.session, (sql, own), &mut kept).await?;
        Ok(kept.rows)
    }
}

/// The entries' values as `(:f0_0, :f0_1), (:f1_0, :f1_1)`, and the bind variables.
fn values(entries: &[LookupEntry]) -> (String, BindVars) {
    let mut own = BindVars::new();
    let rows: Vec<String> = entries
        .iter()
        .enumerate()
        .map(|(row, entry)| {
            let names: Vec<String> = (0..entry.values.len()).map(|at| format!(":__vt_f{row}_{at}")).collect();
            for (at, (ty, value)) in entry.values.iter().enumerate() {
                own.insert(format!("__vt_f{row}_{at}"), BindValue::Scalar(*ty, value.clone()).into());
            }
            format!("({})", names.join(", "))
        })
        .collect();
    (rows.join(", "), own)
}
