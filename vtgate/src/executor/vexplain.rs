//! VEXPLAIN: how vtgate answers a statement. `PLAN` only plans it, and `KEYS` only reads it; `QUERIES`, `TRACE`
//! and `ALL` run it, its rows are thrown away, and tell what was sent where. `ALL` also asks the mysqlds how
//! they carried it out.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use planner::Normalized;
use sqlast::ast::{Vexplain, VexplainKind};
use sqltypes::{BindVars, Field, Row, Type};
use vterrors::{Error, Result};
use vtmodel::Target;

use super::{Executor, Outcome, Sink, binds, sink::give};
use crate::{
    schema::Layout,
    session::Session,
    tx::{ShardCall, ShardQuery},
};

/// A statement that went to a shard.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// Those that were sent together have one number.
    pub call: usize,
    pub target: Target,
    /// With bind variables, as tablets get it.
    pub sql: String,
    pub binds: Arc<BindVars>,
    /// The rows that came, or that went along with it; none where nobody counts them.
    pub rows: Option<u64>,
    /// From sending it to its answer (to the first rows of a stream).
    pub microseconds: u64,
    /// It is about temporary tables of one connection: no other connection can explain it.
    pub on_site: bool,
}

/// More statements than this are counted, not kept.
const MAX_TRACED: usize = 10_000;

/// Of so many statements at most mysqlds are asked how they would carry them out.
const MAX_EXPLAINED: usize = 100;

/// What a session that traces has seen.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub queries: Vec<Traced>,
    pub left_out: usize,
    calls: usize,
}

impl Trace {
    /// The number of the statements that are sent now.
    pub fn next_call(&mut self) -> usize {
        self.calls += 1;
        self.calls - 1
    }

    pub fn add(&mut self, query: Traced) {
        if self.queries.len() < MAX_TRACED {
            self.queries.push(query);
        } else {
            self.left_out += 1;
        }
    }

    /// Notes how many rows came for the query of a call to a shard.
    pub fn set_rows(&mut self, call: usize, target: &Target, rows: u64) {
        let query = self.queries.iter_mut().rev().find(|q| q.call == call && q.target == *target);
        if let Some(query) = query {
            query.rows = Some(rows);
        }
    }
}

impl Executor {
    pub(super) async fn vexplain(
        &self,
        session: &mut Session,
        layout: &Layout,
        vexplain: &Vexplain,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let sql = sqlast::to_sql(&vexplain.statement);
        let options = self.parse_options(session);
        let normalized = Normalized::parse(&sql, &options)?;
        if !planner::is_planned(&normalized.statement) {
            return Err(Error::unsupported("VEXPLAIN of a statement that the session carries out"));
        }
        if vexplain.kind == VexplainKind::Keys {
            let keys = planner::keys(&vexplain.statement, &self.plan_context(session, layout))?;
            return json(sink, &serde_json::to_value(&keys).map_err(not_json)?).await;
        }
        let plan = planner::plan(&normalized, &self.plan_context(session, layout))?;
        let plan_json = serde_json::to_value(&plan).map_err(not_json)?;
        if vexplain.kind == VexplainKind::Plan {
            return json(sink, &plan_json).await;
        }
        if let Some(observed) = &session.observed {
            observed.uses(&plan.tables_used);
        }
        session.trace = Some(Trace::default());
        let values = binds::of_normalized(&normalized.values);
        let mut nothing = Counted::default();
        let result = self.run_plan(session, layout, &plan, &sql, values, &mut nothing).await;
        let trace = session.trace.take().unwrap_or_default();
        result?;
        if vexplain.kind == VexplainKind::Queries {
            return queries(sink, &trace).await;
        }
        let mut explained = Vec::new();
        if vexplain.kind == VexplainKind::All {
            for query in trace.queries.iter().take(MAX_EXPLAINED) {
                explained.push(self.explained(session, query).await?);
            }
        }
        json(sink, &told(plan_json, &trace, explained, nothing.rows)).await
    }

