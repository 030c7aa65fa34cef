//! Groups over several shards: their rows are folded as they come, so that only the groups are kept.

use async_trait::async_trait;
use eval::{Aggregator, Comparator};
use planner::{Aggregate, AggregateFunction, Primitive};
use sqltypes::{Field, Row};
use vterrors::{Error, Result};

use super::{Run, merge::truncate};
use crate::executor::{Outcome, Sink, sink::give};

impl Run<'_> {
    pub(super) async fn aggregate(&mut self, aggregate: &Aggregate, sink: &mut dyn Sink) -> Result<Outcome> {
        let max_groups = self.executor.config.max_memory_rows;
        let mut folding = Folding { aggregate, max_groups, fields: Vec::new(), running: None };
        match &aggregate.input {
            Primitive::Route(route) => self.route(route, &mut folding).await?,
            other => Box::pin(self.primitive(other, &mut folding)).await?,
        };
        let Some((aggregator, order)) = folding.running else {
            return Err(Error::internal("the shards gave no columns to group"));
        };
        let keep = folding.fields.len().saturating_sub(aggregate.hidden_columns);
        let mut rows = aggregator.finish(order.as_ref())?;
        rows.iter_mut().for_each(|row| truncate(row, keep));
        folding.fields.truncate(keep);
        for column in &aggregate.columns {
            let at = column.column.index(keep + aggregate.hidden_columns, aggregate.hidden_columns);
            if let Some(field) = folding.fields.get_mut(at) {
                as_function(field, &column.function);
            }
        }
        give(sink, folding.fields, rows).await
    }
}

/// A column that was folded from rows is none of a table's.
fn as_function(field: &mut Field, function: &AggregateFunction) {
    if field.org_table.is_empty() && field.org_name.is_empty() {
        return;
    }
    for name in [&mut field.table, &mut field.org_table, &mut field.database, &mut field.org_name] {
        name.clear();
    }
    field.flags &= !COLUMN_FLAGS;
    if matches!(function, AggregateFunction::Count) {
        field.column_length = COUNT_LENGTH;
    }
}

/// NOT NULL, keys, auto-increment, no default, on update now, part of a key (MySQL's `mysql_com.h`).
pub(super) const COLUMN_FLAGS: u32 = 1 | 2 | 4 | 8 | 512 | 4096 | 8192 | 16384;

/// The length that MySQL gives a COUNT.
const COUNT_LENGTH: u32 = 21;

/// Takes the shards' rows.
struct Folding<'a> {
    aggregate: &'a Aggregate,
    max_groups: usize,
    fields: Vec<Field>,
    running: Option<(Aggregator, Option<Comparator>)>,
}

#[async_trait]
impl Sink for Folding<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        let aggregator = self.aggregate.aggregator(&fields, self.max_groups)?;
        self.running = Some((aggregator, self.aggregate.order(&fields)?));
        self.fields = fields;
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        if let Some((aggregator, _)) = &mut self.running {
            rows.iter().try_for_each(|row| aggregator.push(row))?;
        }
        Ok(true)
    }
}
