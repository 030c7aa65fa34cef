//! Shows what the crate makes of statements: JSON strings on standard input, one a line; one JSON object a
//! line out.

use std::io::{BufRead, Write};

use sqlast::ast::{Literal, QueryBody, SelectItem, Statement, TableName};
use sqlast::visit::TableRole;
use sqlast::{
    FingerprintKey, ParseOptions, Rewriter, Scratch, Walk, column_label, fingerprint, normalize, parse,
    preview, to_sql, to_sql_parenthesised,
};

/// Gives every table and every literal another name or value.
struct Rename;

impl Rewriter for Rename {
    fn table_name(&mut self, name: &mut TableName, _: TableRole) {
        name.name = format!("{}_r", name.name).into();
    }
    fn literal(&mut self, literal: &mut Literal) {
        match literal {
            Literal::String(text) => *text = format!("{text}'\\x").into(),
            Literal::Integer(digits) => *digits = "77".into(),
            Literal::Decimal(digits) => *digits = "7.5".into(),
            _ => {}
        }
    }
}

fn describe(sql: &[u8]) -> serde_json::Value {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let options = ParseOptions::default();
    let mut statement = match parse(sql, &options) {
        Ok(statement) => statement,
        Err(error) => return serde_json::json!({ "ok": false, "error": error.to_string() }),
    };
    let mut renamed = statement.clone();
    renamed.rewrite(&mut Rename);
    let labels: Vec<String> = match &statement {
        Statement::Query(query) => match &query.body {
            QueryBody::Select(select) => select.items.iter().map(|item| label(item, sql)).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let (printed, paren) = (to_sql(&statement), to_sql_parenthesised(&statement));
    let normalized = normalize(&mut statement, sql, &options);
    let mut scratch = Scratch::default();
    let found = fingerprint(sql, &options, &FingerprintKey([1, 2]), &mut scratch);
    serde_json::json!({
        "ok": true,
        "labels": labels,
        "kind": preview(sql).name(),
        "printed": text(printed),
        "paren": text(paren),
        "renamed": text(to_sql(&renamed)),
        "normalized": text(to_sql(&statement)),
        "binds": format!("{:?}", normalized.binds),
        "literal_bound": format!("{:?}", normalized.literal_bound),
        "fingerprint": found.map(|found| format!("{:032x}", found.hash)),
    })
}

fn label(item: &SelectItem, sql: &[u8]) -> String {
    match item {
        SelectItem::Expr(item) => {
            String::from_utf8_lossy(&column_label(item, sql, &ParseOptions::default())).into_owned()
        }
        _ => "*".to_owned(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let sql: String = serde_json::from_str(&line?)?;
        writeln!(out, "{}", describe(sql.as_bytes()))?;
    }
    Ok(())
}
