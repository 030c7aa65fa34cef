//! One statement on one shard, on the right connection of the right tablet.
//!
//! | session holds | in a transaction | settings | call |
//! |---|---|---|---|
//! | nothing | no | no | Execute, on any serving tablet |
//! | nothing | yes | no | BeginExecute |
//! | nothing | no | yes | ReserveExecute |
//! | nothing | yes | yes | ReserveBeginExecute |
//! | a reserved connection | yes | yes | BeginExecute on it |
//! | a transaction | yes | new | ReserveExecute on it |
//! | what is needed | | | Execute with its ids |

use std::sync::Arc;

use discovery::TabletHealth;
use futures::StreamExt;
use proto::query as q;
use sqltypes::BindVars;
use tabletclient::RowStream;
use tracer::SpanContext;
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletAlias, Target};

use super::callers;
use crate::{
    gateway::Gateway,
    observe::{Observed, OpenCall, Service},
    session::{Session, ShardSession},
};

/// What a message has beside the text and the values of a query.
const OVERHEAD_BYTES: usize = 64 << 10;

/// A statement for one shard.
#[derive(Debug, Clone)]
pub struct ShardQuery {
    pub target: Target,
    pub sql: Arc<str>,
    pub binds: Arc<BindVars>,
}

impl ShardQuery {
    /// Bytes of text and values.
    fn size(&self) -> usize {
        let values =
            |v: &q::BindVariable| v.value.len() + v.values.iter().map(|v| v.value.len()).sum::<usize>();
        self.sql.len() + self.binds.values().map(values).sum::<usize>()
    }

    /// Refuses what no gRPC message holds, before anything is sent.
    fn check_size(&self) -> Result<()> {
        let bytes = self.size();
        if bytes + OVERHEAD_BYTES <= rpc::MAX_MESSAGE_BYTES {
            return Ok(());
        }
        Err(Error::new(
            Condition::PacketTooLarge,
            format!(
                "a query of {bytes} bytes for {}: the limit of a gRPC message is {} bytes",
                self.target,
                rpc::MAX_MESSAGE_BYTES
            ),
        ))
    }

    fn bound(&self) -> Option<q::BoundQuery> {
        Some(q::BoundQuery { sql: self.sql.to_string(), bind_variables: (*self.binds).clone() })
    }
}

/// Whether a statement may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Read,
    Write,
}

/// The session as a call sees it; several calls may run at once, the session takes in their answers after.
#[derive(Clone, Copy)]
pub struct ShardCall<'a> {
    pub gateway: &'a Gateway,
    pub session: &'a Session,
    /// Whether the statement is part of a transaction (the session's, or one made for it alone).
    pub in_transaction: bool,
    pub work: Work,
    /// The call's span, where it is traced.
    pub span: Option<SpanContext>,
}

impl<'a> ShardCall<'a> {
    /// A read outside of any transaction, of which no trace is kept.
    pub fn reading(gateway: &'a Gateway, session: &'a Session) -> Self {
        Self { gateway, session, in_transaction: false, work: Work::Read, span: None }
    }
}

/// What a call gives: the answer, and the connection that the session holds since. Both may be there: a
/// statement that fails leaves its transaction open.
pub struct Answer<T> {
    pub held: Option<ShardSession>,
    pub result: Result<T>,
}

impl<T> Answer<T> {
    fn failed(e: Error) -> Self {
        Self { held: None, result: Err(e) }
    }
}

