//! Runs a plan: one file a primitive.

mod aggregate;
mod atomic;
mod concat;
mod each_row;
mod gather;
mod insert;
mod insert_rows;
mod join;
mod keyed;
mod keyspace_names;
mod limit;
mod locks;
mod lookup;
mod merge;
mod move_rows;
mod project;
mod resolve;
mod route;
mod shards;
mod sort;
mod upsert;
mod values_first;
mod variables;
mod vindex_func;
mod write;

use std::sync::Arc;

use planner::{Plan, PlanWarning, Primitive, Rows, SessionValue};
use proto::query::{BindVariable, Type};
use sqltypes::{BindValue, BindVars, Field};
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletType, Target};

use super::{Executor, Outcome, Sink, binds, sink::give};
pub use gather::GatherLimits;
pub(super) use keyed::{Kept, Typed};
pub(super) use lookup::{condition, run_nested, tuples};

use crate::{schema::Layout, session::Session};

/// Vitess's code of warnings that are not MySQL's.
const WARNING: u32 = 1235;

/// One run of a plan: the session's values are in the bind variables.
pub(super) struct Run<'a> {
    executor: &'a Executor,
    session: &'a mut Session,
    layout: &'a Layout,
    plan: &'a Plan,
    /// The client's text, from which another plan can be made; `None` where no text was made into the plan.
    statement: Option<&'a [u8]>,
    /// What the plan does otherwise than the first one of the statement.
    changes: Changes,
    binds: BindVars,
    /// Set with the error that ends a plan which is not right for what came while it ran.
    again: Option<Again>,
}

/// Another plan of the same statement, which is made and run after what the first one did is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// A value could be on any shard, or values are on several shards that the plan wants on one.
    AnyShard,
    /// A unique lookup says that a value of a new row belongs to a row of another keyspace id.
    ByRows,
}

/// What another plan of a statement does otherwise, after what came while the one before it ran. Every plan that is
/// made anew changes one thing more, so that they end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changes {
    any_shard: bool,
    by_rows: bool,
    gather: bool,
}

/// Tells the session of what a user should know about a plan.
pub(super) fn warn_of(session: &mut Session, warning: &PlanWarning) {
    let text = match warning {
        PlanWarning::LookupNotMaintained { table, vindexes } => {
            format!("lookup vindexes of {table} are not maintained yet: {}", vindexes.join(", "))
        }
        PlanWarning::Gather => "rows of several shards were put together on one tablet".to_owned(),
        PlanWarning::Scatter => "the statement went to every shard".to_owned(),
    };
    session.warn(WARNING, text);
}

impl<'a> Run<'a> {
    pub(super) fn new(
        executor: &'a Executor,
        session: &'a mut Session,
        layout: &'a Layout,
        plan: &'a Plan,
        statement: &'a [u8],
        mut binds: BindVars,
    ) -> Result<Self> {
        for bind in &plan.session_values {
            let value = session_value(executor, session, &bind.value)?;
            binds.insert(bind.bind.clone(), value);
        }
        if !session.autocommit && !session.in_transaction && !plan.tables_used.is_empty() {
            session.in_transaction = true;
        }
        Ok(Self {
            executor,
            session,
            layout,
            plan,
            statement: Some(statement),
            changes: Changes::default(),
            binds,
            again: None,
        })
    }

    /// A run of a plan that no text was made into: of values that were read otherwise.
    pub(super) fn of_values(
        executor: &'a Executor,
        session: &'a mut Session,
        layout: &'a Layout,
        plan: &'a Plan,
        binds: BindVars,
    ) -> Result<Self> {
        if let Some(observed) = &session.observed {
            observed.uses(&plan.tables_used);
        }
        let run = Self::new(executor, session, layout, plan, b"", binds)?;
        Ok(Self { statement: None, ..run })
    }

