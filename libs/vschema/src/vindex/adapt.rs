//! From the value in a statement to the value that the column holds.
//!
//! A vindex hashes the column's value. MySQL compares and stores by the column's type: an integer column
//! equals `'05'`, and stores 5 when it is given. A vindex of bytes (xxhash) would hash `05`. So:
//! - a whole number is hashed by its canonical text, on integer columns also when it is written as text;
//! - a value that could equal several stored values reads from everywhere, and cannot be written;
//! - a value that is written is hashed as the column keeps it: rounded, made to fit, cut ([`KeyColumn`]);
//! - where the column's type is unknown, the value's own type counts, and only text that is a number in
//!   other than canonical form (`'05'`, `'5.0'`) is treated as uncertain.
//!
//! Letter case and accents are not looked at: as in Vitess, the vindex decides which texts are equal, and
//! a case-insensitive sharding column wants a `unicode_loose_*` vindex.

use std::borrow::Cow;

use proto::query::Type;
use vterrors::{Error, Result};

use crate::{
    ColumnType, KeyColumn, VindexValue,
    value::{Class, integer},
};

/// What a vindex takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    Number,
    Bytes,
    /// The value does not matter (`null`).
    Any,
}

/// A value as the column holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adapted<'a> {
    ty: Type,
    bytes: Cow<'a, [u8]>,
}

impl Adapted<'_> {
    pub(super) fn view(&self) -> VindexValue<'_> {
        VindexValue::new(self.ty, &self.bytes)
    }
}

/// What a value in a comparison finds.
#[derive(Debug)]
pub(super) enum Read<'a> {
    Value(Adapted<'a>),
    Nothing,
    Anywhere,
}

/// A value that a column is compared with by `=`.
pub(super) fn adapt_read<'a>(domain: Domain, value: VindexValue<'a>, column: Option<KeyColumn>) -> Read<'a> {
    if value.is_null() {
        return Read::Nothing;
    }
    match adapt(domain, value, column) {
        Some(adapted) => Read::Value(adapted),
        None => Read::Anywhere,
    }
}

/// A value that is written to a column.
pub(super) fn adapt_write<'a>(
    domain: Domain,
    value: VindexValue<'a>,
    column: Option<KeyColumn>,
) -> Result<Adapted<'a>> {
    let ty = column.map(|c| c.ty);
    let adapted = match column.filter(|c| is_kept(domain, c.ty)) {
        Some(column) => column.stored(value).and_then(|(ty, bytes)| held(domain, ty, bytes)),
        None if value.is_null() => held(Domain::Any, Type::NullType, Cow::Borrowed(b"")),
        None => adapt(domain, value, column),
    };
    adapted.ok_or_else(|| {
        let of = ty.map_or(String::new(), |ty| format!(" for a column of type {}", ty.as_str_name()));
        Error::invalid(format!("the value {} is not exact enough to say its shard{of}", value.describe()))
    })
}

/// Whether the vindex hashes what such a column keeps.
fn is_kept(domain: Domain, column: ColumnType) -> bool {
    match domain {
        Domain::Any => false,
        // A DECIMAL that is whole is hashed as one.
        Domain::Number => column != Type::Decimal,
        Domain::Bytes => true,
    }
}

/// What a column holds, for a vindex; none where it hashes numbers and this is none.
fn held(domain: Domain, ty: Type, bytes: Cow<'_, [u8]>) -> Option<Adapted<'_>> {
    let is_null = ty == Type::NullType;
    (is_null || domain != Domain::Number || integer(&bytes).is_some())
        .then_some(Adapted { ty: if is_null { ty } else { Type::Varbinary }, bytes })
}

/// The value as the column holds it, if there is exactly one that equals it.
fn adapt<'a>(domain: Domain, value: VindexValue<'a>, column: Option<KeyColumn>) -> Option<Adapted<'a>> {
    match (domain, column) {
        (Domain::Any, _) => Some(as_is(value)),
        (Domain::Number, _) => number(value),
        (Domain::Bytes, None) => unknown_column(value),
        (Domain::Bytes, Some(column)) => {
            column.equal(value).map(|bytes| Adapted { ty: Type::Varbinary, bytes })
        }
    }
}

fn number(value: VindexValue<'_>) -> Option<Adapted<'_>> {
    match value.classify() {
        Class::Integer(_) => Some(as_is(value)),
        Class::Bytes(text) if is_text(value.ty) && integer(&text).is_some() => Some(as_is(value)),
        _ => None,
    }
}

fn unknown_column(value: VindexValue<'_>) -> Option<Adapted<'_>> {
    match value.classify() {
        // A DECIMAL's text depends on the column's scale.
        Class::Integer(number) if value.ty != Type::Decimal => Some(owned(number.text())),
        Class::Bytes(bytes) if is_text(value.ty) && is_uncertain_number(&bytes) => None,
        Class::Bytes(bytes) => Some(Adapted { ty: Type::Varbinary, bytes }),
        _ => None,
    }
}

/// Text that an integer column would read as a whole number, in other than canonical form.
fn is_uncertain_number(text: &[u8]) -> bool {
    if let Some(number) = integer(text) {
        return number.text().as_bytes() != text;
    }
    let trimmed = text.trim_ascii();
    let starts_like_one =
        trimmed.first().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    starts_like_one && std::str::from_utf8(trimmed).is_ok_and(|t| t.parse::<f64>().is_ok())
}

fn is_text(ty: Type) -> bool {
    !matches!(ty, Type::Hexnum | Type::Hexval | Type::Bitnum)
}

fn as_is(value: VindexValue<'_>) -> Adapted<'_> {
    Adapted { ty: value.ty, bytes: Cow::Borrowed(value.bytes) }
}

fn owned(text: String) -> Adapted<'static> {
    Adapted { ty: Type::Varbinary, bytes: Cow::Owned(text.into_bytes()) }
}
