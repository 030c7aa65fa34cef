//! Some columns of a step's rows, under other names, of those rows that pass a condition.

use async_trait::async_trait;
use eval::Test;
use planner::{ColumnAt, Project};
use sqltypes::{Field, Row, RowBuilder, Type};
use vterrors::{Error, Result};

use super::Run;
use crate::executor::{Outcome, Sink, binds};

impl Run<'_> {
    pub(super) async fn project(&mut self, project: &Project, sink: &mut dyn Sink) -> Result<Outcome> {
        let value = |reference: &planner::ValueRef| {
            let (ty, bytes) = binds::value(reference, &self.binds)?;
            Ok((ty != Type::NullType).then(|| bytes.to_vec()))
        };
        let at = |at: ColumnAt| at.index(0, 0);
        let filter = project.filter.as_ref().map(|filter| filter.test(&at, &value)).transpose()?;
        let mut chosen = Chosen { project, filter, sink, rows: 0 };
        let outcome = Box::pin(self.primitive(&project.input, &mut chosen)).await?;
        Ok(Outcome { rows: chosen.rows, ..outcome })
    }
}

struct Chosen<'a> {
    project: &'a Project,
    filter: Option<Test>,
    sink: &'a mut dyn Sink,
    rows: u64,
}

#[async_trait]
impl Sink for Chosen<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.filter.iter().try_for_each(|test| test.check(&fields))?;
        let named = |column: &planner::ProjectColumn| match fields.get(column.column) {
            Some(field) => Ok(Field { name: column.name.clone(), ..field.clone() }),
            None => Err(Error::internal(format!("no column {} to choose", column.column))),
        };
        self.sink.fields(self.project.columns.iter().map(named).collect::<Result<_>>()?).await
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let values: Vec<Option<&[u8]>> = sqltypes::values(&row).collect();
            if !self.filter.as_ref().map_or(Ok(true), |test| test.holds(&values))? {
                continue;
            }
            let mut chosen = RowBuilder::default();
            let columns = self.project.columns.iter();
            columns.for_each(|c| chosen.push(values.get(c.column).copied().flatten()));
            out.push(chosen.finish());
        }
        self.rows += out.len() as u64;
        if out.is_empty() { Ok(true) } else { self.sink.rows(out).await }
    }
}
