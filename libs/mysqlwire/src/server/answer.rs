//! Answers: OK, ERR, column definitions, rows.

use proto::query::{Field, Row};
use sqltypes::mysql_type_of;
use tokio::io::{AsyncRead, AsyncWrite};
use vterrors::Error;

use super::Connection;
use crate::{
    constants::{capability, header},
    packet::{put_lenenc, put_lenenc_bytes, put_uint},
};

/// The end of a statement that has no rows, or of the rows.
#[derive(Debug, Clone, Default)]
pub struct OkPacket {
    pub affected_rows: u64,
    pub last_insert_id: u64,
    /// Server status flags (`constants::status`).
    pub status: u16,
    pub warnings: u16,
    /// `Records: 2  Duplicates: 0  Warnings: 0` and the like.
    pub info: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn write_ok(&mut self, ok: &OkPacket) {
        self.ok_like(header::OK, ok);
    }

    fn ok_like(&mut self, first: u8, ok: &OkPacket) {
        self.packet(|out| {
            out.push(first);
            put_lenenc(out, ok.affected_rows);
            put_lenenc(out, ok.last_insert_id);
            put_uint(out, ok.status.into(), 2);
            put_uint(out, ok.warnings.into(), 2);
            // With its length, as mysqld sends it; the manual has it without, and every client would fail.
            if !ok.info.is_empty() {
                put_lenenc_bytes(out, ok.info.as_bytes());
            }
        });
    }

    pub fn write_error(&mut self, e: &Error) {
        let code = e.mysql_code();
        self.packet(|out| {
            out.push(header::ERR);
            put_uint(out, code.errno.into(), 2);
            out.push(b'#');
            out.extend_from_slice(&code.sqlstate);
            out.extend_from_slice(e.message().as_bytes());
        });
    }

    fn deprecates_eof(&self) -> bool {
        self.capabilities & capability::DEPRECATE_EOF != 0
    }

    fn write_eof(&mut self, ok: &OkPacket) {
        let (warnings, status) = (ok.warnings, ok.status);
        self.packet(|out| {
            out.push(header::EOF);
            put_uint(out, warnings.into(), 2);
            put_uint(out, status.into(), 2);
        });
    }

    /// The head of a result: how many columns, each column, and an EOF for clients that want one.
    pub fn write_columns(&mut self, fields: &[Field]) {
        self.packet(|out| put_lenenc(out, fields.len() as u64));
        for field in fields {
            self.packet(|out| put_column(out, field));
        }
        if !self.deprecates_eof() {
            self.write_eof(&OkPacket { status: crate::constants::status::AUTOCOMMIT, ..OkPacket::default() });
        }
    }

    /// One row in the text protocol.
    pub fn write_row(&mut self, row: &Row) {
        self.packet(|out| {
            out.reserve(row.values.len() + row.lengths.len() * 2);
            let mut at = 0;
            for len in &row.lengths {
                match usize::try_from(*len) {
                    Err(_) => out.push(header::NULL),
                    Ok(len) => {
                        // A row that lies about its lengths gives empty values, not a panic.
                        let value = row.values.get(at..at + len).unwrap_or_default();
                        put_lenenc_bytes(out, value);
                        at += len;
                    }
                }
            }
        });
    }

    /// The end of the rows.
    pub fn write_end_of_rows(&mut self, ok: &OkPacket) {
        if self.deprecates_eof() { self.ok_like(header::EOF, ok) } else { self.write_eof(ok) }
    }
}

fn put_column(out: &mut Vec<u8>, field: &Field) {
    let (column_type, flags) = mysql_type_of(field.r#type());
    put_lenenc_bytes(out, b"def");
    put_lenenc_bytes(out, field.database.as_bytes());
    put_lenenc_bytes(out, field.table.as_bytes());
    put_lenenc_bytes(out, field.org_table.as_bytes());
    put_lenenc_bytes(out, field.name.as_bytes());
    put_lenenc_bytes(out, field.org_name.as_bytes());
    put_lenenc(out, 0x0c);
    put_uint(out, field.charset.into(), 2);
    put_uint(out, field.column_length.into(), 4);
    out.push(column_type as u8);
    put_uint(out, (field.flags | flags).into(), 2);
    out.push(field.decimals as u8);
    put_uint(out, 0, 2);
}
