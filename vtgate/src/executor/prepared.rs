//! Prepared statements, those of the protocol and those of `PREPARE name FROM`.
//!
//! Preparing parses the text, finds its parameters and asks for the columns of its result: the statement
//! itself is planned and run with `LIMIT 0` and NULL for each parameter, outside of the session's
//! transaction, so that whatever the planner can plan can be described. What was found is kept by text for
//! as long as the layout is the same, because many drivers prepare every single query.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use planner::Normalized;
use proto::topodata::TabletType;
use quick_cache::sync::Cache;
use sqlast::{
    SqlMode,
    ast::{
        Execute, Expr, Ident, Limit, Literal, Prepare, PrepareSource, Query, QueryBody, SelectItem, Statement,
    },
};
use sqltypes::{BindValue, BindVars, Field, Row};
use vterrors::{Condition, Error, Result};

use super::{Executor, Outcome, Sink};
use crate::session::{Charset, MAX_PARAMS, Prepared, Ready, Session, takes_bind_variables};

/// Prepared texts that are kept for the next session that prepares them.
const KEPT: usize = 4096;
/// Longer texts are not kept.
const MAX_KEPT_BYTES: usize = 4 << 10;
/// Most statements that a session prepares by name.
const MAX_NAMED: usize = 1024;

/// What a prepared text depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    sql: Bytes,
    keyspace: String,
    shard: Option<String>,
    tablet_type: TabletType,
    sql_mode: SqlMode,
    layout_version: u64,
}

/// Prepared texts by what they depend on; bounded.
pub struct PreparedTexts(Cache<Key, Arc<Prepared>>);

impl Default for PreparedTexts {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl Executor {
    /// Prepares one statement in the session's mode and target.
    ///
    /// Errors: MySQL's 1064 for what cannot be read, 1295 for what cannot be prepared, 1390 for too many
    /// parameters, and whatever planning says of a query.
    pub async fn prepare(&self, session: &Session, sql: &[u8]) -> Result<Arc<Prepared>> {
        let sql = super::trimmed(sql);
        let key = Key {
            sql: Bytes::copy_from_slice(sql),
            keyspace: session.target.keyspace.clone(),
            shard: session.target.shard.clone(),
            tablet_type: session.tablet_type(),
            sql_mode: session.sql_mode,
            layout_version: self.schema.layout().version,
        };
        if let Some(known) = self.prepared.0.get(&key) {
            return Ok(known);
        }
        let prepared = Arc::new(self.prepare_anew(session, key.sql.clone()).await?);
        if sql.len() <= MAX_KEPT_BYTES {
            self.prepared.0.insert(key, prepared.clone());
        }
        Ok(prepared)
    }

    async fn prepare_anew(&self, session: &Session, sql: Bytes) -> Result<Prepared> {
        let options = self.parse_options(session);
        let statement =
            sqlast::parse(&sql, &options).map_err(|e| Error::new(Condition::SyntaxError, e.to_string()))?;
        check_preparable(&statement)?;
        let places = sqlast::param_places(&sql, &options);
        if places.len() > MAX_PARAMS {
            return Err(Error::mysql(1390, *b"HY000", "Prepared statement contains too many placeholders"));
        }
        let limits = sqlast::limit_params(&statement);
        let is_bound = takes_bind_variables(&statement);
        let fields = match statement {
            Statement::Query(query) if has_columns(&query) => {
                self.describe(session, *query, &sql, places.len()).await?
            }
            _ => Vec::new(),
        };
        Ok(Prepared { sql_mode: session.sql_mode, sql, places, limits, is_bound, fields: fields.into() })
    }

    /// The columns of a query, whose rows nobody wants yet.
    async fn describe(
        &self,
        session: &Session,
        mut query: Query,
        sql: &[u8],
        params: usize,
    ) -> Result<Vec<Field>> {
        let zero = Expr::Literal(Literal::Integer("0".into()));
        query.limit = Some(Limit { count: zero, offset: None, comma: false });
        query.locks.clear();
        let mut statement = Statement::Query(Box::new(query));
        sqlast::Walk::rewrite(&mut statement, &mut InnerLimits);
        let options = self.parse_options(session);
        let normalized = Normalized::new(statement, sql, &options);
        let mut apart = session.apart();
        let layout = self.schema.layout().clone();
        let (layout, plan) = self.plan(&apart, layout, &normalized).await?;
        let mut binds = super::binds::of_normalized(&normalized.values);
        binds.extend((1..=params).map(|n| (format!("v{n}"), BindValue::NULL.into())));
        let mut sink = OnlyFields(Vec::new());
        let done = self.run_plan(&mut apart, &layout, &plan, sql, binds, &mut sink).await;
        self.close(&mut apart).await;
        done.map(|_| sink.0)
    }

