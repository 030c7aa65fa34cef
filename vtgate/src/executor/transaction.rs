//! BEGIN, COMMIT, ROLLBACK, savepoints, USE.

use std::sync::Arc;

use proto::query::execute_options::TransactionAccessMode;
use sqlast::ast::{Begin, BeginMode, Ident, TransactionEnd};
use vterrors::{Condition, Error, Result};
use vtmodel::TargetString;

use super::{Executor, Outcome};
use crate::{
    schema::Layout,
    session::{CommitOrder, Session},
    tx::{self, ShardCall, ShardQuery, Work},
};

impl Executor {
    /// BEGIN ends an open transaction first, as MySQL does. The tablets hear of it with their first statement.
    pub(super) async fn begin(&self, session: &mut Session, begin: &Begin) -> Result<Outcome> {
        if session.in_transaction {
            self.commit_parts(session).await?;
        }
        let modes = begin.modes.iter().map(|mode| match mode {
            BeginMode::ConsistentSnapshot => TransactionAccessMode::ConsistentSnapshot as i32,
            BeginMode::ReadWrite => TransactionAccessMode::ReadWrite as i32,
            BeginMode::ReadOnly => TransactionAccessMode::ReadOnly as i32,
        });
        session.transaction_options.transaction_access_mode = modes.collect();
        session.in_transaction = true;
        Ok(Outcome::default())
    }

    pub(super) async fn commit(&self, session: &mut Session, end: TransactionEnd) -> Result<Outcome> {
        let result = self.commit_parts(session).await;
        self.after_end(session, end);
        if result.is_err() {
            self.metrics.commit_unresolved.inc();
        }
        result.map(|()| Outcome::default())
    }

    pub(super) async fn rollback(&self, session: &mut Session, end: TransactionEnd) -> Result<Outcome> {
        tx::rollback(&self.gateway, session).await;
        self.after_end(session, end);
        Ok(Outcome::default())
    }

    fn after_end(&self, session: &mut Session, end: TransactionEnd) {
        session.in_transaction = end.chain == Some(true);
        session.broken |= end.release == Some(true);
    }

    pub(super) async fn savepoint(&self, session: &mut Session, name: &Ident) -> Result<Outcome> {
        let name = name.to_string_lossy().into_owned();
        if !session.in_transaction && session.autocommit {
            return Ok(Outcome::default());
        }
        session.in_transaction = true;
        self.on_parts(session, &format!("savepoint {}", quoted(&name))).await?;
        session.add_savepoint(name);
        Ok(Outcome::default())
    }

    pub(super) async fn rollback_to(&self, session: &mut Session, name: &Ident) -> Result<Outcome> {
        let at = find_savepoint(session, name)?;
        let text = format!("rollback to {}", quoted(&session.savepoints[at].name));
        self.on_parts(session, &text).await?;
        session.removals.truncate(session.savepoints[at].removals);
        session.savepoints.truncate(at + 1);
        Ok(Outcome::default())
    }

    pub(super) async fn release_savepoint(&self, session: &mut Session, name: &Ident) -> Result<Outcome> {
        let at = find_savepoint(session, name)?;
        let text = format!("release savepoint {}", quoted(&session.savepoints[at].name));
        self.on_parts(session, &text).await?;
        session.savepoints.truncate(at);
        Ok(Outcome::default())
    }

    /// A statement on every shard that has a part of the transaction.
    pub(super) async fn on_parts(&self, session: &mut Session, sql: &str) -> Result<()> {
        let sql: Arc<str> = sql.into();
        for order in CommitOrder::ALL {
            let swapped = session.swapped(order);
            let session = &mut *swapped.session;
            let parts: Vec<_> = session.shards.iter().filter(|s| s.transaction_id != 0).cloned().collect();
            for part in parts {
                let query = ShardQuery { target: part.target, sql: sql.clone(), binds: Arc::default() };
                let call = ShardCall {
                    gateway: &self.gateway,
                    session,
                    in_transaction: true,
                    work: Work::Read,
                    span: None,
                };
                let answer = call.execute(&query).await;
                if let Some(held) = answer.held {
                    session.hold(held);
                }
                answer.result?;
            }
        }
        Ok(())
    }

    /// `USE ks`, `USE ks:-80@replica`. In a transaction the target's type cannot change.
    pub(super) fn use_target(
        &self,
        session: &mut Session,
        layout: &Layout,
        to: Option<&Ident>,
    ) -> Result<Outcome> {
        let text = to.map(|t| t.to_string_lossy().into_owned()).unwrap_or_default();
        let target = parse_target(layout, &text)?;
        if session.in_transaction && target.tablet_type() != session.tablet_type() {
            return Err(Error::new(
                Condition::FailedPrecondition,
                "cannot change the tablet type of the session's target in a transaction",
            ));
        }
        session.target = target;
        Ok(Outcome::default())
    }
}

/// A target that names a keyspace (and a shard) which is there.
pub fn parse_target(layout: &Layout, text: &str) -> Result<TargetString> {
    // MySQL's own schemas are databases, too: their tables are asked with their names, so USE changes nothing.
    let target = TargetString::parse(text).map_err(|e| {
        Error::new(Condition::UnknownKeyspace, format!("Unknown database '{text}': {}", e.message()))
    })?;
    let unknown = || Error::new(Condition::UnknownKeyspace, format!("Unknown database '{text}'"));
    if !target.keyspace.is_empty() && !layout.has_keyspace(&target.keyspace) {
        layout.vschema.keyspace(&target.keyspace).map_err(|_| unknown())?;
    }
    if let Some(shard) = &target.shard {
        let shards = layout.shards(&target.keyspace, target.tablet_type())?;
        shards.by_name(shard).ok_or_else(unknown)?;
    }
    Ok(target)
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn find_savepoint(session: &Session, name: &Ident) -> Result<usize> {
    let name = name.to_string_lossy();
    session
        .savepoints
        .iter()
        .rposition(|s| s.name.eq_ignore_ascii_case(&name))
        .ok_or_else(|| Error::mysql(1305, *b"42000", format!("SAVEPOINT {name} does not exist")))
}