    /// How a tablet's mysqld carries a statement out, in MySQL's JSON; none for those that it does not explain.
    async fn explained(&self, session: &Session, query: &Traced) -> Result<Option<serde_json::Value>> {
        use sqlast::StatementKind as K;
        let kind = sqlast::preview(query.sql.as_bytes());
        let explains = matches!(kind, K::Select | K::Insert | K::Replace | K::Update | K::Delete);
        if query.on_site || !explains || query.sql.starts_with("select next ") {
            return Ok(None);
        }
        let apart = session.apart();
        let sql = format!("explain format = json {}", query.sql).into();
        let query = ShardQuery { target: query.target.clone(), sql, binds: query.binds.clone() };
        let call = ShardCall::reading(&self.gateway, &apart);
        let result = call.execute(&query).await.result?;
        let text = result.rows.first().and_then(|row| sqltypes::value_at(row, 0).flatten());
        Ok(text.and_then(|text| serde_json::from_slice(text).ok()))
    }
}

fn not_json(e: serde_json::Error) -> Error {
    Error::internal(e.to_string())
}

/// The plan with what happened.
fn told(
    mut plan: serde_json::Value,
    trace: &Trace,
    explained: Vec<Option<serde_json::Value>>,
    rows: u64,
) -> serde_json::Value {
    let mut explained = explained.into_iter();
    let query = |query: &Traced| {
        let mut told = traced(query);
        if let (Some(object), Some(Some(how))) = (told.as_object_mut(), explained.next()) {
            object.insert("mysql_explain_json".to_owned(), how);
        }
        told
    };
    let queries: Vec<_> = trace.queries.iter().map(query).collect();
    let shards: BTreeSet<_> = trace.queries.iter().map(|q| (&q.target.keyspace, &q.target.shard)).collect();
    let moved: u64 = trace.queries.iter().filter_map(|q| q.rows).sum();
    if let Some(object) = plan.as_object_mut() {
        object.insert("rows_returned".to_owned(), rows.into());
        object.insert("shards_queried".to_owned(), shards.len().into());
        object.insert("rows_moved".to_owned(), moved.into());
        object.insert("queries".to_owned(), queries.into());
        object.insert("queries_left_out".to_owned(), trace.left_out.into());
    }
    plan
}

fn traced(query: &Traced) -> serde_json::Value {
    serde_json::json!({
        "call": query.call,
        "keyspace": query.target.keyspace,
        "shard": query.target.shard,
        "tablet_type": vtmodel::tablet_type_lower(query.target.tablet_type),
        "query": query.sql,
        "rows": query.rows,
        "microseconds": query.microseconds,
    })
}

async fn json(sink: &mut dyn Sink, value: &serde_json::Value) -> Result<Outcome> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::internal(e.to_string()))?;
    give(sink, vec![sqltypes::text_field("JSON")], vec![sqltypes::row_of([Some(text)])]).await
}

async fn queries(sink: &mut dyn Sink, trace: &Trace) -> Result<Outcome> {
    let fields = vec![
        sqltypes::int_field("#", Type::Int32),
        sqltypes::text_field("keyspace"),
        sqltypes::text_field("shard"),
        sqltypes::text_field("query"),
    ];
    let row = |q: &Traced| {
        sqltypes::row_of([
            Some(q.call.to_string()),
            Some(q.target.keyspace.clone()),
            Some(q.target.shard.clone()),
            Some(q.sql.clone()),
        ])
    };
    give(sink, fields, trace.queries.iter().map(row).collect()).await
}

/// Counts rows and forgets them.
#[derive(Default)]
struct Counted {
    rows: u64,
}

#[async_trait]
impl Sink for Counted {
    async fn fields(&mut self, _fields: Vec<Field>) -> Result<()> {
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        self.rows += rows.len() as u64;
        Ok(true)
    }
}
