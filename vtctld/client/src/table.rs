//! Query results as text: a table, or the JSON that Vitess's client prints.

use proto::query::{Field, QueryResult, Row, Type};
use serde_json::{Value, json};
use vterrors::{Error, Result};

/// A cell: `None` is NULL.
type Cell<'a> = Option<&'a [u8]>;

/// Cuts a row's values apart.
fn cells(row: &Row) -> Result<Vec<Cell<'_>>> {
    let mut rest: &[u8] = &row.values;
    let mut cells = Vec::with_capacity(row.lengths.len());
    for length in &row.lengths {
        let Ok(length) = usize::try_from(*length) else {
            cells.push(None);
            continue;
        };
        let (cell, after) = rest
            .split_at_checked(length)
            .ok_or_else(|| Error::internal("a row is shorter than its lengths say"))?;
        cells.push(Some(cell));
        rest = after;
    }
    Ok(cells)
}

fn text(cell: Cell<'_>) -> String {
    cell.map_or_else(|| "NULL".to_owned(), |c| String::from_utf8_lossy(c).into_owned())
}

/// A table with a frame; nothing for a result without columns.
pub(crate) fn table(result: &QueryResult) -> Result<String> {
    if result.fields.is_empty() {
        return Ok(String::new());
    }
    let header: Vec<&str> = result.fields.iter().map(|f| f.name.as_str()).collect();
    let mut rows = Vec::with_capacity(result.rows.len());
    for row in &result.rows {
        rows.push(cells(row)?.into_iter().map(text).collect::<Vec<_>>());
    }
    let right: Vec<bool> = result.fields.iter().map(is_number).collect();
    Ok(frame(&header, &rows, &right))
}

/// Rows in a frame below their header; `right` says which columns are numbers (none where it ends).
pub(crate) fn frame(header: &[&str], rows: &[Vec<String>], right: &[bool]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let frame: String = widths.iter().map(|w| format!("+{}", "-".repeat(w + 2))).collect::<String>() + "+\n";
    let line = |row: &mut dyn Iterator<Item = &str>, numbers: bool| {
        let mut out = String::new();
        for (at, (cell, width)) in row.zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            match numbers && right.get(at).copied().unwrap_or(false) {
                true => out += &format!("| {pad}{cell} "),
                false => out += &format!("| {cell}{pad} "),
            }
        }
        out + "|\n"
    };
    let body: String = rows.iter().map(|r| line(&mut r.iter().map(String::as_str), true)).collect();
    let end = if rows.is_empty() { "" } else { frame.as_str() };
    format!("{frame}{}{frame}{body}{end}", line(&mut header.iter().copied(), false))
}

/// The bits of a type number that say "whole number" and "floating point", as Vitess numbers types.
const INTEGRAL: i32 = 256;
const FLOATING: i32 = 1024;

fn is_number(field: &Field) -> bool {
    field.r#type & (INTEGRAL | FLOATING) != 0 || field.r#type() == Type::Decimal
}

/// `{"fields": [...], "rows": [[...]], ...}`: numbers as numbers, NULL as null, the rest as text.
pub(crate) fn json(result: &QueryResult) -> Result<String> {
    let fields: Vec<Value> =
        result.fields.iter().map(|f| json!({"name": f.name, "type": f.r#type})).collect();
    let mut rows = Vec::with_capacity(result.rows.len());
    for row in &result.rows {
        let values = cells(row)?.into_iter().zip(&result.fields).map(|(cell, field)| value(cell, field));
        rows.push(Value::Array(values.collect()));
    }
    let mut object = serde_json::Map::new();
    object.insert("fields".into(), Value::Array(fields));
    if result.rows_affected != 0 {
        object.insert("rows_affected".into(), json!(result.rows_affected));
    }
    if result.insert_id != 0 {
        object.insert("insert_id".into(), json!(result.insert_id));
    }
    object.insert("rows".into(), Value::Array(rows));
    let text = serde_json::to_string_pretty(&object).map_err(|e| Error::internal(e.to_string()))?;
    Ok(text + "\n")
}

fn value(cell: Cell<'_>, field: &Field) -> Value {
    let Some(cell) = cell else { return Value::Null };
    let text = String::from_utf8_lossy(cell);
    let number = is_number(field).then(|| serde_json::from_str::<Value>(&text).ok()).flatten();
    number.filter(Value::is_number).unwrap_or_else(|| Value::String(text.into_owned()))
}