    /// Executes a prepared statement. Text among the values is in `charset`.
    pub async fn execute_prepared(
        &self,
        session: &mut Session,
        prepared: &Prepared,
        values: Vec<BindValue>,
        charset: Charset,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        match prepared.with(values, charset)? {
            Ready::Text(text) => self.execute(session, &text, BindVars::new(), sink).await,
            Ready::Bound(params) => {
                // The text is read in the mode in which it was prepared.
                let mode = std::mem::replace(&mut session.sql_mode, prepared.sql_mode);
                let result = self.execute(session, &prepared.sql, params, sink).await;
                session.sql_mode = mode;
                result
            }
        }
    }

    /// `PREPARE name FROM ...`. The name is free again when the text cannot be prepared, as in MySQL.
    pub(super) async fn prepare_named(&self, session: &mut Session, prepare: &Prepare) -> Result<Outcome> {
        let name = prepare.name.to_lower();
        session.prepared.remove(&name);
        let sql = match &prepare.source {
            PrepareSource::Text(text) => text.as_bytes().to_vec(),
            PrepareSource::UserVar(variable) => match session.user_variables.get(&variable.to_lower()) {
                Some(BindValue::Scalar(ty, bytes)) if *ty != proto::query::Type::NullType => bytes.to_vec(),
                // MySQL reads NULL as a word.
                _ => b"NULL".to_vec(),
            },
        };
        let prepared = self.prepare(session, &sql).await?;
        if session.prepared.len() >= MAX_NAMED {
            return Err(too_many(MAX_NAMED));
        }
        session.prepared.insert(name, prepared);
        Ok(Outcome::default())
    }

    /// `EXECUTE name USING @a, @b`.
    pub(super) async fn execute_named(
        &self,
        session: &mut Session,
        execute: &Execute,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let prepared = session
            .prepared
            .get(&execute.name.to_lower())
            .cloned()
            .ok_or_else(|| unknown(&execute.name, "EXECUTE"))?;
        let value = |name: &Ident| session.user_variables.get(&name.to_lower()).cloned();
        let values = execute.using.iter().map(|name| value(name).unwrap_or(BindValue::NULL)).collect();
        Box::pin(self.execute_prepared(session, &prepared, values, Charset::Utf8mb4, sink)).await
    }

    pub(super) fn deallocate(&self, session: &mut Session, name: &Ident) -> Result<Outcome> {
        match session.prepared.remove(&name.to_lower()) {
            Some(_) => Ok(Outcome::default()),
            None => Err(unknown(name, "DEALLOCATE PREPARE")),
        }
    }
}

/// MySQL's error 1461 with the limit that was hit.
pub fn too_many(limit: usize) -> Error {
    Error::mysql(
        1461,
        *b"42000",
        format!("Can't create more than max_prepared_stmt_count statements (current value: {limit})"),
    )
}

fn unknown(name: &Ident, what: &str) -> Error {
    let name = name.to_string_lossy();
    Error::mysql(1243, *b"HY000", format!("Unknown prepared statement handler ({name}) given to {what}"))
}

/// What MySQL 9.7 prepares, found by asking it: not the statements of transactions and of prepared
/// statements themselves, nor those that read the diagnostics or a file.
fn check_preparable(statement: &Statement) -> Result<()> {
    let refused = matches!(
        statement,
        Statement::Begin(_)
            | Statement::Savepoint(_)
            | Statement::RollbackTo(_)
            | Statement::ReleaseSavepoint(_)
            | Statement::Use(_)
            | Statement::Prepare(_)
            | Statement::Execute(_)
            | Statement::Deallocate(_)
            | Statement::LockTables(_)
            | Statement::UnlockTables
            | Statement::LoadData(_)
    );
    match statement {
        Statement::Empty => Err(Error::mysql(1065, *b"42000", "Query was empty")),
        _ if refused => Err(Error::mysql(
            1295,
            *b"HY000",
            "This command is not supported in the prepared statement protocol yet",
        )),
        _ => Ok(()),
    }
}

/// Whether a query's columns can be asked for: it has some, and asking takes nothing away (`NEXT VALUES`).
fn has_columns(query: &Query) -> bool {
    let is_sequence = match &query.body {
        QueryBody::Select(select) => select.items.iter().any(|item| matches!(item, SelectItem::Next(_))),
        _ => false,
    };
    query.into.is_none() && !is_sequence
}

/// `LIMIT NULL` is not SQL: parameters in LIMITs of derived tables and subqueries become a number.
struct InnerLimits;

impl sqlast::Rewriter for InnerLimits {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        let limit = query.limit.iter_mut().flat_map(|l| l.offset.iter_mut().chain([&mut l.count]));
        limit.filter(|expr| matches!(expr, Expr::Param(_))).for_each(|expr| {
            *expr = Expr::Literal(Literal::Integer("1".into()));
        });
        true
    }
}

/// Takes the columns and lets the rows go.
struct OnlyFields(Vec<Field>);

#[async_trait]
impl Sink for OnlyFields {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.0 = fields;
        Ok(())
    }

    async fn rows(&mut self, _: Vec<Row>) -> Result<bool> {
        Ok(false)
    }
}