impl ShardCall<'_> {
    /// Runs a statement and waits for its whole result.
    pub async fn execute(&self, query: &ShardQuery) -> Answer<q::QueryResult> {
        match &self.session.observed {
            None => self.send(query).await,
            Some(observed) => Box::pin(self.send_observed(observed, query)).await,
        }
    }

    async fn send_observed(&self, observed: &Observed, query: &ShardQuery) -> Answer<q::QueryResult> {
        observed.calls(&query.target);
        let span = observed.open_span();
        let call = ShardCall { span: span.map(|s| s.context), ..*self };
        let answer = call.send(query).await;
        if let Some(span) = span {
            let rows = answer.result.as_ref().map(|r| r.rows.len() as u64);
            observed.close_call(span, call_name(&query.sql), &query.target, rows);
        }
        answer
    }

    async fn send(&self, query: &ShardQuery) -> Answer<q::QueryResult> {
        if let Err(e) = query.check_size() {
            return Answer::failed(e);
        }
        let held = self.session.shard(&query.target);
        // The tablet of a reserved connection without transaction may be gone: a new one is reserved.
        let held = held.filter(|h| h.transaction_id != 0 || self.gateway.tablet(&h.alias).is_ok());
        match held {
            Some(h) if self.in_transaction && h.transaction_id == 0 => {
                Box::pin(self.begin_on(h, query)).await
            }
            Some(h) if self.session.needs_reserved() && h.reserved_id == 0 => {
                Box::pin(self.reserve_on(h, query)).await
            }
            Some(h) => self.execute_on(h, query).await,
            None if self.in_transaction => Box::pin(self.begin_somewhere(query)).await,
            None if self.session.needs_reserved() => Box::pin(self.reserve_somewhere(query)).await,
            None => self.execute_anywhere(query).await,
        }
    }

    /// Opens a stream of a statement's rows on the connection that the session holds of the shard (see
    /// [`ShardCall::prepare_stream`]), or on any serving tablet.
    pub async fn stream(&self, query: &ShardQuery) -> Result<RowStream<q::StreamExecuteResponse>> {
        match &self.session.observed {
            None => self.open_stream(query).await,
            Some(observed) => Box::pin(self.stream_observed(observed, query)).await,
        }
    }

    /// The call's span lasts as long as the stream.
    async fn stream_observed(
        &self,
        observed: &Arc<Observed>,
        query: &ShardQuery,
    ) -> Result<RowStream<q::StreamExecuteResponse>> {
        observed.calls(&query.target);
        let Some(span) = observed.open_span() else { return self.open_stream(query).await };
        let call = ShardCall { span: Some(span.context), ..*self };
        match call.open_stream(query).await {
            Ok(stream) => {
                let mut open = OpenCall::new(observed, span, &query.target);
                Ok(Box::pin(stream.inspect(move |item| open.next(item))))
            }
            Err(e) => {
                observed.close_call(span, "shard call", &query.target, Err(&e));
                Err(e)
            }
        }
    }

    async fn open_stream(&self, query: &ShardQuery) -> Result<RowStream<q::StreamExecuteResponse>> {
        query.check_size()?;
        let request = |ids: (i64, i64)| {
            let (effective_caller_id, immediate_caller_id) = callers(self.session);
            q::StreamExecuteRequest {
                effective_caller_id,
                immediate_caller_id,
                target: Some((&query.target).into()),
                query: query.bound(),
                options: Some(self.session.execute_options()),
                transaction_id: ids.0,
                reserved_id: ids.1,
            }
        };
        if let Some(h) = self.session.shard(&query.target) {
            let tablet = self.gateway.tablet(&h.alias)?;
            let _under_way = tablet.load.begin();
            return self.service(&tablet).stream_execute(request((h.transaction_id, h.reserved_id))).await;
        }
        let request = &request;
        self.gateway
            .run(
                &query.target,
                || query.size(),
                |t| async move { self.service(&t).stream_execute(request((0, 0))).await },
            )
            .await
    }

    /// Whether a stream to this shard needs a connection that the session does not hold yet. Then a
    /// harmless statement brings it about.
    pub fn prepare_stream(&self, target: &Target) -> Option<ShardQuery> {
        let held = self.session.shard(target);
        let lacks_transaction = self.in_transaction && held.is_none_or(|h| h.transaction_id == 0);
        let lacks_settings = self.session.needs_reserved() && held.is_none_or(|h| h.reserved_id == 0);
        (lacks_transaction || lacks_settings).then(|| ShardQuery {
            target: target.clone(),
            sql: "select 1 from dual".into(),
            binds: Arc::default(),
        })
    }

    /// The tablet's service, by which this call is made.
    fn service<'t>(&self, tablet: &'t TabletHealth) -> Service<'t> {
        Service::of(tablet, self.span)
    }

    fn held(
        &self,
        query: &ShardQuery,
        alias: TabletAlias,
        transaction_id: i64,
        reserved_id: i64,
    ) -> ShardSession {
        let wrote = self.work == Work::Write && transaction_id != 0;
        ShardSession { target: query.target.clone(), alias, transaction_id, reserved_id, wrote }
    }

    /// On any tablet that serves the target, on a connection of the tablet's choice.
    pub async fn execute_anywhere(&self, query: &ShardQuery) -> Answer<q::QueryResult> {
        let call = |t: Arc<TabletHealth>| async move {
            let answer = self.service(&t).execute(self.execute_request(query, 0, 0)).await?;
            Ok(answer.result.unwrap_or_default())
        };
        let result = self.gateway.run(&query.target, || query.size(), call).await;
        Answer { held: None, result }
    }

    /// On the connection that the session holds.
    pub async fn execute_on(&self, h: &ShardSession, query: &ShardQuery) -> Answer<q::QueryResult> {
        let tablet = match self.gateway.tablet(&h.alias) {
            Ok(tablet) => tablet,
            Err(e) => {
                if h.transaction_id != 0 {
                    self.gateway.note_of_transaction(&e);
                }
                return Answer::failed(e);
            }
        };
        let _under_way = tablet.load.begin();
        let answer =
            self.service(&tablet).execute(self.execute_request(query, h.transaction_id, h.reserved_id)).await;
        let held = self.held(query, h.alias.clone(), h.transaction_id, h.reserved_id);
        if let Err(e) = &answer
            && h.transaction_id != 0
        {
            self.gateway.note_of_transaction(e);
        }
        Answer { held: Some(held), result: answer.map(|a| a.result.unwrap_or_default()) }
    }

    fn execute_request(
        &self,
        query: &ShardQuery,
        transaction_id: i64,
        reserved_id: i64,
    ) -> q::ExecuteRequest {
        let (effective_caller_id, immediate_caller_id) = callers(self.session);
        q::ExecuteRequest {
            effective_caller_id,
            immediate_caller_id,
            target: Some((&query.target).into()),
            query: query.bound(),
            transaction_id,
            options: Some(self.session.execute_options()),
            reserved_id,
        }
    }

    async fn begin_somewhere(&self, query: &ShardQuery) -> Answer<q::QueryResult> {
        if self.session.needs_reserved() {
            let answer = self.gateway.run(
                &query.target,
                || query.size(),
                |t| async move {
                    let (effective_caller_id, immediate_caller_id) = callers(self.session);
                    let request = q::ReserveBeginExecuteRequest {
                        effective_caller_id,
                        immediate_caller_id,
                        target: Some((&query.target).into()),
                        query: query.bound(),
                        options: Some(self.session.execute_options()),
                        pre_queries: self.settings(),
                        post_begin_queries: self.savepoints(),
                    };
                    let a = self.service(&t).reserve_begin_execute(request).await?;
                    // An error without ids: nothing is held, and the tablet may have refused to serve.
                    in_band(&a.error, a.transaction_id != 0 || a.reserved_id != 0)?;
                    Ok((t.alias.clone(), a))
                },
            );
            return match answer.await {
                Ok((alias, a)) => Answer {
                    held: Some(self.held(query, alias, a.transaction_id, a.reserved_id)),
                    result: in_band_result(a.error, a.result),
                },
                Err(e) => Answer::failed(e),
            };
        }
        if !self.session.savepoints.is_empty() {
            return self.begin_then_savepoints(query).await;
        }
        let answer = self.gateway.run(
            &query.target,
            || query.size(),
            |t| async move {
                let a = self.service(&t).begin_execute(self.begin_execute_request(query, 0)).await?;
                in_band(&a.error, a.transaction_id != 0)?;
                Ok((t.alias.clone(), a))
            },
        );
        match answer.await {
            Ok((alias, a)) => Answer {
                held: Some(self.held(query, alias, a.transaction_id, 0)),
                result: in_band_result(a.error, a.result),
            },
            Err(e) => Answer::failed(e),
        }
    }

    /// A shard that joins late gets the transaction's savepoints, so that a rollback to one reaches it.
    async fn begin_then_savepoints(&self, query: &ShardQuery) -> Answer<q::QueryResult> {
        let begun = self.gateway.run(
            &query.target,
            || query.size(),
            |t| async move {
                let (effective_caller_id, immediate_caller_id) = callers(self.session);
                let request = q::BeginRequest {
                    effective_caller_id,
                    immediate_caller_id,
                    target: Some((&query.target).into()),
                    options: Some(self.session.execute_options()),
                };
                let a = self.service(&t).begin(request).await?;
                Ok((t.alias.clone(), a.transaction_id))
            },
        );
        let held = match begun.await {
            Ok((alias, id)) => self.held(query, alias, id, 0),
            Err(e) => return Answer::failed(e),
        };
        for sql in self.savepoints() {
            let savepoint =
                ShardQuery { target: query.target.clone(), sql: sql.into(), binds: Arc::default() };
            if let Err(e) = self.execute_on(&held, &savepoint).await.result {
                return Answer { held: Some(held), result: Err(e) };
            }
        }
        self.execute_on(&held, query).await
    }

    async fn begin_on(&self, h: &ShardSession, query: &ShardQuery) -> Answer<q::QueryResult> {
        let tablet = match self.gateway.tablet(&h.alias) {
            Ok(tablet) => tablet,
            Err(e) => return Answer::failed(e),
        };
        let _under_way = tablet.load.begin();
        match self.service(&tablet).begin_execute(self.begin_execute_request(query, h.reserved_id)).await {
            Ok(a) => Answer {
                held: Some(self.held(query, h.alias.clone(), a.transaction_id, h.reserved_id)),
                result: in_band_result(a.error, a.result),
            },
            Err(e) => Answer::failed(e),
        }
    }

    fn begin_execute_request(&self, query: &ShardQuery, reserved_id: i64) -> q::BeginExecuteRequest {
        let (effective_caller_id, immediate_caller_id) = callers(self.session);
        q::BeginExecuteRequest {
            effective_caller_id,
            immediate_caller_id,
            target: Some((&query.target).into()),
            query: query.bound(),
            options: Some(self.session.execute_options()),
            reserved_id,
            pre_queries: Vec::new(),
        }
    }

    /// On a connection that is the session's from then on.
    pub async fn reserve_somewhere(&self, query: &ShardQuery) -> Answer<q::QueryResult> {
        let answer = self.gateway.run(
            &query.target,
            || query.size(),
            |t| async move {
                let a = self.service(&t).reserve_execute(self.reserve_request(query, 0)).await?;
                in_band(&a.error, a.reserved_id != 0)?;
                Ok((t.alias.clone(), a))
            },
        );
        match answer.await {
            Ok((alias, a)) => Answer {
                held: Some(self.held(query, alias, 0, a.reserved_id)),
                result: in_band_result(a.error, a.result),
            },
            Err(e) => Answer::failed(e),
        }
    }

    async fn reserve_on(&self, h: &ShardSession, query: &ShardQuery) -> Answer<q::QueryResult> {
        let tablet = match self.gateway.tablet(&h.alias) {
            Ok(tablet) => tablet,
            Err(e) => return Answer::failed(e),
        };
        let _under_way = tablet.load.begin();
        match self.service(&tablet).reserve_execute(self.reserve_request(query, h.transaction_id)).await {
            // The reserved connection carries the transaction on under its own id.
            Ok(a) => Answer {
                held: Some(self.held(query, h.alias.clone(), h.transaction_id, a.reserved_id)),
                result: in_band_result(a.error, a.result),
            },
            Err(e) => Answer::failed(e),
        }
    }

    fn reserve_request(&self, query: &ShardQuery, transaction_id: i64) -> q::ReserveExecuteRequest {
        let (effective_caller_id, immediate_caller_id) = callers(self.session);
        q::ReserveExecuteRequest {
            effective_caller_id,
            immediate_caller_id,
            target: Some((&query.target).into()),
            query: query.bound(),
            transaction_id,
            options: Some(self.session.execute_options()),
            pre_queries: self.settings(),
        }
    }

    fn settings(&self) -> Vec<String> {
        self.session.system_variables.iter().map(|(name, value)| format!("set {name} = {value}")).collect()
    }

    fn savepoints(&self) -> Vec<String> {
        self.session.savepoints.iter().map(|s| format!("savepoint `{}`", s.name.replace('`', "``"))).collect()
    }
}

