//! Transactions of a session: each shard's part begins with the first statement that reaches the shard.

mod call;

pub use call::{Answer, ShardCall, ShardQuery, Work};

use std::time::{Duration, Instant};

use proto::query as q;
use tracer::SpanContext;
use tracing::warn;
use vterrors::{Condition, Error, Result};

use crate::{
    gateway::Gateway,
    observe::Service,
    session::{CommitOrder, Session, ShardSession},
};

/// How long a rollback or release on a tablet may take; after that the tablet's own timeout ends it.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(10);

/// Commits every shard's part, those first that come before the others, and each in the order in which they
/// began. When one fails, the parts after it are
/// rolled back; when parts before it are committed already, the error says so.
pub async fn commit(gateway: &Gateway, session: &mut Session) -> Result<()> {
    // From here on the client's going away, a KILL or a timeout must not leave half of it committed.
    let _shield = session.shield();
    let started = session.observed.is_some().then(Instant::now);
    let parts = take_parts(session);
    let mut committed: Vec<String> = Vec::new();
    let mut failed: Option<Error> = None;
    for (order, part) in parts {
        if failed.is_some() {
            end_quietly(gateway, session, (order, part)).await;
            continue;
        }
        match commit_part(gateway, session, &part).await {
            Ok(reserved_id) => {
                keep_reserved(session, (order, &part), reserved_id);
                if part.wrote && order == CommitOrder::Main {
                    committed.push(part.target.to_string());
                }
            }
            // What is left behind are entries without rows, and the rows are committed.
            Err(e) if order == CommitOrder::After => {
                warn!(target = %part.target, "entries of lookup vindexes could not be removed: {e}");
            }
            Err(e) => failed = Some(e.context(format!("commit on {}", part.target))),
        }
    }
    if let (Some(started), Some(observed)) = (started, &session.observed) {
        observed.committed(started.elapsed());
    }
    match failed {
        None => Ok(()),
        Some(e) if committed.is_empty() => Err(e),
        Some(e) => {
            let text = format!("partial commit: {} committed already; {}", committed.join(", "), e.message());
            session.warn(301, text.clone());
            let code = e.mysql_code();
            Err(Error::mysql(code.errno, code.sqlstate, text))
        }
    }
}

/// Commits the parts that come before the others, and leaves the transaction open. When one fails, all are rolled
/// back.
pub async fn commit_before(gateway: &Gateway, session: &mut Session) -> Result<()> {
    let (parts, held): (Vec<_>, _) =
        std::mem::take(&mut session.before).into_iter().partition(|part| part.transaction_id != 0);
    session.before = held;
    let mut failed = None;
    for part in parts {
        if failed.is_some() {
            end_quietly(gateway, session, (CommitOrder::Before, part)).await;
            continue;
        }
        match commit_part(gateway, session, &part).await {
            Ok(reserved_id) => keep_reserved(session, (CommitOrder::Before, &part), reserved_id),
            Err(e) => failed = Some(e.context(format!("commit on {}", part.target))),
        }
    }
    match failed {
        None => Ok(()),
        Some(e) => {
            rollback(gateway, session).await;
            Err(e)
        }
    }
}

/// Rolls every shard's part back. A tablet that cannot be reached rolls back by itself.
pub async fn rollback(gateway: &Gateway, session: &mut Session) {
    for part in take_parts(session) {
        end_quietly(gateway, session, part).await;
    }
}

/// Ends everything that the session holds: the client is gone or starts anew.
pub async fn release_all(gateway: &Gateway, session: &mut Session) {
    session.in_transaction = false;
    session.savepoints.clear();
    session.removals.clear();
    let parts = CommitOrder::ALL.map(|order| std::mem::take(session.part_mut(order)));
    let held = parts.into_iter().flatten();
    let session = &*session;
    futures::future::join_all(held.map(|part| release(gateway, session, part))).await;
}

/// Lets the session's locks by name go, with the connection that holds them.
pub async fn release_locks(gateway: &Gateway, session: &mut Session) {
    if let Some(held) = session.locks.take() {
        let turn = match &held.keeper {
            Some(keeper) => Some(keeper.turn.lock().await),
            None => None,
        };
        release(gateway, session, held.part.clone()).await;
        drop(turn);
    }
}

async fn release(gateway: &Gateway, session: &Session, part: ShardSession) {
    let Ok(tablet) = gateway.tablet(&part.alias) else { return };
    let _under_way = tablet.load.begin();
    let (effective_caller_id, immediate_caller_id) = callers(session);
    let target = Some((&part.target).into());
    let ended = if part.reserved_id != 0 {
        let request = q::ReleaseRequest {
            effective_caller_id,
            immediate_caller_id,
            target,
            transaction_id: part.transaction_id,
            reserved_id: part.reserved_id,
        };
        tokio::time::timeout(CLEAN_UP_LIMIT, tablet.service.release(request)).await.map(|r| r.map(drop))
    } else {
        let request = q::RollbackRequest {
            effective_caller_id,
            immediate_caller_id,
            target,
            transaction_id: part.transaction_id,
        };
        tokio::time::timeout(CLEAN_UP_LIMIT, tablet.service.rollback(request)).await.map(|r| r.map(drop))
    };
    if !matches!(ended, Ok(Ok(()))) {
        warn!(target = %part.target, "could not release a connection: the tablet will by itself");
    }
}

