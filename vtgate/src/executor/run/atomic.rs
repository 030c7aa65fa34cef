//! A statement that writes on several shards, or in several steps, does all of it or nothing, as in one MySQL.
//!
//! Outside of a transaction it gets one of its own. In the client's transaction it begins with a savepoint
//! on every shard that has a part by then, and on those that join; when it fails, all go back to it.

use vterrors::Result;

use super::Run;
use crate::{executor::Executor, session::Session, tx};

/// No client can have a savepoint of this name: it would be one of vtgate's own.
const SAVEPOINT: &str = "__vt_statement";

/// What a statement's work is undone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::executor) enum Undo {
    /// The transaction is the statement's own.
    Transaction,
    Savepoint,
    /// By the statement around it.
    Outer,
}

impl Run<'_> {
    /// Before the first write.
    pub(super) async fn begin_atomic(&mut self) -> Result<Undo> {
        self.executor.begin_atomic(self.session).await
    }

    /// After the last one. An error that ended the whole transaction leaves nothing to undo.
    pub(super) async fn end_atomic<T>(&mut self, undo: Undo, result: Result<T>) -> Result<T> {
        self.executor.end_atomic(self.session, undo, result).await
    }
}

impl Executor {
    /// Before the first write of a statement.
    pub(in crate::executor) async fn begin_atomic(&self, session: &mut Session) -> Result<Undo> {
        if std::mem::replace(&mut session.atomic, true) {
            return Ok(Undo::Outer);
        }
        if !session.in_transaction {
            session.in_transaction = true;
            return Ok(Undo::Transaction);
        }
        self.on_parts(session, &format!("savepoint {SAVEPOINT}")).await?;
        session.add_savepoint(SAVEPOINT.to_owned());
        Ok(Undo::Savepoint)
    }

    /// After the last one. An error that ended the whole transaction leaves nothing to undo.
    pub(in crate::executor) async fn end_atomic<T>(
        &self,
        session: &mut Session,
        undo: Undo,
        result: Result<T>,
    ) -> Result<T> {
        session.atomic &= undo == Undo::Outer;
        match (undo, result) {
            (Undo::Outer, result) => result,
            (Undo::Transaction, Ok(done)) => self.commit_parts(session).await.map(|()| done),
            (Undo::Transaction, Err(e)) => {
                tx::rollback(&self.gateway, session).await;
                Err(e)
            }
            (Undo::Savepoint, result) => {
                let at = session.savepoints.iter().rposition(|s| s.name == SAVEPOINT);
                let savepoint = at.map(|at| session.savepoints.remove(at));
                if result.is_err() && session.in_transaction {
                    let back = format!("rollback to {SAVEPOINT}");
                    // Half of a statement must not be committed: without a way back the client has to roll back.
                    let undone = self.on_parts(session, &back).await;
                    session.must_roll_back |= undone.is_err();
                    session.removals.truncate(savepoint.map_or(0, |s| s.removals));
                }
                result
            }
        }
    }
}