/// What the span of a statement's call is called. Savepoints' texts are written by vtgate itself, for the client's
/// savepoints and for its own.
fn call_name(sql: &str) -> &'static str {
    match sql.split_once(' ') {
        Some(("savepoint", _)) => "savepoint",
        Some(("rollback", rest)) if rest.starts_with("to ") => "rollback to savepoint",
        Some(("release", rest)) if rest.starts_with("savepoint ") => "release savepoint",
        _ => "shard call",
    }
}

/// An in-band error without anything held is an error of the call itself, which may be tried elsewhere.
fn in_band(error: &Option<proto::vtrpc::RpcError>, holds: bool) -> Result<()> {
    match error {
        Some(e) if !holds => Err(e.clone().into()),
        _ => Ok(()),
    }
}

fn in_band_result(
    error: Option<proto::vtrpc::RpcError>,
    result: Option<q::QueryResult>,
) -> Result<q::QueryResult> {
    match error {
        Some(e) => Err(e.into()),
        None => Ok(result.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savepoints_are_told_from_other_calls() {
        let names = [
            ("savepoint `a`", "savepoint"),
            ("rollback to `a`", "rollback to savepoint"),
            ("release savepoint `a`", "release savepoint"),
            ("select savepoint from t", "shard call"),
            ("rollback", "shard call"),
        ];
        for (sql, name) in names {
            assert_eq!(call_name(sql), name, "{sql}");
        }
    }
}
