//! A statement's way through the gate: plan it (or find its plan), run the plan, note what the session
//! must remember.

mod administer;
mod alter_vschema;
mod binds;
mod load_data;
mod plan_cache;
mod prepared;
mod processlist;
mod removals;
mod run;
mod set;
mod show;
mod sink;
mod transaction;
mod vexplain;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use planner::{Normalized, Plan, PlanContext, StatementClass};
use sqlast::{ParseOptions, ast::Statement};
use sqltypes::BindVars;
use vterrors::{Condition, Error, Result};

pub use alter_vschema::VschemaUsers;
pub use load_data::disabled as local_files_disabled;
pub use prepared::too_many as too_many_prepared;
pub use run::GatherLimits;
pub use sink::{Collected, Outcome, Sink};
pub use transaction::parse_target;
pub use vexplain::{Trace, Traced};

use crate::{
    gateway::Gateway,
    metrics::GateMetrics,
    observe::Observer,
    schema::{Layout, Schema},
    session::{Kill, Process, Processes, Session},
};
use plan_cache::PlanCache;
use prepared::PreparedTexts;

/// MySQL's version as far as `/*!NNNNN */` comments ask for it: 8.4.6.
const MYSQL_VERSION: u32 = 80406;

/// What the executor needs of the options.
#[derive(Debug, Clone)]
pub struct ExecutorConfig {
    pub single_shard_transactions: bool,
    pub max_memory_rows: usize,
    pub gather: GatherLimits,
    pub no_scatter: bool,
    /// LOAD DATA LOCAL INFILE is carried out.
    pub local_infile: bool,
    pub vschema_ddl_users: VschemaUsers,
    pub server_version: String,
    pub query_timeout: std::time::Duration,
    /// How often a session's locks are looked after while it does nothing with them.
    pub lock_heartbeat: std::time::Duration,
}

/// Shared by all sessions.
pub struct Executor {
    pub schema: Schema,
    pub gateway: Arc<Gateway>,
    pub config: ExecutorConfig,
    pub metrics: GateMetrics,
    /// The connections of MySQL clients.
    pub processes: Processes,
    /// Who wants to know of statements.
    pub observer: Observer,
    plans: PlanCache,
    prepared: PreparedTexts,
}

impl Executor {
    pub fn new(
        schema: Schema,
        gateway: Arc<Gateway>,
        config: ExecutorConfig,
        metrics: GateMetrics,
        plan_cache_bytes: u64,
    ) -> Self {
        Self {
            schema,
            gateway,
            config,
            metrics,
            processes: Processes::default(),
            observer: Observer::default(),
            plans: PlanCache::new(plan_cache_bytes),
            prepared: PreparedTexts::default(),
        }
    }

