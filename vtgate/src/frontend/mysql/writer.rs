//! A statement's result, written to the connection as it comes.

use async_trait::async_trait;
use mysqlwire::server::Connection;
use sqltypes::{Field, Row};
use tokio::io::{AsyncRead, AsyncWrite};
use vterrors::Result;

use crate::executor::Sink;

/// Writes rows as packets; what is buffered is bounded by one batch of rows.
pub(super) struct RowWriter<'a, S> {
    connection: &'a mut Connection<S>,
    /// Whether the head of a result was written: then the result must end with its end of rows.
    pub began: bool,
}

impl<'a, S> RowWriter<'a, S> {
    pub(super) fn new(connection: &'a mut Connection<S>) -> Self {
        Self { connection, began: false }
    }
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sink for RowWriter<'_, S> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.connection.write_columns(&fields);
        self.began = true;
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        for row in &rows {
            self.connection.write_row(row);
            self.connection.flush_if_large().await?;
        }
        Ok(true)
    }
}
