//! A statement's result, written to the connection as it comes.

use async_trait::async_trait;
use bytes::Bytes;
use mysqlwire::{
    constants::{capability, header},
    server::{Connection, MAX_COMMAND_BYTES},
};
use sqltypes::{Field, Row, RowBuilder, Type, charset::BINARY};
use vterrors::{Condition, Error, Result};

use super::socket::Socket;
use crate::{
    executor::{Sink, local_files_disabled},
    session::{Charset, Labels},
};

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// COM_QUERY.
    Text,
    /// COM_STMT_EXECUTE.
    Binary,
}

/// Writes rows as packets; what is buffered is bounded by one batch of rows.
pub(super) struct RowWriter<'a> {
    connection: &'a mut Connection<Socket>,
    format: Format,
    charset: Charset,
    labels: Labels,
    /// The columns' types, for binary rows.
    types: Vec<Type>,
    /// Which columns are text that is to be converted; empty for none.
    texts: Vec<bool>,
    /// Whether the head of a result was written: then the result must end with its end of rows.
    pub began: bool,
    /// The client sends a file, and not all of it was read.
    file_open: bool,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(
        connection: &'a mut Connection<Socket>,
        format: Format,
        charset: Charset,
        labels: Labels,
    ) -> Self {
        Self {
            connection,
            format,
            charset,
            labels,
            types: Vec::new(),
            texts: Vec::new(),
            began: false,
            file_open: false,
        }
    }

    /// Reads what the client still sends of a file: before its end it hears of nothing.
    pub(super) async fn pass_over_file(&mut self) -> Result<()> {
        while self.file_open {
            self.file_piece().await?;
        }
        Ok(())
    }

    fn write(&mut self, row: &Row) -> Result<()> {
        match self.format {
            Format::Binary => self.connection.write_binary_row(&self.types, row),
            Format::Text => {
                self.connection.write_row(row);
                Ok(())
            }
        }
    }

    fn converted(&self, row: &Row) -> Row {
        let mut out = RowBuilder::default();
        for (value, is_text) in sqltypes::values(row).zip(&self.texts) {
            match value {
                Some(text) if *is_text && !text.is_ascii() => out.push(Some(&self.charset.encode(text))),
                other => out.push(other),
            }
        }
        out.finish()
    }
}

#[async_trait]
impl Sink for RowWriter<'_> {
    async fn fields(&mut self, mut fields: Vec<Field>) -> Result<()> {
        if !self.charset.takes_utf8() {
            self.texts = fields.iter().map(|f| f.charset != BINARY || f.r#type() == Type::Json).collect();
        }
        if self.format == Format::Binary {
            self.types = fields.iter().map(Field::r#type).collect();
        }
        self.charset.label(&mut fields);
        self.labels.restore(&mut fields);
        self.connection.write_columns(&fields);
        self.began = true;
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        for row in &rows {
            if self.texts.is_empty() {
                self.write(row)?
            } else {
                self.write(&self.converted(row))?
            }
            self.connection.flush_if_large().await?;
        }
        Ok(true)
    }

    async fn ask_for_file(&mut self, name: &[u8]) -> Result<()> {
        if self.connection.capabilities & capability::LOCAL_FILES == 0 {
            return Err(local_files_disabled());
        }
        self.connection.packet(|out| {
            out.push(header::LOCAL_INFILE);
            out.extend_from_slice(name);
        });
        self.connection.flush().await?;
        self.file_open = true;
        Ok(())
    }

    async fn file_piece(&mut self) -> Result<Option<Bytes>> {
        match self.connection.read_packet(MAX_COMMAND_BYTES).await {
            Ok(Some(bytes)) => {
                self.file_open = !bytes.is_empty();
                Ok(Some(bytes).filter(|_| self.file_open))
            }
            ended => {
                self.file_open = false;
                Err(ended.err().unwrap_or_else(|| {
                    Error::new(Condition::ConnectionLost, "the client closed in the middle of its file")
                }))
            }
        }
    }
}
