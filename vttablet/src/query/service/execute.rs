//! Execute: one query, one result in memory.

use std::sync::Arc;

use mysqlwire::client::{Conn, QueryOptions};
use proto::query::{BoundQuery, ExecuteRequest, QueryResult};
use tokio::time::Instant;
use vterrors::{Code, Condition, Error, Result};

use super::QueryService;
use crate::query::{
    bind::{Escapes, Target},
    kill::{Deadline, Killer, within},
    observe::{Asked, Asker, asker},
    plan::{Kind, Plan, Sequence, Step},
    pool::Pool,
    sequence,
    tx::Held,
};

/// The text of a query and its values.
static NO_QUERY: std::sync::LazyLock<BoundQuery> = std::sync::LazyLock::new(BoundQuery::default);

impl QueryService {
    /// Runs a query alone, or on the connection of the request's transaction or reservation.
    pub async fn execute(&self, request: &ExecuteRequest) -> Result<QueryResult> {
        let id = session_id(request.transaction_id, request.reserved_id)?;
        let admitted = self.serving.admit(request.target.as_ref(), id != 0)?;
        let started = Instant::now();
        let query = request.query.as_ref().unwrap_or(&NO_QUERY);
        let observed = self.observer.observe(|| Asker {
            transaction_id: request.transaction_id,
            reserved_id: request.reserved_id,
            ..asker!("Execute", request)
        });
        let asked = Asked { query, options: request.options.as_ref(), observed: observed.as_deref() };
        let result = self.run(asked, id).await.map_err(translate);
        self.counts.done(started, result.as_ref().map_or(0, |r| r.rows.len()), &result);
        if let Some(observed) = observed {
            observed.finish(&self.observer, Some(query), (&result).into(), &result);
        }
        drop(admitted);
        result
    }

    /// Runs a query that was let in already; `id` 0 is none.
    pub(super) async fn run(&self, asked: Asked<'_>, id: i64) -> Result<QueryResult> {
        let plan = self.plans.get(&asked.query.sql);
        let mut result = match id {
            0 => self.run_alone(&plan, asked).await,
            id => self.run_in_session(&plan, asked, id).await,
        }?;
        self.rename_database(&mut result);
        Ok(result)
    }

    async fn run_alone(&self, plan: &Plan, asked: Asked<'_>) -> Result<QueryResult> {
        let options = asked.options;
        match &plan.kind {
            Kind::Select | Kind::Show | Kind::OtherRead => self.run_on(&self.oltp, plan, asked).await,
            Kind::Insert | Kind::Update | Kind::Delete | Kind::OtherAdmin | Kind::Load => {
                self.run_on(self.tx.pool(options), plan, asked).await
            }
            Kind::NextVal(sequence) => self.next_value(sequence, asked.query).await,
            Kind::Ddl => {
                let result = self.run_on(self.tx.pool(options), plan, asked).await;
                self.schema_changed.notify_one();
                result
            }
            // What they change is the session; this one is not the caller's, and is closed after it.
            Kind::Set | Kind::CallProc => {
                let mut lent = self.oltp.get_for_query().await?;
                lent.spoil();
                let (killer, deadline) = (lent.killer().clone(), self.deadline(options));
                self.run_with(&mut lent, &killer, plan, asked, deadline).await
            }
            Kind::Savepoint | Kind::Transaction | Kind::Lock | Kind::Temporary => Err(Error::new(
                Condition::FailedPrecondition,
                format!(
                    "{}: not allowed outside of a transaction or a reserved connection",
                    plan.kind.name()
                ),
            )),
            Kind::Empty => Err(Error::mysql(1065, *b"42000", "Query was empty")),
        }
    }

    async fn run_on(&self, pool: &Pool, plan: &Plan, asked: Asked<'_>) -> Result<QueryResult> {
        let began = asked.begins();
        let lent = pool.get_for_query().await;
        asked.waited(began);
        let mut lent = lent?;
        let deadline = self.deadline(asked.options);
        let killer = lent.killer().clone();
        self.run_with(&mut lent, &killer, plan, asked, deadline).await
    }

    async fn run_in_session(&self, plan: &Plan, asked: Asked<'_>, id: i64) -> Result<QueryResult> {
        if let Kind::NextVal(sequence) = &plan.kind {
            return self.next_value(sequence, asked.query).await;
        }
        if plan.kind == Kind::Transaction {
            return Err(Error::new(
                Condition::FailedPrecondition,
                "BEGIN, COMMIT and ROLLBACK have calls of their own and are not allowed as a query's text",
            ));
        }
        let mut held: Held = self.tx.hold(id, "for query")?;
        let deadline = Deadline::earlier(self.deadline(asked.options), held.deadline());
        let killer = held.killer();
        let result = self.run_with(held.conn(), &killer, plan, asked, deadline).await;
        let ended_by_server = held.in_transaction() && !held.is_reserved() && lost_transaction(&result);
        if ended_by_server {
            held.close("mysqld ended the transaction");
        }
        if plan.kind == Kind::Ddl {
            self.schema_changed.notify_one();
        }
        result
    }

