//! Rows put in an order that no shard could give them. All of them are kept until then.

use std::cmp::Ordering;

use planner::Sort;
use sqltypes::Row;
use vterrors::{Condition, Error, Result};

use super::{Run, merge::truncate};
use crate::executor::{Collected, Outcome, Sink, sink::give};

impl Run<'_> {
    pub(super) async fn sort(&mut self, sort: &Sort, sink: &mut dyn Sink) -> Result<Outcome> {
        let mut all = self.collector();
        Box::pin(self.primitive(&sort.input, &mut all)).await?;
        let Collected { mut fields, mut rows } = all.kept;
        let order = sort.order(&fields)?;
        let mut wrong = None;
        rows.sort_by(|a, b| {
            order.compare(a, b).unwrap_or_else(|e| {
                wrong = Some(e);
                Ordering::Equal
            })
        });
        if let Some(e) = wrong {
            return Err(e);
        }
        let keep = fields.len().saturating_sub(sort.hidden_columns);
        fields.truncate(keep);
        rows.iter_mut().for_each(|row| truncate(row, keep));
        give(sink, fields, rows).await
    }

    /// Keeps rows, up to `--max-memory-rows`.
    pub(super) fn collector(&self) -> Bounded {
        let most = match self.plan.directives.ignore_max_memory_rows {
            true => usize::MAX,
            false => self.executor.config.max_memory_rows,
        };
        Bounded { kept: Collected::default(), most }
    }
}

/// All rows of a step, if they are not too many.
pub(super) struct Bounded {
    pub kept: Collected,
    pub most: usize,
}

#[async_trait::async_trait]
impl Sink for Bounded {
    async fn fields(&mut self, fields: Vec<sqltypes::Field>) -> Result<()> {
        self.kept.fields(fields).await
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        if self.kept.rows.len() + rows.len() > self.most {
            let text = format!("in-memory row count exceeded allowed limit of {}", self.most);
            return Err(Error::new(Condition::TooManyRows, text));
        }
        self.kept.rows(rows).await
    }
}
