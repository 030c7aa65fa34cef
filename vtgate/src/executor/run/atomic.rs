//! A statement that writes on several shards, or in several steps, does all of it or nothing, as in one MySQL.
//!
//! Outside of a transaction it gets one of its own. In the client's transaction it begins with a savepoint
//! on every shard that has a part by then, and on those that join; when it fails, all go back to it.

use vterrors::Result;

use super::Run;
use crate::tx;

/// No client can have a savepoint of this name: it would be one of vtgate's own.
const SAVEPOINT: &str = "__vt_statement";

/// What a statement's work is undone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// The transaction is the statement's own.
    Transaction,
    Savepoint,
    /// By the statement around it.
    Outer,
}

impl Run<'_> {
    /// Before the first write.
    pub(super) async fn begin_atomic(&mut self) -> Result<Undo> {
        if std::mem::replace(&mut self.session.atomic, true) {
            return Ok(Undo::Outer);
        }
        if !self.session.in_transaction {
            self.session.in_transaction = true;
            return Ok(Undo::Transaction);
        }
        self.executor.on_parts(self.session, &format!("savepoint {SAVEPOINT}")).await?;
        self.session.savepoints.push(SAVEPOINT.to_owned());
        Ok(Undo::Savepoint)
    }

    /// After the last one. An error that ended the whole transaction leaves nothing to undo.
    pub(super) async fn end_atomic<T>(&mut self, undo: Undo, result: Result<T>) -> Result<T> {
        let gateway = &self.executor.gateway;
        self.session.atomic &= undo == Undo::Outer;
        match (undo, result) {
            (Undo::Outer, result) => result,
            (Undo::Transaction, Ok(done)) => tx::commit(gateway, self.session).await.map(|()| done),
            (Undo::Transaction, Err(e)) => {
                tx::rollback(gateway, self.session).await;
                Err(e)
            }
            (Undo::Savepoint, result) => {
                self.session.savepoints.retain(|s| s != SAVEPOINT);
                if result.is_err() && self.session.in_transaction {
                    let back = format!("rollback to {SAVEPOINT}");
                    // Half of a statement must not be committed: without a way back the client has to roll back.
                    let undone = self.executor.on_parts(self.session, &back).await;
                    self.session.must_roll_back |= undone.is_err();
                }
                result
            }
        }
    }
}
