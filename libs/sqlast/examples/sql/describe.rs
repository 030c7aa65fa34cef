//! A line in, a line out: what the crate makes of a statement.
//!
//! In: a JSON string. Out: a JSON object that always has these keys, null where there is nothing to say:
//!
//! | key | |
//! |---|---|
//! | `ok` | whether the statement was read; all that follows is as far as it was |
//! | `error` | why not: MySQL's text, or what is wrong with the line |
//! | `kind` | by the first words, as Vitess names kinds in metrics: `SELECT` |
//! | `printed` | the tree as text |
//! | `paren` | the same with every operation in parentheses |
//! | `normalized` | printed with bind variables for the literals |
//! | `binds` | an object: their names to `{"type", "value"}`, a list's to `{"type": "TUPLE", "values": [...]}` |
//! | `fingerprint` | 32 hex digits, equal where only values of literals differ; null where a statement has none |
//! | `tables` | the tables that it names: [`super::tables::tables`] |
//! | `labels` | of one SELECT: what MySQL calls each column, `*` for a wildcard |
//! | `literal_bound` | why the plan can serve no other literals; empty where it can |
//!
//! Bytes that are no UTF-8: see [`super::json`]. A line that is no JSON string is answered like a statement
//! that cannot be read. There is no limit to a line but memory.

use sqlast::{
    BindValue, FingerprintKey, Normalized, ParseOptions, Scratch,
    ast::{Ident, QueryBody, SelectItem, Statement},
    column_label, fingerprint,
    normalize::{Value, ValueKind, normalize},
    parse, preview, to_sql, to_sql_parenthesised,
};

use super::{json, tables};

/// The keys in their order.
pub const KEYS: [&str; 11] = [
    "ok",
    "error",
    "kind",
    "printed",
    "paren",
    "normalized",
    "binds",
    "fingerprint",
    "tables",
    "labels",
    "literal_bound",
];

/// Fixed, so that fingerprints of two runs can be compared. A program that serves others takes a random one.
const KEY: FingerprintKey = FingerprintKey([1, 2]);

/// What becomes of one line, without a line end.
pub fn line(line: &[u8]) -> String {
    match json::read(line.trim_ascii()) {
        Ok(sql) => describe(&sql),
        Err(e) => object([("ok", "false".to_owned()), ("error", json::string(e.as_bytes()))]),
    }
}

fn describe(sql: &[u8]) -> String {
    let options = ParseOptions::default();
    let kind = ("kind", json::string(preview(sql).name().as_bytes()));
    let mut statement = match parse(sql, &options) {
        Ok(statement) => statement,
        Err(e) => {
            let error = json::string(e.to_string().as_bytes());
            return object([("ok", "false".to_owned()), ("error", error), kind]);
        }
    };
    let tables = json::strings(tables::tables(&statement));
    let labels = labels(&statement, sql, &options);
    let (printed, paren) = (to_sql(&statement), to_sql_parenthesised(&statement));
    let normalized = normalize(&mut statement, sql, &options);
    let found = fingerprint(sql, &options, &KEY, &mut Scratch::default());
    let found = found.map_or("null".to_owned(), |found| format!("\"{:032x}\"", found.hash));
    object([
        ("ok", "true".to_owned()),
        kind,
        ("printed", json::string(&printed)),
        ("paren", json::string(&paren)),
        ("normalized", json::string(&to_sql(&statement))),
        ("binds", binds(&normalized)),
        ("fingerprint", found),
        ("tables", tables),
        ("labels", labels),
        ("literal_bound", json::strings(normalized.literal_bound.iter().map(|why| format!("{why:?}")))),
    ])
}

/// An object of all keys; values are JSON.
fn object<const N: usize>(values: [(&str, String); N]) -> String {
    let value = |key: &str| values.iter().find(|(name, _)| *name == key).map_or("null", |(_, v)| v);
    let members: Vec<String> = KEYS.iter().map(|key| format!("\"{key}\":{}", value(key))).collect();
    format!("{{{}}}", members.join(","))
}

fn binds(normalized: &Normalized) -> String {
    let bind = |value: &BindValue| match value {
        BindValue::Value(value) => typed(value),
        BindValue::Tuple(values) => {
            let values: Vec<String> = values.iter().map(typed).collect();
            format!("{{\"type\":\"TUPLE\",\"values\":[{}]}}", values.join(","))
        }
    };
    let member =
        |(name, value): &(Ident, BindValue)| format!("{}:{}", json::string(name.as_bytes()), bind(value));
    let members: Vec<String> = normalized.binds.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}

/// The types are named as in Vitess's `query.Type`.
fn typed(value: &Value) -> String {
    let kind = match value.kind {
        ValueKind::Int64 => "INT64",
        ValueKind::Uint64 => "UINT64",
        ValueKind::Decimal => "DECIMAL",
        ValueKind::Float64 => "FLOAT64",
        ValueKind::VarChar => "VARCHAR",
        ValueKind::HexNum => "HEXNUM",
        ValueKind::HexVal => "HEXVAL",
        ValueKind::BitNum => "BITNUM",
    };
    format!("{{\"type\":\"{kind}\",\"value\":{}}}", json::string(value.bytes.as_bytes()))
}

fn labels(statement: &Statement, sql: &[u8], options: &ParseOptions) -> String {
    let label = |item: &SelectItem| match item {
        SelectItem::Expr(item) => column_label(item, sql, options),
        _ => b"*".to_vec(),
    };
    match statement {
        Statement::Query(query) => match &query.body {
            QueryBody::Select(select) => json::strings(select.items.iter().map(label)),
            _ => "null".to_owned(),
        },
        _ => "null".to_owned(),
    }
}
