//! LOAD DATA LOCAL INFILE: the client's file, row by row, into a table of any keyspace.
//!
//! The rows go in as INSERT IGNORE or REPLACE of some hundred at a time, on the ordinary way, so that vindexes,
//! sequences and lookups hold. All of them are one statement: it is done as a whole or not at all. What is held at a
//! time is one batch and one packet of the client's.

mod format;
mod reader;
mod rows;

use std::{collections::HashMap, sync::Arc};

use planner::{Normalized, Plan};
use proto::topodata::TabletType;
use sqlast::ast::{Literal, LoadData, RawToken, Statement};
use sqltypes::BindVars;
use vterrors::{Condition, Error, Result};

use self::{
    format::Format,
    reader::{FileRow, Reader},
    rows::{Batch, Shape},
};
use super::{Collected, Executor, Outcome, Sink, run::Run};
use crate::{schema::Layout, session::Session};

/// Most rows of a batch: what is planned once for all of them.
const BATCH_ROWS: usize = 500;
/// A batch is sent when its values are so long together.
const BATCH_BYTES: usize = 1 << 20;

/// What was done so far.
#[derive(Debug, Default)]
struct Counts {
    records: u64,
    affected: u64,
    warnings: u64,
}

/// A statement on its way.
struct Load<'a> {
    executor: &'a Executor,
    layout: &'a Layout,
    shape: Shape,
    /// Plans of batches of plain values, by their number of rows.
    plans: HashMap<usize, Arc<Plan>>,
    counts: Counts,
    insert_id: u64,
    last: Option<FileRow>,
}

impl Executor {
    /// Carries out LOAD DATA LOCAL. Without LOCAL it is refused: there is no server whose files it could mean.
    pub(super) async fn load_data(
        &self,
        session: &mut Session,
        layout: &Layout,
        statement: &LoadData,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let file = self.check_load(session, statement)?;
        let format = Format::parse(&statement.options, session.sql_mode)?;
        let name = &statement.table;
        let keyspace = name.qualifier.as_ref().map(|q| q.to_string_lossy());
        let table = self.plan_context(session, layout).vschema.table(
            keyspace.as_deref(),
            &name.name.to_string_lossy(),
            Some(session.target.keyspace.as_str()).filter(|k| !k.is_empty()),
            session.tablet_type(),
        )?;
        let shape = Shape::new(statement, &table, format.charset)?;
        let reader = Reader::new(format, shape.fields());
        let replace = statement.duplicates == Some(sqlast::ast::LoadDuplicates::Replace);
        let mut load = Load {
            executor: self,
            layout,
            shape,
            plans: HashMap::new(),
            counts: Counts::default(),
            insert_id: 0,
            last: None,
        };
        load.check_plan(session)?;
        session.in_transaction |= !session.autocommit;
        let undo = self.begin_atomic(session).await?;
        let result = load.file(session, &file, reader, sink).await;
        self.end_atomic(session, undo, result).await?;
        Ok(load.end(session, replace))
    }

    /// The name of the client's file, if the statement is one that can be carried out.
    fn check_load(&self, session: &Session, load: &LoadData) -> Result<Vec<u8>> {
        let refuse = |what: &str| Err(Error::unsupported(format!("not supported: {what}")));
        if load.xml {
            return refuse("LOAD XML");
        }
        if !load.local {
            return refuse(
                "LOAD DATA without LOCAL: vtgate has no files of a server (LOAD DATA LOCAL INFILE reads a file of the \
                 client)",
            );
        }
        let is_infile =
            |t: &RawToken| matches!(t, RawToken::Word(w) if w.as_bytes().eq_ignore_ascii_case(b"infile"));
        if load.source.len() != 1 || !load.source.iter().all(is_infile) || !load.tail.is_empty() {
            return refuse("LOAD DATA in another form than LOAD DATA LOCAL INFILE");
        }
        if !self.config.local_infile {
            return Err(disabled());
        }
        if session.tablet_type() != TabletType::Primary {
            return Err(Error::new(
                Condition::ReadOnly,
                "LOAD DATA is supported only for primary tablet type",
            ));
        }
        match &load.path {
            Literal::String(name) => Ok(name.as_bytes().to_vec()),
            other => Ok(other.value_bytes().unwrap_or_default()),
        }
    }
}

