//! `INSERT ... ON DUPLICATE KEY UPDATE`, row by row.

use planner::{Conflict, Upsert, UpsertRow};
use vterrors::{Error, Result};

use super::Run;
use crate::executor::{Outcome, Sink};

impl Run<'_> {
    pub(super) async fn upsert(&mut self, upsert: &Upsert, sink: &mut dyn Sink) -> Result<Outcome> {
        let undo = self.begin_atomic().await?;
        let result = self.upsert_rows(upsert, sink).await;
        self.end_atomic(undo, result).await
    }

    async fn upsert_rows(&mut self, upsert: &Upsert, sink: &mut dyn Sink) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for row in &upsert.rows {
            let done = match self.in_the_way(upsert, row).await? {
                Some(conflict) => self.change_found(conflict, sink).await?,
                None => Box::pin(self.primitive(&row.insert, sink)).await?,
            };
            outcome.add(done);
        }
        Ok(outcome)
    }

    /// The first key by which a row is in the way. Rows of several keys would leave open which of them is changed.
    async fn in_the_way<'r>(&mut self, upsert: &Upsert, row: &'r UpsertRow) -> Result<Option<&'r Conflict>> {
        let mut found: Option<(&Conflict, Vec<super::keyed::Typed>)> = None;
        for conflict in &row.conflicts {
            for key in self.read_rows(&conflict.find).await? {
                match &found {
                    None => found = Some((conflict, key)),
                    Some((_, first)) if *first == key => {}
                    Some(_) => {
                        return Err(Error::unsupported(format!(
                            "ON DUPLICATE KEY UPDATE where several rows of {}.{} have the new row's keys",
                            upsert.keyspace, upsert.table
                        )));
                    }
                }
            }
        }
        Ok(found.map(|(conflict, _)| conflict))
    }

    /// MySQL counts 2 for a row that is changed; for one that has the new values already 0, and 1 where the
    /// client wants to know of the rows found.
    async fn change_found(&mut self, conflict: &Conflict, sink: &mut dyn Sink) -> Result<Outcome> {
        let wants_found = std::mem::replace(&mut self.session.client_found_rows, false);
        let done = match &conflict.update {
            Some(update) => Box::pin(self.primitive(update, sink)).await,
            None => Ok(Outcome::default()),
        };
        self.session.client_found_rows = wants_found;
        let outcome = done?;
        let affected_rows = if outcome.affected_rows > 0 { 2 } else { u64::from(wants_found) };
        Ok(Outcome { affected_rows, ..outcome })
    }
}