    pub(super) async fn run(mut self, sink: &mut dyn Sink) -> Result<Outcome> {
        self.check_writable()?;
        let mut watched = Watched { inner: sink, begun: false };
        let result = self.primitive(&self.plan.root, &mut watched).await;
        let changes = match &result {
            Err(e) if !watched.begun => self.changes_after(e),
            _ => None,
        };
        match (changes, self.statement) {
            (Some(changes), Some(statement)) => self.run_other(statement, changes, sink).await,
            _ => result,
        }
    }

    /// The plan that may do what this one could not; none if the error stays.
    fn changes_after(&self, e: &Error) -> Option<Changes> {
        let mut changes = self.changes;
        match self.again {
            Some(Again::AnyShard) => changes.any_shard = true,
            Some(Again::ByRows) => changes.by_rows = true,
            // What merges is known only when the shards say their columns' types.
            None => {
                changes.gather |= e.condition() == Condition::Unsupported
                    && self.plan.statement == planner::StatementClass::Select;
            }
        }
        (changes != self.changes).then_some(changes)
    }

    /// What most statements are runs in this future; the others are boxed, so that they do not make it large.
    async fn primitive(&mut self, primitive: &Primitive, sink: &mut dyn Sink) -> Result<Outcome> {
        match primitive {
            Primitive::Route(route) => self.route(route, sink).await,
            Primitive::Limit(limit) => Box::pin(self.limit(limit, sink)).await,
            Primitive::Aggregate(aggregate) => Box::pin(self.aggregate(aggregate, sink)).await,
            Primitive::Sort(sort) => Box::pin(self.sort(sort, sink)).await,
            Primitive::Join(join) => Box::pin(self.join(join, sink)).await,
            Primitive::Project(project) => Box::pin(self.project(project, sink)).await,
            Primitive::Concat(concat) => Box::pin(self.concat(concat, sink)).await,
            Primitive::ValuesFirst(first) => Box::pin(self.values_first(first, sink)).await,
            Primitive::Gather(gather) => {
                Box::pin(self.gather(gather, None, sink)).await.map(|(outcome, _)| outcome)
            }
            Primitive::All(writes) => Box::pin(self.all(writes, sink)).await,
            Primitive::ChangeTables(changes) => Box::pin(self.change_tables(changes)).await,
            Primitive::IntoVariables(into) => Box::pin(self.select_into(into)).await,
            Primitive::AssignVariables(assign) => Box::pin(self.assign_variables(assign, sink)).await,
            Primitive::VindexFunc(func) => Box::pin(self.vindex_func(func, sink)).await,
            Primitive::Locks(locks) => Box::pin(self.locks(locks, sink)).await,
            Primitive::Insert(insert) => Box::pin(self.insert(insert)).await,
            Primitive::Update(dml) | Primitive::Delete(dml) => Box::pin(self.dml(dml)).await,
            Primitive::MoveRows(moved) => Box::pin(self.move_rows(moved)).await,
            Primitive::KeyedDml(dml) => Box::pin(self.keyed_dml(dml)).await,
            Primitive::InsertRowsOf(insert) => Box::pin(self.insert_rows(insert)).await,
            Primitive::EachRow(each) => Box::pin(self.each_row(each, sink)).await,
            Primitive::Upsert(upsert) => Box::pin(self.upsert(upsert, sink)).await,
            Primitive::Send(send) => Box::pin(self.send(send, sink)).await,
            Primitive::Rows(rows) => self.rows(rows, sink).await,
        }
    }

    /// Writes go to primaries only: a session on replicas is told so, and nothing is sent.
    fn check_writable(&self) -> Result<()> {
        let class = self.plan.statement;
        let writes = class.is_dml() || class == planner::StatementClass::Ddl;
        let tablet_type = self.session.tablet_type();
        if writes && tablet_type != TabletType::Primary {
            return Err(Error::new(
                Condition::ReadOnly,
                format!(
                    "{} is supported only for primary tablet type, current type: {}",
                    class.name(),
                    vtmodel::tablet_type_lower(tablet_type)
                ),
            ));
        }
        Ok(())
    }

