//! Where a statement's rows go, and how it ended.

use async_trait::async_trait;
use bytes::Bytes;
use proto::query::QueryResult;
use sqltypes::{Field, Row};
use vterrors::{Error, Result};

/// Takes a result as it comes. `fields` comes once, before any rows.
#[async_trait]
pub trait Sink: Send {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()>;

    /// `false` means: enough, no more rows are wanted.
    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool>;

    /// Asks the client for a file of its own (LOAD DATA LOCAL). One that speaks another protocol than MySQL's
    /// has none.
    async fn ask_for_file(&mut self, _name: &[u8]) -> Result<()> {
        Err(Error::unsupported("LOAD DATA LOCAL: only a client of the MySQL protocol can send a file"))
    }

    /// The next bytes of the file that was asked for; `None` at its end.
    async fn file_piece(&mut self) -> Result<Option<Bytes>> {
        Ok(None)
    }
}

/// The end of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it had a result set, so that fields were given to the sink.
    pub has_rows: bool,
    pub rows: u64,
    pub affected_rows: u64,
    /// What `FOUND_ROWS()` tells, where it is not `rows`.
    pub found_rows: Option<u64>,
    /// The first generated id, or the argument of `LAST_INSERT_ID(expr)`; 0 for none.
    pub insert_id: u64,
    pub info: String,
}

impl Outcome {
    /// Adds what another write of the same statement did. The first generated id is the statement's.
    pub(super) fn add(&mut self, done: Outcome) {
        self.affected_rows += done.affected_rows;
        if self.insert_id == 0 {
            self.insert_id = done.insert_id;
        }
    }
}

/// Keeps the whole result.
#[derive(Debug, Default)]
pub struct Collected {
    pub fields: Vec<Field>,
    pub rows: Vec<Row>,
}

#[async_trait]
impl Sink for Collected {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.fields = fields;
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        self.rows.extend(rows);
        Ok(true)
    }
}

impl Collected {
    /// The result as a message.
    pub fn into_result(self, outcome: &Outcome) -> QueryResult {
        QueryResult {
            fields: self.fields,
            rows_affected: if outcome.has_rows { self.rows.len() as u64 } else { outcome.affected_rows },
            insert_id: outcome.insert_id,
            rows: self.rows,
            info: outcome.info.clone(),
            insert_id_changed: outcome.insert_id != 0,
            ..QueryResult::default()
        }
    }
}

/// Gives a result that is whole already.
pub(super) async fn give(sink: &mut dyn Sink, fields: Vec<Field>, rows: Vec<Row>) -> Result<Outcome> {
    let count = rows.len() as u64;
    sink.fields(fields).await?;
    if count > 0 {
        sink.rows(rows).await?;
    }
    Ok(Outcome { has_rows: true, rows: count, ..Outcome::default() })
}
