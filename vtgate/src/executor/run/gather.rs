//! A query over the rows of many shards, answered by one MySQL: the rows are loaded into temporary tables
//! of one tablet, and the query runs there.
//!
//! The connection is this query's own, never the session's, and is closed at its end, whatever the end is:
//! with it go the temporary tables. Rows and bytes that are put together are limited.

mod load;
mod site;

use std::{sync::Arc, time::Instant};

use futures::StreamExt;
use planner::{AssignVariables, Gather, GatherStep, Load, LoadShape, Primitive};
use sqltypes::{BindValue, Field};
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletType, Target};

use self::{
    load::{Keys, Loader, create_table},
    site::{Site, Step},
};
use super::Run;
use crate::executor::{Collected, Outcome, Sink, Traced, binds};

/// How much one statement may put together.
#[derive(Debug, Clone, Copy)]
pub struct GatherLimits {
    pub rows: u64,
    pub bytes: u64,
}

/// MySQL's "Duplicate entry".
const DUPLICATE: u16 = 1062;

impl Run<'_> {
    /// With `assign` the connection has its variables before the query; their values after it come, too.
    pub(super) async fn gather(
        &mut self,
        gather: &Gather,
        assign: Option<&AssignVariables>,
        sink: &mut dyn Sink,
    ) -> Result<(Outcome, Collected)> {
        match self.try_gather(gather, assign, true, sink).await {
            // A key of each shard's table need not be one over all shards. Without keys MySQL cannot tell
            // what depends on what, so it is not asked to.
            Err(e) if e.errno() == DUPLICATE => self.try_gather(gather, assign, false, sink).await,
            answer => answer,
        }
    }

    async fn try_gather(
        &mut self,
        gather: &Gather,
        assign: Option<&AssignVariables>,
        keys: bool,
        sink: &mut dyn Sink,
    ) -> Result<(Outcome, Collected)> {
        let site = self.site(&gather.keyspace).await?;
        let mut left = self.executor.config.gather;
        let mut values = Keys::wanted(&gather.steps);
        for step in &gather.steps {
            match step {
                GatherStep::Load(load) => self.load(&site, load, keys, &mut left, &mut values).await?,
                GatherStep::Materialize { name, query } => {
                    let sql = format!("create temporary table `{name}` as {query}");
                    let step = site.step("gather materialize");
                    let done = step.execute(&sql, binds::used(query, &self.binds)).await;
                    step.end(done, |()| 0)?;
                }
                GatherStep::Copy { name, from } => {
                    let step = site.step("gather copy");
                    let done = copy(&step, name, from).await;
                    step.end(done, |()| 0)?;
                }
            }
            self.trace_site(&site);
        }
        let step = site.step("gather query");
        let done = self.ask(&step, gather, assign, keys, sink).await;
        let done = step.end(done, |(outcome, _)| outcome.rows);
        self.trace_site(&site);
        site.close().await;
        done
    }

    /// The query over the tables that are filled, in the session's mode and with its variables.
    async fn ask(
        &self,
        step: &Step<'_>,
        gather: &Gather,
        assign: Option<&AssignVariables>,
        keys: bool,
        sink: &mut dyn Sink,
    ) -> Result<(Outcome, Collected)> {
        let mode = self.session.system_variables.get("sql_mode").map_or("default", String::as_str);
        step.execute_text(&format!("set sql_mode = {mode}")).await?;
        if !keys {
            step.execute_text("set sql_mode = replace(@@sql_mode, 'ONLY_FULL_GROUP_BY', '')").await?;
        }
        if let Some(AssignVariables { set, .. }) = assign {
            step.execute(set, binds::used(set, &self.binds)).await?;
        }
        let started = Instant::now();
        let outcome = answer(step, gather, binds::used(&gather.query, &self.binds), sink).await;
        step.site().note(started, || gather.query.clone(), outcome.as_ref().ok().map(|o| o.rows));
        let outcome = outcome?;
        let values = match assign {
            Some(AssignVariables { get, .. }) => collected(step, get).await?,
            None => Collected::default(),
        };
        Ok((outcome, values))
    }

    /// Tells a VEXPLAIN of what happened on the connection.
    fn trace_site(&mut self, site: &Site) {
        let Some(trace) = &mut self.session.trace else { return };
        for note in site.take_notes() {
            let call = trace.next_call();
            trace.add(Traced {
                call,
                target: site.target().clone(),
                sql: note.sql,
                binds: Arc::default(),
                rows: note.rows,
                microseconds: note.microseconds,
                on_site: true,
            });
        }
    }

    /// A connection of a tablet that is busy with reads: a replica where one serves, on any shard.
    async fn site(&self, keyspace: &str) -> Result<Site> {
        let snapshot = self.executor.gateway.discovery().snapshot();
        let of_type = |tablet_type: TabletType| -> Result<Target> {
            let shards = self.layout.shards(keyspace, tablet_type)?;
            let place = self.session.id as usize % shards.all().len().max(1);
            let shard = shards.all().get(place).ok_or_else(|| {
                Error::new(Condition::NotFound, format!("keyspace {keyspace} has no shards"))
            })?;
            Ok(Target::new(keyspace, &*shard.name, tablet_type))
        };
        let own = self.session.tablet_type();
        let target = match of_type(TabletType::Replica) {
            Ok(replica) if own == TabletType::Primary && !snapshot.serving(&replica).is_empty() => replica,
            _ => of_type(own)?,
        };
        Site::open(&self.executor.gateway, self.session, target).await
    }

    async fn load(
        &mut self,
        site: &Site,
        load: &Load,
        keys: bool,
        left: &mut GatherLimits,
        values: &mut Keys,
    ) -> Result<()> {
        let step = site.step("gather load").about(&load.keyspace, &load.table);
        let done = self.load_rows(&step, load, keys, left, values).await;
        step.end(done, |rows| *rows).map(drop)
    }

    /// Makes the table of a load and puts its rows in: so many.
    async fn load_rows(
        &mut self,
        step: &Step<'_>,
        load: &Load,
        keys: bool,
        left: &mut GatherLimits,
        values: &mut Keys,
    ) -> Result<u64> {
        let create = create_table(load, keys);
        step.execute(&create, binds::used(&create, &self.binds)).await?;
        let mut input = &load.input;
        if let Some(by) = &load.by_keys
            && let Some(list) = values.list(by)
        {
            if list.is_empty() {
                return Ok(0);
            }
            self.binds.insert(by.bind.clone(), BindValue::List(list).into());
            input = &by.input;
        }
        let schema = match (&load.shape, input) {
            (LoadShape::System { .. }, Primitive::Route(route)) => Some(self.asked_keyspace(route)?.0),
            _ => None,
        };
        let mut loader = Loader::new(step, load, schema, (self.executor.config.gather, left), values);
        Box::pin(self.primitive(input, &mut loader)).await?;
        loader.finish().await
    }
}

