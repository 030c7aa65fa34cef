//! Entries of lookup vindexes that lose their rows: removed when the transaction commits, in a part of it that
//! commits last.
//!
//! What must hold: a row that is there has its entry. Until the end an entry may come into use again: a row with the
//! same value is written by this transaction, or by another one that waits for this one's rows. Both lock the entry
//! first, so that one which is locked is left as it is. An entry without a row costs a look at a shard, no more.

use sqltypes::BindVars;
use tracing::warn;
use vterrors::Result;

use super::{
    Executor,
    run::{Kept, condition, run_nested, tuples},
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
        Box::pin(self.remove_left_entries(session)).await;
        tx::commit(&self.gateway, session).await
    }

    /// Removes the entries that lost their rows. What fails leaves entries behind, which is no fault of the client's.
    pub async fn remove_left_entries(&self, session: &mut Session) {
        let removals = std::mem::take(&mut session.removals);
        if removals.is_empty() {
            return;
        }
        let layout = self.schema.layout().clone();
        for removal in &removals {
            for entries in removal.entries.chunks(BATCH) {
                if let Err(e) = self.remove_unlocked(session, &layout, removal, entries).await {
                    warn!(
                        table = removal.lookup.table,
                        "entries of a lookup vindex are left without rows: {e}"
                    );
                }
            }
        }
    }

    async fn remove_unlocked(
        &self,
        session: &mut Session,
        layout: &Layout,
        removal: &Removal,
        entries: &[LookupEntry],
    ) -> Result<()> {
        let lookup = &removal.lookup;
        let columns: Vec<String> = lookup.from.iter().chain([&lookup.to]).cloned().collect();
        let names = columns.join(", ");
        let (rows, own) = tuples(lookup, &entries.iter().collect::<Vec<_>>())?;
        let sql = format!(
            "select {names} from {} where ({names}) in ({rows}) for update skip locked",
            lookup.table
        );
        for row in self.on_last_part(session, layout, &sql, own).await? {
            // One at a time: for several, MySQL may read a small table whole and wait for what others have locked.
            let (condition, own) = condition(&columns, &row);
            let sql = format!("delete from {} where {condition}", lookup.table);
            self.on_last_part(session, layout, &sql, own).await?;
        }
        Ok(())
    }

    async fn on_last_part(
        &self,
        session: &mut Session,
        layout: &Layout,
        sql: &str,
        own: BindVars,
    ) -> Result<Vec<Vec<(sqltypes::Type, bytes::Bytes)>>> {
        let mut kept = Kept::new(self.config.max_memory_rows);
        let swapped = session.swapped(CommitOrder::After);
        run_nested(self, layout, swapped.session, (sql, own), &mut kept).await?;
        Ok(kept.rows)
    }
}
