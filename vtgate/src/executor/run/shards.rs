//! Statements on several shards at once.

use std::{sync::Arc, time::Instant};

use planner::LIST_VALUES;
use proto::query::QueryResult;
use sqltypes::{BindValue, BindVars, Field};
use vschema::ShardTable;
use vterrors::{Error, Result};

use super::{Run, resolve::Destination};
use crate::{
    executor::{Traced, binds},
    tx::{self, Answer, ShardCall, ShardQuery, Work},
};

/// Queries that are sent together, as VEXPLAIN tells of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub number: usize,
    started: Instant,
}

impl Call {
    pub(super) fn microseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Run<'_> {
    /// The queries of a text for its shards; each gets the bind variables that the text names, and its own
    /// part of an IN list.
    pub(super) fn queries(
        &self,
        keyspace: &str,
        shards: &ShardTable,
        destinations: &[Destination],
        sql: &str,
        more: &BindVars,
    ) -> Vec<ShardQuery> {
        let text = super::shared_text(sql);
        let mut named = binds::used(sql, &self.binds);
        named.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
        let named = Arc::new(named);
        let query = |d: &Destination| {
            let binds = match &d.list {
                None => named.clone(),
                Some(list) => {
                    let mut own = (*named).clone();
                    own.insert(LIST_VALUES.to_owned(), BindValue::List(list.clone()).into());
                    Arc::new(own)
                }
            };
            let target = self.target(keyspace, &shards.all()[d.shard].name);
            ShardQuery { target, sql: text.clone(), binds }
        };
        destinations.iter().map(query).collect()
    }

    /// Runs the queries at the same time and takes all their results, in their order. The session holds
    /// what they left open, whether they succeeded or not; the first error counts.
    pub(super) async fn execute_all(
        &mut self,
        queries: &[ShardQuery],
        in_transaction: bool,
        work: Work,
    ) -> Result<Vec<QueryResult>> {
        self.check_transaction_mode(queries, in_transaction)?;
        let started = self.trace_call();
        let answers: Vec<Answer<QueryResult>> = {
            let call = ShardCall {
                gateway: &self.executor.gateway,
                session: self.session,
                in_transaction,
                work,
                span: None,
            };
            match queries {
                [one] => vec![call.execute(one).await],
                many => futures::future::join_all(many.iter().map(|q| call.execute(q))).await,
            }
        };
        if let Some(started) = started {
            let rows = |a: &Answer<QueryResult>| a.result.as_ref().ok().map(|r| r.rows.len() as u64);
            for (query, answer) in queries.iter().zip(&answers) {
                self.traced(query, rows(answer), started);
            }
        }
        let mut results = Vec::with_capacity(answers.len());
        let mut fault = None;
        for (query, answer) in queries.iter().zip(answers) {
            if let Some(held) = answer.held {
                self.session.hold(held);
            }
            match answer.result {
                Ok(result) => results.push(result),
                Err(e) => fault = fault.or(Some((query, e))),
            }
        }
        match fault {
            None => Ok(results),
            Some((query, e)) => Err(self.shard_error(query, e).await),
        }
    }

    /// A VEXPLAIN notes what is sent now; none where nobody asked.
    pub(super) fn trace_call(&mut self) -> Option<Call> {
        let number = self.session.trace.as_mut()?.next_call();
        Some(Call { number, started: Instant::now() })
    }

    /// Notes for VEXPLAIN what went to a shard.
    pub(super) fn traced(&mut self, query: &ShardQuery, rows: Option<u64>, call: Call) {
        let Some(trace) = &mut self.session.trace else { return };
        trace.add(Traced {
            call: call.number,
            target: query.target.clone(),
            sql: query.sql.to_string(),
            binds: query.binds.clone(),
            rows,
            microseconds: call.microseconds(),
            on_site: false,
        });
    }

    /// What a failed statement means for the session. After a deadlock mysqld has rolled its part back: the
    /// other parts follow, and the session is out of the transaction, as with one MySQL. A part that a
    /// tablet ended otherwise stays noted, so that nothing more is done in half a transaction until the
    /// client ends it.
    async fn shard_error(&mut self, query: &ShardQuery, e: Error) -> Error {
        const DEADLOCK: u16 = 1213;
        if e.errno() == DEADLOCK && self.session.in_transaction {
            self.session.shards.retain(|s| s.target != query.target || s.reserved_id != 0);
            tx::rollback(&self.executor.gateway, self.session).await;
        }
        e
    }

    /// `--transaction-mode SINGLE`: a transaction stays on its first shard.
    fn check_transaction_mode(&self, queries: &[ShardQuery], in_transaction: bool) -> Result<()> {
        if !in_transaction || !self.executor.config.single_shard_transactions {
            return Ok(());
        }
        let open = self.session.shards.iter().filter(|s| s.transaction_id != 0).map(|s| &s.target);
        let mut targets: Vec<_> = open.chain(queries.iter().map(|q| &q.target)).collect();
        targets.dedup();
        targets.sort_by_key(|t| t.to_string());
        targets.dedup();
        if targets.len() > 1 {
            let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
            return Err(Error::new(
                vterrors::Condition::Unsupported,
                format!("multi-db transaction attempted: {}", names.join(", ")),
            ));
        }
        Ok(())
    }

    /// Runs writes on several shards as one: outside of a transaction they get one of their own.
    pub(super) async fn write_all(&mut self, queries: &[ShardQuery]) -> Result<Vec<QueryResult>> {
        if queries.len() <= 1 {
            let in_transaction = self.session.in_transaction;
            return self.execute_all(queries, in_transaction, Work::Write).await;
        }
        let undo = self.begin_atomic().await?;
        let results = self.execute_all(queries, true, Work::Write).await;
        self.end_atomic(undo, results).await
    }

    /// Fields as clients see them: the database is the keyspace, not the tablet's database.
    pub(super) fn client_fields(&self, keyspace: &str, mut fields: Vec<Field>) -> Vec<Field> {
        fields
            .iter_mut()
            .filter(|f| vtmodel::is_default_db_name(&f.database, keyspace))
            .for_each(|f| f.database = keyspace.to_owned());
        fields
    }
}