/// A table that a statement has twice is there twice.
async fn copy(step: &Step<'_>, name: &str, from: &str) -> Result<()> {
    step.execute_text(&format!("create temporary table `{name}` like `{from}`")).await?;
    step.execute_text(&format!("insert into `{name}` select * from `{from}`")).await
}

/// Runs the query over the temporary tables and passes its rows on.
async fn answer(
    step: &Step<'_>,
    gather: &Gather,
    binds: sqltypes::BindVars,
    sink: &mut dyn Sink,
) -> Result<Outcome> {
    let mut stream = step.stream(&gather.query, binds).await?;
    let (mut given, mut rows) = (false, 0);
    while let Some(message) = stream.next().await {
        let mut result = message?.result.unwrap_or_default();
        if !given && !result.fields.is_empty() {
            result.fields.iter_mut().for_each(|f| name_as_client_knows(f, gather));
            sink.fields(result.fields).await?;
            given = true;
        }
        rows += result.rows.len() as u64;
        if !result.rows.is_empty() && !sink.rows(result.rows).await? {
            break;
        }
    }
    if !given {
        return Err(Error::internal("the gathered query gave no columns"));
    }
    Ok(Outcome { has_rows: true, rows, ..Outcome::default() })
}

/// The rows of a text without bind variables.
async fn collected(step: &Step<'_>, sql: &str) -> Result<Collected> {
    let mut out = Collected::default();
    let mut stream = step.stream(sql, sqltypes::BindVars::new()).await?;
    while let Some(message) = stream.next().await {
        let result = message?.result.unwrap_or_default();
        if !result.fields.is_empty() {
            out.fields = result.fields;
        }
        out.rows.extend(result.rows);
    }
    Ok(out)
}

/// A column's table is the one that the temporary table stands for.
fn name_as_client_knows(field: &mut Field, gather: &Gather) {
    let step = gather.steps.iter().find(|s| s.name() == field.org_table);
    match step {
        Some(GatherStep::Load(load)) => {
            field.org_table.clone_from(&load.table);
            field.database.clone_from(&load.keyspace);
        }
        Some(_) => {
            field.org_table.clear();
            field.database.clear();
        }
        None => {}
    }
}
