//! The SQL console: one statement at a time through a vtgate, for operators.
//!
//! Statements are not logged. What may write is refused unless the request says that it is meant.

use std::time::Instant;

use axum::{Extension, Json, body::Bytes, extract::State, http::StatusCode};
use proto::query::Type;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlast::ast::{self, VexplainKind};

use super::{
    Shared,
    answer::{Answer, Fault, body},
    gate::{MAX_ROWS, Shown, Statement},
    guard::Caller,
};

/// What of one value is shown; the text of a VEXPLAIN whole.
const MAX_VALUE_BYTES: usize = 16 << 10;
const MAX_EXPLAIN_BYTES: usize = 2 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    #[serde(default)]
    target: String,
    sql: String,
    /// Also if it may write.
    #[serde(default)]
    may_write: bool,
    #[serde(default)]
    vexplain: Option<Explain>,
}

/// Ask how the statement is answered, instead of its rows.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Explain {
    /// Only planned.
    Plan,
    /// Carried out, and what went to which shard, with rows and times.
    Trace,
    /// Carried out, and asked of the mysqlds too.
    All,
}

impl Explain {
    fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Trace => "trace",
            Self::All => "all",
        }
    }
}

pub(super) async fn run(
    State(web): State<Shared>,
    Extension(caller): Extension<Caller>,
    bytes: Bytes,
) -> Answer<Value> {
    let ask: Ask = body(&bytes)?;
    let Some(gate) = &web.gate else {
        let text = "the SQL console needs a vtgate: start vtctld with --vtgate-address host:port (vtgate's gRPC port)";
        return Err(Fault::new(StatusCode::CONFLICT, text));
    };
    let given = ask.sql.trim().trim_end_matches(';').trim();
    if given.is_empty() {
        return Err(Fault::new(StatusCode::BAD_REQUEST, "there is no statement"));
    }
    let sql = match ask.vexplain {
        Some(kind) => format!("vexplain {} {given}", kind.word()),
        None => given.to_owned(),
    };
    let reads = only_reads(&sql);
    if !reads && !ask.may_write {
        let text = "this statement may change data: allow that, if it is meant";
        return Err(Fault::new(StatusCode::CONFLICT, text));
    }
    let statement = Statement { target: ask.target, sql, caller: caller.name };
    let begun = Instant::now();
    let shown = if reads { gate.read(statement).await? } else { gate.write(statement).await? };
    let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(Json(answer(&shown, took_us, ask.vexplain.is_some())))
}

fn answer(shown: &Shown, took_us: u64, explains: bool) -> Value {
    let longest = if explains { MAX_EXPLAIN_BYTES } else { MAX_VALUE_BYTES };
    let columns: Vec<Value> =
        shown.fields.iter().map(|f| json!({ "name": f.name, "type": f.r#type().as_str_name() })).collect();
    let row = |row| -> Vec<Value> {
        let types = shown.fields.iter().map(|f| f.r#type());
        sqltypes::values(row)
            .zip(types)
            .map(|(v, ty)| v.map_or(Value::Null, |v| value(v, ty, longest)))
            .collect()
    };
    json!({
        "columns": columns,
        "rows": shown.rows.iter().map(row).collect::<Vec<_>>(),
        "is_cut": shown.is_cut,
        "max_rows": MAX_ROWS,
        "rows_affected": shown.rows_affected,
        "insert_id": shown.insert_id.to_string(),
        "took_us": took_us,
    })
}

/// A value as text; bytes that are none as hexadecimal digits.
fn value(bytes: &[u8], ty: Type, longest: usize) -> Value {
    let cut = &bytes[..bytes.len().min(longest)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    match std::str::from_utf8(cut) {
        Ok(text) if !sqltypes::is_binary(ty) || is_plain(text) => Value::from(format!("{text}{more}")),
        // A character that the cut went through is no reason for digits.
        Err(e) if !more.is_empty() && cut.len() - e.valid_up_to() < 4 => {
            Value::from(format!("{}{more}", String::from_utf8_lossy(&cut[..e.valid_up_to()])))
        }
        _ => {
            let digits: String = cut.iter().take(longest / 2).map(|byte| format!("{byte:02X}")).collect();
            Value::from(format!("0x{digits}{more}"))
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r'))
}

/// Whether a statement is known to change nothing; one that does not parse is not known.
fn only_reads(sql: &str) -> bool {
    let parsed = sqlast::parse(sql.as_bytes(), &sqlast::ParseOptions::default());
    parsed.is_ok_and(|statement| reads(&statement))
}

fn reads(statement: &ast::Statement) -> bool {
    match statement {
        ast::Statement::Query(_) | ast::Statement::Show(_) | ast::Statement::Explain(_) => true,
        ast::Statement::Vexplain(v) => {
            matches!(v.kind, VexplainKind::Plan | VexplainKind::Keys) || reads(&v.statement)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_write_is_told_from_what_reads() {
        for sql in [
            "select 1",
            "show tables",
            "explain select 1",
            "vexplain plan delete from t where id = 1",
            "vexplain trace select * from t",
            "with a as (select 1) select * from a",
        ] {
            assert!(only_reads(sql), "{sql}");
        }
        for sql in [
            "delete from t",
            "vexplain trace delete from t",
            "vexplain all update t set a = 1",
            "create table t (id int)",
            "with a as (select 1 as id) delete from t where id in (select id from a)",
            "set @a = 1",
            "call p()",
            "this is no sql",
            "select 1; delete from t",
        ] {
            assert!(!only_reads(sql), "{sql}");
        }
    }

    #[test]
    fn values_are_text_or_digits_and_never_long() {
        assert_eq!(value(b"abc", Type::Varchar, 10), "abc");
        assert_eq!(value(b"abc", Type::Varbinary, 10), "abc");
        assert_eq!(value(b"\x00\xff", Type::Varbinary, 10), "0x00FF");
        assert_eq!(value(b"abcdef", Type::Varchar, 3), "abc…");
        assert_eq!(value("aé".repeat(9).as_bytes(), Type::Varchar, 5), "aéa…");
    }
}
