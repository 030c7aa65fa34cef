//! Answers: OK, ERR, column definitions, rows.

use std::borrow::Cow;

use proto::query::{Field, MySqlFlag, Row, Type};
use sqltypes::{charset::BINARY, mysql_type_of};
use tokio::io::{AsyncRead, AsyncWrite};
use vterrors::Error;

use super::{Connection, Encode};
use crate::{
    constants::{capability, header},
    packet::{put_lenenc, put_lenenc_bytes, put_uint},
};

const BINARY_FLAG: u32 = MySqlFlag::BinaryFlag as u32;

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
        let encode = self.encode;
        self.packet(|out| {
            out.push(header::ERR);
            put_uint(out, code.errno.into(), 2);
            out.push(b'#');
            out.extend_from_slice(&code.sqlstate);
            out.extend_from_slice(&in_clients(encode, e.message()));
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
        let encode = self.encode;
        for field in fields {
            self.packet(|out| put_column(out, field, encode));
        }
        if !self.deprecates_eof() {
            self.write_eof(&OkPacket { status: crate::constants::status::AUTOCOMMIT, ..OkPacket::default() });
        }
    }

    /// The answer to COM_FIELD_LIST: the columns of a table, each with its default value, which is not told.
    pub fn write_field_list(&mut self, fields: &[Field], ok: &OkPacket) {
        let encode = self.encode;
        for field in fields {
            self.packet(|out| {
                put_column(out, field, encode);
                out.push(header::NULL);
            });
        }
        self.write_end_of_rows(ok);
    }

    /// The answer to COM_STMT_PREPARE: the statement's number, its parameters, the columns of its result
    /// (none where it has none, or where they are only known with the result).
    pub fn write_prepared(&mut self, statement_id: u32, params: u16, fields: &[Field], warnings: u16) {
        self.packet(|out| {
            out.push(header::OK);
            put_uint(out, statement_id.into(), 4);
            put_uint(out, fields.len() as u64, 2);
            put_uint(out, params.into(), 2);
            out.push(0);
            put_uint(out, warnings.into(), 2);
        });
        // Nothing is known of a parameter before it has a value.
        let param = Field { name: "?".into(), charset: BINARY, ..Field::default() };
        let param = Field { r#type: Type::Varbinary as i32, flags: BINARY_FLAG, ..param };
        let params: Vec<&Field> = (0..params).map(|_| &param).collect();
        self.write_definitions(&params);
        self.write_definitions(&fields.iter().collect::<Vec<_>>());
    }

    fn write_definitions(&mut self, fields: &[&Field]) {
        let encode = self.encode;
        for field in fields {
            self.packet(|out| put_column(out, field, encode));
        }
        if !fields.is_empty() && !self.deprecates_eof() {
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

/// A name or a message in the client's character set.
fn in_clients(encode: Option<Encode>, text: &str) -> Cow<'_, [u8]> {
    match encode {
        Some(encode) if !text.is_ascii() => Cow::Owned(encode(text.as_bytes())),
        _ => Cow::Borrowed(text.as_bytes()),
    }
}

fn put_column(out: &mut Vec<u8>, field: &Field, encode: Option<Encode>) {
    let (column_type, flags) = mysql_type_of(field.r#type());
    put_lenenc_bytes(out, b"def");
    for name in [&field.database, &field.table, &field.org_table, &field.name, &field.org_name] {
        put_lenenc_bytes(out, &in_clients(encode, name));
    }
    put_lenenc(out, 0x0c);
    put_uint(out, field.charset.into(), 2);
    put_uint(out, field.column_length.into(), 4);
    out.push(column_type as u8);
    put_uint(out, (field.flags | flags).into(), 2);
    out.push(field.decimals as u8);
    put_uint(out, 0, 2);
}
