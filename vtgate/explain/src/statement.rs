//! A session without a cluster: each statement is planned as vtgate would in the session's state.

use planner::{Normalized, Plan, PlanContext};
use sqlast::{ParseOptions, ast::Statement};
use vterrors::{Condition, Error, Result};
use vtmodel::TargetString;

use crate::{
    executor::binds,
    layout::Layout,
    options::Options,
    queries::{Query, Walked, queries},
};

/// A statement and what becomes of it.
#[derive(Debug)]
pub struct Explained {
    /// The statement; replacement characters where it is no UTF-8.
    pub sql: String,
    pub answer: Answer,
}

/// What becomes of a statement.
#[derive(Debug)]
pub enum Answer {
    Planned {
        plan: Box<Plan>,
        queries: Vec<Query>,
    },
    /// Not planned: vtgate does it itself, or notes it.
    OfSession(&'static str),
    Refused(Error),
}

/// What statements before change for those behind.
pub struct Session<'a> {
    layout: &'a Layout,
    target: TargetString,
}

impl<'a> Session<'a> {
    /// A session whose target `--dbname` says; an error names what is not there.
    pub fn new(layout: &'a Layout, options: &Options) -> std::result::Result<Self, String> {
        let mut session = Self { layout, target: TargetString::default() };
        if let Some(name) = &options.dbname {
            session.select(name).map_err(|e| format!("--dbname: {}", e.message()))?;
        }
        Ok(session)
    }

    /// `USE target`
    fn select(&mut self, target: &str) -> Result<()> {
        let unknown = || Error::new(Condition::UnknownKeyspace, format!("Unknown database '{target}'"));
        let found = TargetString::parse(target).map_err(|_| unknown())?;
        if !found.keyspace.is_empty() {
            self.layout.vschema.keyspace(&found.keyspace)?;
        }
        if let Some(shard) = &found.shard {
            self.layout.shards(&found.keyspace)?.by_name(shard).ok_or_else(unknown)?;
        }
        self.target = found;
        Ok(())
    }

    /// Plans a statement, and finds what its shards would be sent.
    pub fn explain(&mut self, sql: &[u8]) -> Explained {
        let answer = self.answer(sql).unwrap_or_else(Answer::Refused);
        Explained { sql: String::from_utf8_lossy(sql).into_owned(), answer }
    }

    fn answer(&mut self, sql: &[u8]) -> Result<Answer> {
        let statement = sqlast::parse(sql, &ParseOptions::default())?;
        if let Statement::Use(target) = &statement {
            self.select(&target.as_ref().map(|t| t.to_string_lossy()).unwrap_or_default())?;
            return Ok(Answer::OfSession("The session's target is noted; nothing is sent."));
        }
        if !planner::is_planned(&statement) {
            return Ok(Answer::OfSession("vtgate carries this out itself; it has no plan."));
        }
        let normalized = Normalized::new(statement, sql, &ParseOptions::default());
        let plan = planner::plan(&normalized, &self.context(false))?;
        match self.queries(&plan, &normalized)? {
            Walked::Queries(queries) => Ok(Answer::Planned { plan: Box::new(plan), queries }),
            Walked::PlanAgain => {
                let plan = planner::plan(&normalized, &self.context(true))?;
                let Walked::Queries(queries) = self.queries(&plan, &normalized)? else {
                    return Err(Error::internal("a plan for any values does not fit"));
                };
                Ok(Answer::Planned { plan: Box::new(plan), queries })
            }
        }
    }

    fn queries(&self, plan: &Plan, normalized: &Normalized) -> Result<Walked> {
        queries(
            plan,
            binds::of_normalized(&normalized.values),
            self.layout,
            self.context(false),
            &self.target,
        )
    }

    fn context(&self, ignore_values: bool) -> PlanContext<'_> {
        PlanContext {
            vschema: &self.layout.vschema,
            keyspace: Some(self.target.keyspace.as_str()).filter(|k| !k.is_empty()),
            shard: self.target.shard.as_deref(),
            tablet_type: self.target.tablet_type(),
            no_scatter: false,
            ignore_values,
            by_rows: false,
            gather: false,
            select_limit: None,
            sql_mode: sqlast::SqlMode::default(),
        }
    }
}
