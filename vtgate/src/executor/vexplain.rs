//! VEXPLAIN: how vtgate answers a statement. `PLAN` only plans it; `QUERIES` and `TRACE` run it, its rows
//! are thrown away, and tell what was sent where.

use async_trait::async_trait;
use planner::Normalized;
use sqlast::ast::{Vexplain, VexplainKind};
use sqltypes::{Field, Row, Type};
use vterrors::{Error, Result};

use super::{Executor, Outcome, Sink, binds, sink::give};
use crate::{schema::Layout, session::Session};

/// A statement that went to a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    pub keyspace: String,
    pub shard: String,
    pub tablet_type: String,
    /// With bind variables, as tablets get it.
    pub sql: String,
    /// None for a stream, whose rows are counted where they are merged.
    pub rows: Option<u64>,
    /// From sending it to its answer (to the first rows of a stream).
    pub microseconds: u64,
}

/// More statements than this are counted, not kept.
const MAX_TRACED: usize = 10_000;

/// What a session that traces has seen.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub queries: Vec<Traced>,
    pub left_out: usize,
}

impl Trace {
    pub fn add(&mut self, query: Traced) {
        if self.queries.len() < MAX_TRACED {
            self.queries.push(query);
        } else {
            self.left_out += 1;
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
        let plan = planner::plan(&normalized, &self.plan_context(session, layout))?;
        let shown = serde_json::to_value(&plan).map_err(|e| Error::internal(e.to_string()))?;
        match vexplain.kind {
            VexplainKind::Plan => json(sink, &shown).await,
            VexplainKind::Queries | VexplainKind::Trace => {
                session.trace = Some(Trace::default());
                let values = binds::of_normalized(&normalized.values);
                let mut nothing = Counted::default();
                let result = self.run_plan(session, layout, &plan, &sql, values, &mut nothing).await;
                let trace = session.trace.take().unwrap_or_default();
                result?;
                match vexplain.kind {
                    VexplainKind::Queries => queries(sink, &trace).await,
                    _ => {
                        let mut shown = shown;
                        if let Some(object) = shown.as_object_mut() {
                            object.insert("rows_returned".to_owned(), nothing.rows.into());
                            object.insert("queries".to_owned(), trace.queries.iter().map(traced).collect());
                            object.insert("queries_left_out".to_owned(), trace.left_out.into());
                        }
                        json(sink, &shown).await
                    }
                }
            }
            VexplainKind::All => Err(Error::unsupported("not supported yet: VEXPLAIN ALL")),
            VexplainKind::Keys => Err(Error::unsupported("not supported yet: VEXPLAIN KEYS")),
        }
    }
}

fn traced(query: &Traced) -> serde_json::Value {
    serde_json::json!({
        "keyspace": query.keyspace,
        "shard": query.shard,
        "tablet_type": query.tablet_type,
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
    let row = |(at, q): (usize, &Traced)| {
        sqltypes::row_of([
            Some(at.to_string()),
            Some(q.keyspace.clone()),
            Some(q.shard.clone()),
            Some(q.sql.clone()),
        ])
    };
    give(sink, fields, trace.queries.iter().enumerate().map(row).collect()).await
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