/// MySQL's answer where one of the two sides does not want files.
pub fn disabled() -> Error {
    Error::mysql(
        3948,
        *b"42000",
        "Loading local data is disabled; this must be enabled on both the client and server sides",
    )
}

impl Load<'_> {
    /// Plans a row of NULLs: what cannot be inserted at all is told before the client sends its file.
    fn check_plan(&mut self, session: &Session) -> Result<()> {
        let mut batch = Batch::default();
        let nulls = FileRow { fields: vec![None; self.shape.fields()], cut: false };
        self.shape.add(&mut batch, nulls, 1)?;
        let (insert, _) = self.shape.insert(batch);
        self.plan(session, Statement::Insert(Box::new(insert))).map(drop)
    }

    fn plan(&self, session: &Session, statement: Statement) -> Result<Arc<Plan>> {
        let normalized = Normalized { statement, values: Default::default(), sql: Vec::new() };
        planner::plan(&normalized, &self.executor.plan_context(session, self.layout)).map(Arc::new)
    }

    /// Takes the whole file.
    async fn file(
        &mut self,
        session: &mut Session,
        name: &[u8],
        mut reader: Reader,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        sink.ask_for_file(name).await?;
        let mut batch = Batch::default();
        loop {
            let piece = sink.file_piece().await?;
            match &piece {
                Some(bytes) => reader.push(bytes)?,
                None => reader.finish(),
            }
            while let Some(row) = reader.next_row() {
                self.row(session, &mut batch, row)?;
                if batch.len() >= BATCH_ROWS || batch.bytes() >= BATCH_BYTES {
                    self.send(session, std::mem::take(&mut batch)).await?;
                }
            }
            if piece.is_none() {
                return self.send(session, batch).await;
            }
        }
    }

    fn row(&mut self, session: &mut Session, batch: &mut Batch, row: FileRow) -> Result<()> {
        self.counts.records += 1;
        if !self.shape.variables().is_empty() {
            self.last = Some(row.clone());
        }
        for (code, text) in self.shape.add(batch, row, self.counts.records)? {
            self.counts.warnings += 1;
            session.warn(code, text);
        }
        Ok(())
    }

    async fn send(&mut self, session: &mut Session, batch: Batch) -> Result<()> {
        let (rows, uneven) = (batch.len(), batch.is_uneven());
        if rows == 0 {
            return Ok(());
        }
        let (insert, binds) = self.shape.insert(batch);
        let known = self.plans.get(&rows).filter(|_| !uneven).cloned();
        let plan = match known {
            Some(plan) => plan,
            None => {
                let plan = self.plan(session, Statement::Insert(Box::new(insert)))?;
                // Batches that are cut by their bytes have many sizes.
                if !uneven && (rows == BATCH_ROWS || self.plans.is_empty()) {
                    self.plans.insert(rows, plan.clone());
                }
                plan
            }
        };
        let outcome = self.run(session, &plan, binds).await?;
        self.counts.affected += outcome.affected_rows;
        self.counts.warnings += warnings_in(&outcome.info);
        if self.insert_id == 0 {
            self.insert_id = outcome.insert_id;
        }
        Ok(())
    }

    async fn run(&self, session: &mut Session, plan: &Plan, binds: BindVars) -> Result<Outcome> {
        let run = Run::of_values(self.executor, session, self.layout, plan, binds)?;
        Box::pin(run.run(&mut Collected::default())).await
    }

    /// What the client and the session are told.
    fn end(&self, session: &mut Session, replace: bool) -> Outcome {
        let Counts { records, affected, warnings } = self.counts;
        let (deleted, skipped) = match replace {
            true => (affected.saturating_sub(records), 0),
            false => (0, records.saturating_sub(affected)),
        };
        if let Some(row) = &self.last {
            session.user_variables.extend(self.shape.variables_of(row));
        }
        if self.insert_id != 0 {
            session.last_insert_id = self.insert_id;
        }
        session.row_count = i64::try_from(affected).unwrap_or(i64::MAX);
        Outcome {
            affected_rows: affected,
            info: format!(
                "Records: {records}  Deleted: {deleted}  Skipped: {skipped}  Warnings: {}",
                warnings.max(skipped)
            ),
            ..Outcome::default()
        }
    }
}

/// The last number of `Records: 3  Duplicates: 1  Warnings: 1`.
fn warnings_in(info: &str) -> u64 {
    let number = info.split("Warnings: ").nth(1).unwrap_or_default();
    number.trim().parse().unwrap_or_default()
}