    /// With logs and traces of its statements.
    pub fn with_observer(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Executes one statement. Rows go to `sink`; the outcome says how it ended. `params` are the bind
    /// variables of a client that sends some.
    pub async fn execute(
        &self,
        session: &mut Session,
        sql: &[u8],
        params: BindVars,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        // All that is paid while nobody wants to know. A statement within another one (EXECUTE) is part of that.
        if self.observer.is_on() && session.observed.is_none() {
            return Box::pin(self.execute_observed(session, sql, params, sink)).await;
        }
        self.execute_unseen(session, sql, params, sink).await
    }

    /// [`Executor::execute`], of which nothing is told but what the session's `observed` notes.
    pub(crate) async fn execute_unseen(
        &self,
        session: &mut Session,
        sql: &[u8],
        params: BindVars,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let started = Instant::now();
        let process = session.process.clone();
        let in_transaction = session.in_transaction;
        session.atomic = false;
        let given_up = {
            let work = self.statement(session, sql, params, sink);
            tokio::select! {
                biased;
                result = work => Ok(result),
                reason = given_up(process.as_deref(), self.config.query_timeout) => Err(reason),
            }
        };
        let result = match given_up {
            Ok(result) => result,
            Err(reason) => {
                Box::pin(self.abandon(session, in_transaction)).await;
                Err(reason)
            }
        };
        self.metrics.queries.record(started.elapsed());
        if let Err(e) = &result {
            session.row_count = -1;
            let keyspace = &session.target.keyspace;
            self.metrics.errors.inc(&format!("Execute.{keyspace}.{}", e.code().as_str_name()));
        }
        result
    }

    /// A statement was given up half way. What the session holds on the tablets may be in the middle of it:
    /// all of it is given back. In a transaction nothing more is done until the client rolls back.
    async fn abandon(&self, session: &mut Session, in_transaction: bool) {
        crate::tx::release_all(&self.gateway, session).await;
        // Locks stay, but where the connection itself is in the middle of the statement.
        if session.locks.as_ref().is_some_and(|l| l.busy) {
            crate::tx::release_locks(&self.gateway, session).await;
        }
        session.in_transaction = in_transaction;
        session.must_roll_back = in_transaction;
    }

    async fn statement(
        &self,
        session: &mut Session,
        sql: &[u8],
        params: BindVars,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let sql = trimmed(sql);
        let layout = self.schema.layout().clone();
        let options = self.parse_options(session);
        if params.is_empty() && sql.contains(&b'?') {
            refuse_params(sql, &options)?;
        }
        if session.locks.as_ref().is_some_and(|l| l.is_lost()) {
            (session.locks, session.broken) = (None, true);
            return Err(Error::new(
                Condition::ConnectionLost,
                "the connection that held the session's locks is gone, and the locks with it",
            ));
        }
        if session.must_roll_back {
            only_end(session, sql, &options)?;
        }
        if let Some((plan, binds)) = self.plans.find(sql, session, &options, layout.version) {
            self.metrics.plan_hits.inc();
            session.warnings.clear();
            let binds = with(params, binds);
            if let Some(observed) = &session.observed {
                observed.planned(&plan, &binds, true);
            }
            return self.run_plan(session, &layout, &plan, sql, binds, sink).await;
        }
        let mut statement =
            sqlast::parse(sql, &options).map_err(|e| Error::new(Condition::SyntaxError, e.to_string()))?;
        self.put_processes(session, &mut statement);
        let clears_warnings = !matches!(&statement, Statement::Show(s) if show::reads_warnings(s));
        if clears_warnings {
            session.warnings.clear();
        }
        // Boxed, as is what comes after a plan is found: this future is moved for every statement.
        if let Some(outcome) = Box::pin(self.session_statement(session, &layout, &statement, sink)).await? {
            return Ok(outcome);
        }
        self.metrics.plan_misses.inc();
        let normalized = Normalized::new(statement, sql, &options);
        let (layout, plan) = Box::pin(self.plan(session, layout, &normalized)).await?;
        let binds = binds::of_normalized(&normalized.values);
        if plan.literal_bound.is_none() && !plan.directives.skip_query_plan_cache {
            self.plans.insert(sql, session, &options, layout.version, &normalized.values, plan.clone());
        }
        let binds = with(params, binds);
        if let Some(observed) = &session.observed {
            observed.planned(&plan, &binds, false);
        }
        self.run_plan(session, &layout, &plan, sql, binds, sink).await
    }

    /// Plans a statement. One that names an unknown table or column is planned once more after a look at
    /// the tables as they are now: the schema may just have changed.
    async fn plan(
        &self,
        session: &Session,
        layout: Arc<Layout>,
        normalized: &Normalized,
    ) -> Result<(Arc<Layout>, Arc<Plan>)> {
        let fault = match planner::plan(normalized, &self.plan_context(session, &layout)) {
            Ok(plan) => return Ok((layout, Arc::new(plan))),
            Err(e) => e,
        };
        let unknown = matches!(fault.condition(), Condition::UnknownColumn | Condition::UnknownTable);
        let keyspace = &session.target.keyspace;
        if !unknown || keyspace.is_empty() {
            return Err(fault);
        }
        self.schema.look_at_columns(keyspace).await;
        let fresh = self.schema.layout().clone();
        if fresh.version == layout.version {
            return Err(fault);
        }
        let plan = planner::plan(normalized, &self.plan_context(session, &fresh))?;
        Ok((fresh, Arc::new(plan)))
    }

    /// The statements that concern the session itself; `None` for those that are planned.
    async fn session_statement(
        &self,
        session: &mut Session,
        layout: &Layout,
        statement: &Statement,
        sink: &mut dyn Sink,
    ) -> Result<Option<Outcome>> {
        Ok(Some(match statement {
            Statement::Empty => return Err(Error::mysql(1065, *b"42000", "Query was empty")),
            Statement::Begin(begin) => self.begin(session, begin).await?,
            Statement::Commit(end) => self.commit(session, *end).await?,
            Statement::Rollback(end) => self.rollback(session, *end).await?,
            Statement::Savepoint(name) => self.savepoint(session, name).await?,
            Statement::RollbackTo(name) => self.rollback_to(session, name).await?,
            Statement::ReleaseSavepoint(name) => self.release_savepoint(session, name).await?,
            Statement::Set(set) => self.set(session, set, sink).await?,
            Statement::Use(target) => self.use_target(session, layout, target.as_ref())?,
            Statement::Show(show) => return self.show(session, layout, show, sink).await,
            Statement::UnlockTables => Outcome::default(),
            Statement::Prepare(prepare) => self.prepare_named(session, prepare).await?,
            Statement::Execute(execute) => self.execute_named(session, execute, sink).await?,
            Statement::Deallocate(name) => self.deallocate(session, name)?,
            Statement::Kill(kill) => self.kill(session, kill).await?,
            Statement::AlterVschema(alter) => self.alter_vschema(session, alter).await?,
            Statement::LoadData(load) => Box::pin(self.load_data(session, layout, load, sink)).await?,
            Statement::Vexplain(vexplain) => self.vexplain(session, layout, vexplain, sink).await?,
            _ => match administer::refused(statement) {
                Some(what) => return Err(Error::unsupported(format!("not supported yet: {what}"))),
                None => return Ok(None),
            },
        }))
    }

    /// How the session's statements are read.
    pub fn parse_options(&self, session: &Session) -> ParseOptions {
        ParseOptions { sql_mode: session.sql_mode, mysql_version: MYSQL_VERSION }
    }

    fn plan_context<'a>(&self, session: &'a Session, layout: &'a Layout) -> PlanContext<'a> {
        let target = &session.target;
        PlanContext {
            vschema: &layout.vschema,
            keyspace: Some(target.keyspace.as_str()).filter(|k| !k.is_empty()),
            shard: target.shard.as_deref(),
            tablet_type: session.tablet_type(),
            no_scatter: self.config.no_scatter,
            ignore_values: false,
            by_rows: false,
            gather: false,
            select_limit: session.select_limit,
            // Tablets read text in MySQL's default mode, whatever mode the client writes in.
            sql_mode: sqlast::SqlMode::default(),
        }
    }

    /// Runs a plan and notes in the session what MySQL's functions ask of the last statement.
    async fn run_plan(
        &self,
        session: &mut Session,
        layout: &Layout,
        plan: &Plan,
        sql: &[u8],
        binds: BindVars,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        self.metrics.executions.inc(plan.statement.name());
        for warning in &plan.warnings {
            run::warn_of(session, warning);
        }
        let outcome = run::Run::new(self, session, layout, plan, sql, binds)?.run(sink).await?;
        match plan.statement {
            StatementClass::Select | StatementClass::Show | StatementClass::Explain => {
                session.found_rows = outcome.found_rows.unwrap_or(outcome.rows);
                session.row_count = match outcome.has_rows {
                    true => -1,
                    // SELECT ... INTO: the rows went into variables.
                    false => i64::try_from(outcome.affected_rows).unwrap_or(i64::MAX),
                };
            }
            _ => session.row_count = i64::try_from(outcome.affected_rows).unwrap_or(i64::MAX),
        }
        if outcome.insert_id != 0 {
            session.last_insert_id = outcome.insert_id;
        }
        Ok(outcome)
    }

    /// Ends a session: what it holds on the tablets is given back.
    pub async fn close(&self, session: &mut Session) {
        crate::tx::release_all(&self.gateway, session).await;
        crate::tx::release_locks(&self.gateway, session).await;
    }

    /// The plans in the cache by their normalised text, for `/debug/query_plans`.
    pub fn cached_plans(&self) -> Vec<Arc<Plan>> {
        self.plans.all()
    }
}

/// Resolves when a statement is to be given up: it was killed, or it takes too long.
async fn given_up(process: Option<&Process>, limit: Duration) -> Error {
    let killed = async {
        match process {
            Some(process) => process.interrupted().await,
            None => std::future::pending().await,
        }
    };
    let expired = async {
        match limit.is_zero() {
            true => std::future::pending().await,
            false => tokio::time::sleep(limit).await,
        }
        if let Some(process) = process {
            process.unshielded().await;
        }
    };
    tokio::select! {
        kill = killed => Error::new(Condition::QueryInterrupted, match kill {
            Kill::Query => "Query execution was interrupted",
            Kill::Connection => "Connection was killed",
        }),
        () = expired => Error::new(
            Condition::Timeout,
            format!("Query execution was interrupted, maximum statement execution time ({limit:?}) exceeded"),
        ),
    }
}

/// A `?` outside of prepared statements is no SQL.
fn refuse_params(sql: &[u8], options: &ParseOptions) -> Result<()> {
    match sqlast::param_places(sql, options).first() {
        Some(first) => Err(sqlast::ParseError::syntax(sql, *first).into()),
        None => Ok(()),
    }
}

/// In a transaction that was given up only its end is allowed, and a COMMIT is told of it.
fn only_end(session: &mut Session, sql: &[u8], options: &ParseOptions) -> Result<()> {
    let statement = sqlast::parse(sql, options);
    if matches!(statement, Ok(Statement::Rollback(_))) {
        session.must_roll_back = false;
        return Ok(());
    }
    if matches!(statement, Ok(Statement::Commit(_))) {
        session.must_roll_back = false;
        session.in_transaction = false;
    }
    Err(Error::new(
        Condition::TransactionGone,
        "the transaction was rolled back when a statement of it was interrupted: end it with ROLLBACK",
    ))
}

/// A statement without the white space and the semicolons around it.
fn trimmed(sql: &[u8]) -> &[u8] {
    let sql = sql.trim_ascii();
    let end = sql.iter().rposition(|b| *b != b';' && !b.is_ascii_whitespace()).map_or(0, |at| at + 1);
    &sql[..end]
}

fn with(mut params: BindVars, binds: BindVars) -> BindVars {
    if params.is_empty() {
        return binds;
    }
    params.extend(binds);
    params
}