/// Callers of a request, effective and immediate.
pub fn callers(session: &Session) -> (Option<proto::vtrpc::CallerId>, Option<q::VtGateCallerId>) {
    let immediate = q::VtGateCallerId {
        username: session.caller.user_data.clone(),
        groups: session.caller.groups.clone(),
    };
    (Some(session.caller.effective()), Some(immediate))
}

/// The shards with a transaction; the session is out of its transaction afterwards.
fn take_parts(session: &mut Session) -> Vec<(CommitOrder, ShardSession)> {
    session.in_transaction = false;
    session.savepoints.clear();
    session.entered.clear();
    session.removals.clear();
    session.transaction_options = q::ExecuteOptions::default();
    let mut out = Vec::new();
    for order in CommitOrder::ALL {
        let held = session.part_mut(order);
        let (parts, others): (Vec<_>, _) =
            std::mem::take(held).into_iter().partition(|s| s.transaction_id != 0);
        *held = others;
        out.extend(parts.into_iter().map(|part| (order, part)));
    }
    out
}

async fn commit_part(gateway: &Gateway, session: &Session, part: &ShardSession) -> Result<i64> {
    let Some(observed) = &session.observed else {
        return commit_call(gateway, session, part, None).await;
    };
    observed.calls(&part.target);
    let span = observed.open_span();
    let result = commit_call(gateway, session, part, span.map(|s| s.context)).await;
    if let Some(span) = span {
        observed.close_call(span, "commit", &part.target, result.as_ref().map(|_| 0));
    }
    result
}

async fn commit_call(
    gateway: &Gateway,
    session: &Session,
    part: &ShardSession,
    span: Option<SpanContext>,
) -> Result<i64> {
    let tablet = gateway.tablet(&part.alias)?;
    let _under_way = tablet.load.begin();
    let (effective_caller_id, immediate_caller_id) = callers(session);
    let request = q::CommitRequest {
        effective_caller_id,
        immediate_caller_id,
        target: Some((&part.target).into()),
        transaction_id: part.transaction_id,
    };
    Ok(Service::of(&tablet, span).commit(request).await?.reserved_id)
}

async fn end_quietly(gateway: &Gateway, session: &mut Session, (order, part): (CommitOrder, ShardSession)) {
    match rollback_part(gateway, session, &part).await {
        Ok(reserved_id) => keep_reserved(session, (order, &part), reserved_id),
        Err(e) if e.condition() == Condition::TransactionGone => {}
        Err(e) => warn!(target = %part.target, "rollback failed, the tablet will end it by itself: {e}"),
    }
}

async fn rollback_part(gateway: &Gateway, session: &Session, part: &ShardSession) -> Result<i64> {
    let Some(observed) = &session.observed else {
        return rollback_call(gateway, session, part, None).await;
    };
    observed.calls(&part.target);
    let span = observed.open_span();
    let result = rollback_call(gateway, session, part, span.map(|s| s.context)).await;
    if let Some(span) = span {
        observed.close_call(span, "rollback", &part.target, result.as_ref().map(|_| 0));
    }
    result
}

/// The new id of a connection that stays reserved, or 0. With a tablet that is gone the transaction is, too.
async fn rollback_call(
    gateway: &Gateway,
    session: &Session,
    part: &ShardSession,
    span: Option<SpanContext>,
) -> Result<i64> {
    let Ok(tablet) = gateway.tablet(&part.alias) else { return Ok(0) };
    let _under_way = tablet.load.begin();
    let (effective_caller_id, immediate_caller_id) = callers(session);
    let request = q::RollbackRequest {
        effective_caller_id,
        immediate_caller_id,
        target: Some((&part.target).into()),
        transaction_id: part.transaction_id,
    };
    let service = Service::of(&tablet, span);
    match tokio::time::timeout(CLEAN_UP_LIMIT, service.rollback(request)).await {
        Ok(answer) => Ok(answer?.reserved_id),
        Err(_) => {
            let limit = format!("no answer within {CLEAN_UP_LIMIT:?}");
            Err(Error::new(Condition::Timeout, limit))
        }
    }
}

/// A reserved connection outlives its transaction under a new id.
fn keep_reserved(session: &mut Session, (order, part): (CommitOrder, &ShardSession), reserved_id: i64) {
    if reserved_id != 0 {
        let held = session.part_mut(order);
        held.push(ShardSession { transaction_id: 0, reserved_id, wrote: false, ..part.clone() });
    }
}
