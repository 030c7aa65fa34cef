//! Locks by name: on one shard for everybody, each session on a connection of its own.

use std::{sync::Arc, time::Duration};

use planner::Locks;
use proto::query as q;
use sqltypes::BindVars;
use vterrors::{Error, Result};
use vtmodel::{TabletType, Target};

use super::Run;
use crate::{
    executor::{Outcome, Sink, binds, sink::give},
    gateway::Gateway,
    session::{Keeper, LockSession, Session, ShardSession},
    tx::{self, ShardCall, ShardQuery, Work},
};

/// A keeper's word is answered within this, or the connection counts as lost.
const BEAT_LIMIT: Duration = Duration::from_secs(10);

impl Run<'_> {
    pub(super) async fn locks(&mut self, locks: &Locks, sink: &mut dyn Sink) -> Result<Outcome> {
        let shards = self.layout.shards(&locks.keyspace, TabletType::Primary)?;
        let first = shards.all().first().ok_or_else(|| Error::internal("a keyspace without shards"))?;
        let query = ShardQuery {
            target: Target::new(&locks.keyspace, &first.name, TabletType::Primary),
            sql: super::shared_text(&locks.query),
            binds: Arc::new(binds::used(&locks.query, &self.binds)),
        };
        if self.session.locks.is_none() {
            if !locks.takes {
                let result = self.call_apart().execute_anywhere(&query).await.result?;
                return self.answer(locks, result, sink).await;
            }
            self.reserve_for_locks(&query.target).await?;
        }
        let result = self.with_locks(locks, &query).await?;
        self.answer(locks, result, sink).await
    }

    /// The session has a connection for its locks from here on. Nothing is locked yet: a statement that is given up
    /// while it waits for a lock leaves a connection that can be released.
    async fn reserve_for_locks(&mut self, target: &Target) -> Result<()> {
        let nothing =
            ShardQuery { target: target.clone(), sql: "select 1 from dual".into(), binds: Arc::default() };
        let answer = self.call_apart().reserve_somewhere(&nothing).await;
        answer.result?;
        let part = answer.held.ok_or_else(|| Error::internal("a tablet reserved no connection"))?;
        let keeper = self.session.process.is_some().then(|| {
            let (gateway, part) = (self.executor.gateway.clone(), part.clone());
            // It outlives the statement.
            let apart = Arc::new(Session { observed: None, ..self.session.apart() });
            Arc::new(Keeper::start(self.executor.config.lock_heartbeat, move || {
                beat(gateway.clone(), apart.clone(), part.clone())
            }))
        });
        self.session.locks = Some(LockSession::new(part, Some(0), keeper));
        Ok(())
    }

    /// Runs a statement on the connection of the session's locks, and lets it go when none is held any more.
    async fn with_locks(&mut self, locks: &Locks, query: &ShardQuery) -> Result<q::QueryResult> {
        let Some(held) = &mut self.session.locks else {
            return Err(Error::internal("a session without its connection for locks"));
        };
        held.busy = true;
        let (part, keeper) = (held.part.clone(), held.keeper.clone());
        let turn = match &keeper {
            Some(keeper) => Some(keeper.turn.lock().await),
            None => None,
        };
        let answer = self.call_apart().execute_on(&part, query).await;
        drop(turn);
        let Some(held) = &mut self.session.locks else {
            return Err(Error::internal("a session without its connection for locks"));
        };
        held.busy = false;
        let result = match answer.result {
            Ok(result) => result,
            Err(e) => {
                // The functions' own errors leave the connection, and what is locked, as they are.
                if !is_of_the_statement(&e) {
                    self.session.locks = None;
                    self.session.broken = true;
                }
                return Err(e);
            }
        };
        held.count(locks.columns.as_deref(), locks.takes, &result);
        if held.number == Some(0) {
            tx::release_locks(&self.executor.gateway, self.session).await;
        }
        Ok(result)
    }

    fn call_apart(&self) -> ShardCall<'_> {
        ShardCall {
            gateway: &self.executor.gateway,
            session: self.session,
            in_transaction: false,
            work: Work::Read,
            span: None,
        }
    }

    async fn answer(&self, locks: &Locks, result: q::QueryResult, sink: &mut dyn Sink) -> Result<Outcome> {
        if locks.is_do {
            return Ok(Outcome::default());
        }
        give(sink, self.client_fields(&locks.keyspace, result.fields), result.rows).await
    }
}

/// An error that mysqld itself gave, on a connection that goes on.
fn is_of_the_statement(e: &Error) -> bool {
    use vterrors::Condition as C;
    !matches!(
        e.condition(),
        C::TransactionGone | C::ConnectionLost | C::ServerShutdown | C::QueryInterrupted | C::Timeout
    ) && e.code() != vterrors::Code::Unavailable
}

async fn beat(gateway: Arc<Gateway>, session: Arc<Session>, part: ShardSession) -> bool {
    let word = ShardQuery {
        target: part.target.clone(),
        sql: "select 1 from dual".into(),
        binds: Arc::new(BindVars::default()),
    };
    let call = ShardCall {
        gateway: &gateway,
        session: &session,
        in_transaction: false,
        work: Work::Read,
        span: None,
    };
    let said = tokio::time::timeout(BEAT_LIMIT, call.execute_on(&part, &word)).await;
    said.is_ok_and(|answer| answer.result.is_ok())
}
