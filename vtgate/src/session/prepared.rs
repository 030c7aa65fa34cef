//! A prepared statement: its text, where its parameters stand, and how values get into it.
//!
//! Values of SELECT, INSERT, UPDATE and DELETE travel as bind variables (`v1`, `v2`, as in Vitess), so that
//! every execution finds the same plan. Other statements are few and get their values as literals.

use std::sync::Arc;

use bytes::Bytes;
use proto::{query::Type, vtgate::PrepareData};
use sqlast::{ParseOptions, SqlMode, ast::Statement};
use sqltypes::{BindValue, BindVars, Field};
use vterrors::{Condition, Error, Result};

use super::Charset;

/// Most parameters of a statement: the protocol counts them in 16 bits.
pub const MAX_PARAMS: usize = u16::MAX as usize;

/// What is known of a statement once it is prepared. Shared by the sessions that prepare the same text.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub sql: Bytes,
    /// The mode in which the text is read, whatever the session's mode is by now.
    pub sql_mode: SqlMode,
    /// The offsets of the `?` in the text.
    pub places: Vec<usize>,
    /// The numbers of the `?` in a LIMIT.
    pub limits: Vec<u32>,
    /// Whether values travel as bind variables.
    pub is_bound: bool,
    /// The columns of the result, as far as they are known before it is executed.
    pub fields: Arc<[Field]>,
}

/// Whether the statement's values travel as bind variables.
pub fn takes_bind_variables(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_)
    )
}

/// What is executed for given values.
#[derive(Debug, PartialEq)]
pub enum Ready {
    Bound(BindVars),
    Text(Vec<u8>),
}

impl Prepared {
    /// The number of parameters.
    pub fn params(&self) -> u16 {
        u16::try_from(self.places.len()).unwrap_or(u16::MAX)
    }

    /// What the session's memory is charged for it.
    pub fn bytes(&self) -> usize {
        const OVERHEAD_BYTES: usize = 256;
        self.sql.len() + OVERHEAD_BYTES * (1 + self.fields.len())
    }

    /// As a gRPC client's session carries it.
    pub fn to_wire(&self) -> PrepareData {
        PrepareData {
            prepare_statement: String::from_utf8_lossy(&self.sql).into_owned(),
            params_count: self.params().into(),
        }
    }

    /// A text that was prepared before, in the default mode: it is known to be good.
    pub fn from_wire(data: &PrepareData) -> Self {
        let sql = data.prepare_statement.as_bytes();
        let options = ParseOptions::default();
        let statement = sqlast::parse(sql, &options).ok();
        Self {
            sql: Bytes::copy_from_slice(sql),
            sql_mode: SqlMode::default(),
            places: sqlast::param_places(sql, &options),
            limits: statement.as_ref().map(sqlast::limit_params).unwrap_or_default(),
            is_bound: statement.as_ref().is_some_and(takes_bind_variables),
            fields: Arc::from([]),
        }
    }

    /// Puts values to the parameters. Text among them is in the client's character set.
    ///
    /// Errors: 1210 for another number of values than parameters, or no whole number for a LIMIT.
    pub fn with(&self, mut values: Vec<BindValue>, charset: Charset) -> Result<Ready> {
        if values.len() != self.places.len() {
            return Err(Error::new(Condition::WrongArguments, "Incorrect arguments to EXECUTE"));
        }
        for number in &self.limits {
            if let Some(value) = values.get_mut(*number as usize) {
                *value = limit_value(value)?;
            }
        }
        let is_text = |v: &BindValue| matches!(v, BindValue::Scalar(Type::Varchar, b) if !b.is_ascii());
        // A bind variable has no character set of its own.
        let as_literals = !charset.is_utf8() && values.iter().any(is_text);
        if !self.is_bound || as_literals {
            return Ok(Ready::Text(self.with_literals(&values, charset)));
        }
        let named = values.into_iter().enumerate();
        Ok(Ready::Bound(named.map(|(at, v)| (format!("v{}", at + 1), as_bytes(v).into())).collect()))
    }

    fn with_literals(&self, values: &[BindValue], charset: Charset) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.sql.len() + 16 * values.len());
        let mut from = 0;
        for (place, value) in self.places.iter().zip(values) {
            out.extend_from_slice(&self.sql[from..*place]);
            // A value must not become one word with what is around it.
            out.push(b' ');
            put_literal(&mut out, value, charset, self.sql_mode);
            out.push(b' ');
            from = place + 1;
        }
        out.extend_from_slice(&self.sql[from..]);
        out
    }
}

/// Text that is none in UTF-8 is bytes.
fn as_bytes(value: BindValue) -> BindValue {
    match value {
        BindValue::Scalar(Type::Varchar, bytes) if std::str::from_utf8(&bytes).is_err() => {
            BindValue::Scalar(Type::Varbinary, bytes)
        }
        other => other,
    }
}

/// Drivers that send every value as text do so for LIMIT, too.
fn limit_value(value: &BindValue) -> Result<BindValue> {
    let wrong = || Error::new(Condition::WrongArguments, "Incorrect arguments to EXECUTE");
    let BindValue::Scalar(ty, bytes) = value else { return Err(wrong()) };
    if sqltypes::is_signed(*ty) && bytes.starts_with(b"-") {
        return Err(Error::mysql(1690, *b"22003", "unsigned integer value is out of range in 'EXECUTE'"));
    }
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<u64>().ok());
    number.map(BindValue::uint64).ok_or_else(wrong)
}

/// Writes a value as a literal that a lexer in `sql_mode` reads as the same value.
fn put_literal(out: &mut Vec<u8>, value: &BindValue, charset: Charset, sql_mode: SqlMode) {
    let BindValue::Scalar(ty, bytes) = value else { return out.extend_from_slice(b"NULL") };
    match ty {
        Type::NullType => out.extend_from_slice(b"NULL"),
        ty if sqltypes::is_number(*ty) => out.extend_from_slice(bytes),
        Type::Varchar if !bytes.is_ascii() && !charset.is_utf8() => {
            out.extend_from_slice(charset.introducer().as_bytes());
            put_hex(out, bytes);
        }
        ty if !sqltypes::is_binary(*ty) && std::str::from_utf8(bytes).is_ok() => {
            put_string(out, bytes, sql_mode);
        }
        _ => {
            out.extend_from_slice(b"_binary");
            put_hex(out, bytes);
        }
    }
}

/// ` x'...'`: a literal without anything to escape.
pub(super) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b" x'");
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'\'');
}

fn put_string(out: &mut Vec<u8>, text: &[u8], sql_mode: SqlMode) {
    let backslash = !sql_mode.has(SqlMode::NO_BACKSLASH_ESCAPES);
    out.push(b'\'');
    for byte in text {
        match byte {
            b'\'' => out.extend_from_slice(b"''"),
            b'\\' if backslash => out.extend_from_slice(b"\\\\"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests;