    /// The statement itself, under its deadline.
    pub(super) async fn run_with(
        &self,
        conn: &mut Conn,
        killer: &Killer,
        plan: &Plan,
        asked: Asked<'_>,
        deadline: Option<Deadline>,
    ) -> Result<QueryResult> {
        let sql = self.text(conn, plan, asked.query)?;
        let wanted = self.query_options(asked.options);
        let id = conn.connection_id();
        let fetch_id = asked.options.is_some_and(|o| o.fetch_last_insert_id);
        let work = async {
            let mut result = conn.query(&sql, &wanted).await?;
            if fetch_id && !result.insert_id_changed {
                fetch_last_insert_id(conn, &mut result).await?;
            }
            Ok(result)
        };
        let began = asked.begins();
        let result = within(deadline, killer, id, work).await;
        asked.answered(began);
        result
    }

    /// The text of a query for the session of `conn`.
    pub(super) fn text(&self, conn: &Conn, plan: &Plan, query: &BoundQuery) -> Result<Vec<u8>> {
        let escapes = match conn.no_backslash_escapes() {
            true => Escapes::QuotesOnly,
            false => Escapes::Backslash,
        };
        plan.render(&query.bind_variables, Target { db_name: &self.db_name, escapes })
    }

    async fn next_value(&self, sequence: &Sequence, query: &BoundQuery) -> Result<QueryResult> {
        let count = match &sequence.step {
            Step::Number(n) => *n,
            Step::Bind(name) => query
                .bind_variables
                .get(name)
                .ok_or_else(|| Error::invalid(format!("missing bind var {name}")))
                .and_then(|v| {
                    let text = std::str::from_utf8(&v.value).ok().and_then(|t| t.parse().ok());
                    text.ok_or_else(|| Error::invalid(format!("bind variable {name}: not an integer")))
                })?,
        };
        let first = self.sequences.next(self.tx.pool(None), &sequence.table, count).await?;
        Ok(sequence::result(first))
    }

    /// Clients know the keyspace, not the tablet's database.
    pub(super) fn rename_database(&self, result: &mut QueryResult) {
        for field in &mut result.fields {
            if field.database == self.db_name {
                field.database.clone_from(&self.keyspace);
            }
        }
    }

    /// The plan of a text.
    pub(super) fn plan(&self, sql: &str) -> Arc<Plan> {
        self.plans.get(sql)
    }
}

/// `SELECT LAST_INSERT_ID(x)` sets an id that only the session knows.
async fn fetch_last_insert_id(conn: &mut Conn, result: &mut QueryResult) -> Result<()> {
    let wanted = QueryOptions { max_rows: 1, ..QueryOptions::default() };
    let answer = conn.query(b"select last_insert_id()", &wanted).await?;
    let id = answer
        .rows
        .first()
        .and_then(|row| sqltypes::value_at(row, 0).flatten())
        .and_then(|v| std::str::from_utf8(v).ok()?.parse::<u64>().ok());
    if let Some(id) = id.filter(|id| *id != 0) {
        (result.insert_id, result.insert_id_changed) = (id, true);
    }
    Ok(())
}

/// A deadlock rolls the whole transaction back.
fn lost_transaction(result: &Result<QueryResult>) -> bool {
    result.as_ref().is_err_and(|e| e.errno() == 1213)
}

/// The connection that a request names; both ids name the same one when both are given.
pub(super) fn session_id(transaction_id: i64, reserved_id: i64) -> Result<i64> {
    match (transaction_id, reserved_id) {
        (0, id) | (id, 0) => Ok(id),
        (a, b) if a == b => Ok(a),
        (a, b) => Err(Error::invalid(format!("transaction_id {a} and reserved_id {b} must be the same"))),
    }
}

/// mysqld is read-only (1290, 1836): this tablet is not, or no longer, the primary, and callers should
/// treat it like one that does not serve.
pub(super) fn translate(e: Error) -> Error {
    let read_only = e.errno() == 1836 || (e.errno() == 1290 && e.message().contains("read-only"));
    if e.condition() == Condition::Mysql && read_only {
        return Error::from_wire(Code::ClusterEvent, e.wire_message());
    }
    e
}
