//! A write for each row of a query.

use planner::{EachRow, row_bind};
use sqltypes::BindValue;
use vterrors::Result;

use super::{
    Run,
    insert_rows::{laid_out, wrong_count},
};
use crate::executor::{Outcome, Sink};

impl Run<'_> {
    pub(super) async fn each_row(&mut self, each: &EachRow, sink: &mut dyn Sink) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.write_each(each, sink).await;
        (0..each.width).for_each(|at| drop(self.binds.remove(&row_bind(at))));
        self.end_atomic(undo, result).await
    }

    async fn write_each(&mut self, each: &EachRow, sink: &mut dyn Sink) -> Result<Outcome> {
        let mut rows = self.read_rows(&each.input).await?;
        if each.side_by_side {
            rows = laid_out(rows, each.width);
        }
        let mut outcome = Outcome::default();
        for row in rows {
            if row.len() != each.width {
                return Err(wrong_count());
            }
            for (at, (ty, value)) in row.into_iter().enumerate() {
                self.binds.insert(row_bind(at), BindValue::Scalar(ty, value).into());
            }
            let done = Box::pin(self.primitive(&each.write, sink)).await?;
            outcome.add(done);
        }
        Ok(outcome)
    }
}
