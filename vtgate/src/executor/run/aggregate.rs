//! Groups over several shards: their rows are folded as they come, so that only the groups are kept.

use async_trait::async_trait;
use eval::{Aggregator, Comparator};
use planner::{Aggregate, Primitive};
use sqltypes::{Field, Row};
use vterrors::{Error, Result};

use super::{Run, merge::truncate};
use crate::executor::{Outcome, Sink, sink::give};

impl Run<'_> {
    pub(super) async fn aggregate(&mut self, aggregate: &Aggregate, sink: &mut dyn Sink) -> Result<Outcome> {
        let Primitive::Route(route) = &aggregate.input else {
            return Err(Error::internal(format!("groups of {:?}", aggregate.input)));
        };
        let max_groups = self.executor.config.max_memory_rows;
        let mut folding = Folding { aggregate, max_groups, fields: Vec::new(), running: None };
        self.route(route, &mut folding).await?;
        let Some((aggregator, order)) = folding.running else {
            return Err(Error::internal("the shards gave no columns to group"));
        };
        let keep = folding.fields.len().saturating_sub(aggregate.hidden_columns);
        let mut rows = aggregator.finish(order.as_ref())?;
        rows.iter_mut().for_each(|row| truncate(row, keep));
        folding.fields.truncate(keep);
        give(sink, folding.fields, rows).await
    }
}

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
