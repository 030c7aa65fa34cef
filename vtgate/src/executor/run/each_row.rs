//! A write for each row of a query.

use planner::{EachRow, row_bind};
use sqltypes::BindValue;
use vterrors::Result;

use super::Run;
use crate::executor::{Outcome, Sink};

impl Run<'_> {
    pub(super) async fn each_row(&mut self, each: &EachRow, sink: &mut dyn Sink) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.write_each(each, sink).await;
        (0..each.rows.width).for_each(|at| drop(self.binds.remove(&row_bind(at))));
        self.end_atomic(undo, result).await
    }

    async fn write_each(&mut self, each: &EachRow, sink: &mut dyn Sink) -> Result<Outcome> {
        let rows = self.given(&each.rows).await?;
        let mut outcome = Outcome::default();
        for row in rows {
            for (at, (ty, value)) in row.into_iter().enumerate() {
                self.binds.insert(row_bind(at), BindValue::Scalar(ty, value).into());
            }
            let done = Box::pin(self.primitive(&each.write, sink)).await?;
            outcome.add(done);
        }
        Ok(outcome)
    }
}