    /// The error for values that do not fit the plan. It goes up to where the statement began, and undoes on its
    /// way what was written.
    fn does_not_fit(&mut self, again: Again) -> Error {
        self.again = Some(again);
        Error::unsupported("the values of the statement are on several shards")
    }

    /// Runs another plan of the statement.
    async fn run_other(
        &mut self,
        statement: &[u8],
        changes: Changes,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let options = self.executor.parse_options(self.session);
        let plan = {
            let mut context = self.executor.plan_context(self.session, self.layout);
            context.ignore_values |= changes.any_shard;
            context.by_rows |= changes.by_rows;
            context.gather |= changes.gather;
            planner::plan(&planner::Normalized::parse(statement, &options)?, &context)?
        };
        let again = Run {
            executor: self.executor,
            session: self.session,
            layout: self.layout,
            plan: &plan,
            statement: Some(statement),
            changes,
            binds: std::mem::take(&mut self.binds),
            again: None,
        };
        Box::pin(again.run(sink)).await
    }

    fn target(&self, keyspace: &str, shard: &str) -> Target {
        Target::new(keyspace, shard, self.session.tablet_type())
    }

    /// Rows that no tablet is asked for.
    async fn rows(&self, rows: &Rows, sink: &mut dyn Sink) -> Result<Outcome> {
        let mut out = Vec::with_capacity(rows.rows.len());
        let mut types = vec![Type::NullType; rows.fields.len()];
        for row in &rows.rows {
            let mut builder = sqltypes::RowBuilder::default();
            for (column, reference) in row.iter().enumerate() {
                let (ty, bytes) = binds::value(reference, &self.binds)?;
                builder.push((ty != Type::NullType).then_some(&bytes[..]));
                if let Some(known) = types.get_mut(column).filter(|t| **t == Type::NullType) {
                    *known = ty;
                }
            }
            out.push(builder.finish());
        }
        let fields = rows.fields.iter().zip(types).map(|(f, ty)| made_field(&f.name, ty)).collect();
        give(sink, fields, out).await
    }
}

fn made_field(name: &str, ty: Type) -> Field {
    if sqltypes::is_number(ty) || ty == Type::NullType {
        sqltypes::int_field(name, ty)
    } else {
        sqltypes::text_field(name)
    }
}

/// A value that only the session knows.
fn session_value(executor: &Executor, session: &Session, value: &SessionValue) -> Result<BindVariable> {
    let text = |s: &str| BindValue::text(s.as_bytes().to_vec());
    let bind = match value {
        SessionValue::Database if session.target.keyspace.is_empty() => BindValue::NULL,
        SessionValue::Database => text(&session.target.to_string()),
        SessionValue::LastInsertId => BindValue::uint64(session.last_insert_id),
        SessionValue::FoundRows => BindValue::uint64(session.found_rows),
        SessionValue::RowCount => BindValue::int64(session.row_count),
        SessionValue::ConnectionId => BindValue::uint64(session.id.into()),
        SessionValue::User => text(&format!("{}@localhost", session.caller.user)),
        SessionValue::Version => text(&executor.config.server_version),
        SessionValue::UserVariable(name) => {
            session.user_variables.get(name).cloned().unwrap_or(BindValue::NULL)
        }
        SessionValue::SystemVariable { name, .. } => {
            super::set::shown(executor, session, name).ok_or_else(|| {
                Error::new(Condition::UnknownVariable, format!("Unknown system variable '{name}'"))
            })?
        }
    };
    Ok(bind.into())
}

/// A query's text for tablets, shared by its shards.
fn shared_text(sql: &str) -> Arc<str> {
    sql.into()
}

/// Tells whether anything was passed on.
struct Watched<'a> {
    inner: &'a mut dyn Sink,
    begun: bool,
}

#[async_trait::async_trait]
impl Sink for Watched<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.begun = true;
        self.inner.fields(fields).await
    }

    async fn rows(&mut self, rows: Vec<sqltypes::Row>) -> Result<bool> {
        self.begun = true;
        self.inner.rows(rows).await
    }
}
