//! The trace context in a statement's text: in a comment before or after it.
//!
//! Two forms: sqlcommenter's `traceparent='00-...'`, and `VT_SPAN_CONTEXT=` with JSON in base64, as Vitess's clients
//! write it (`{"uber-trace-id": "trace:span:parent:flags"}`, or with a `traceparent` in it).

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::SpanContext;

/// The span that the client says the statement belongs to; the comment nearest to the statement's ends counts.
pub fn of_sql(sql: &[u8]) -> Option<SpanContext> {
    let mut rest = sql.trim_ascii();
    while let Some(after) = rest.strip_prefix(b"/*") {
        let end = after.windows(2).position(|w| w == b"*/")?;
        if let Some(context) = of_comment(&after[..end]) {
            return Some(context);
        }
        rest = after[end + 2..].trim_ascii_start();
    }
    while let Some(before) = rest.strip_suffix(b";") {
        rest = before.trim_ascii_end();
    }
    let before = rest.strip_suffix(b"*/")?;
    let start = before.windows(2).rposition(|w| w == b"/*")?;
    of_comment(&before[start + 2..])
}

fn of_comment(text: &[u8]) -> Option<SpanContext> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(value) = value_of(text, "traceparent=") {
        return SpanContext::parse(value);
    }
    let json = STANDARD.decode(value_of(text, "VT_SPAN_CONTEXT=")?).ok()?;
    let carrier: Value = serde_json::from_slice(&json).ok()?;
    if let Some(parent) = carrier["traceparent"].as_str() {
        return SpanContext::parse(parent);
    }
    let mut parts = carrier["uber-trace-id"].as_str()?.split(':');
    let (trace_id, span_id, _parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let flags = u8::from_str_radix(flags, 16).ok()?;
    SpanContext::of_hex(trace_id, span_id, flags & 1 != 0)
}

/// The value behind a key, with quotes or without.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(key)?;
    match behind.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'').map(|(value, _)| value),
        None => behind.split([',', ' ', '\t', '\n', '*']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn told(sql: &str) -> Option<String> {
        of_sql(sql.as_bytes()).map(|c| c.to_string())
    }

    #[test]
    fn before_and_after_the_statement() {
        for sql in [
            format!("/*traceparent='{TEXT}'*/ select 1"),
            format!("  /* app */ /* traceparent={TEXT} */ select 1"),
            format!("select 1 /*action='a',traceparent='{TEXT}',route='%2Fx'*/"),
            format!("select 1 /*traceparent='{TEXT}'*/ ; "),
            format!("/*vt+ PRIORITY=1 traceparent={TEXT} */ select 1"),
        ] {
            assert_eq!(told(&sql).as_deref(), Some(TEXT), "{sql}");
        }
    }

    #[test]
    fn as_the_clients_of_vitess_write_it() {
        let of = |json: &str| format!("/*VT_SPAN_CONTEXT={}*/ select 1", STANDARD.encode(json));
        let uber = of(r#"{"uber-trace-id":"4bf92f3577b34da6a3ce929d0e0e4736:f067aa0ba902b7:0:1"}"#);
        assert_eq!(told(&uber).as_deref(), Some(TEXT));
        let short = of(r#"{"uber-trace-id":"a3ce929d0e0e4736:1:0:0"}"#);
        let expected = "00-0000000000000000a3ce929d0e0e4736-0000000000000001-00";
        assert_eq!(told(&short).as_deref(), Some(expected));
        let w3c = of(&format!(r#"{{"traceparent":"{TEXT}"}}"#)).replace("/*VT", "/*vt+ VT");
        assert_eq!(told(&w3c).as_deref(), Some(TEXT));
    }

    #[test]
    fn nothing_else_is_one() {
        for sql in [
            "",
            "select 1",
            "/*traceparent='nonsense'*/ select 1",
            "/*VT_SPAN_CONTEXT=%%%*/ select 1",
            "/*VT_SPAN_CONTEXT=e30=*/ select 1",
            "/* traceparent",
            "select 1 */",
        ] {
            assert_eq!(told(sql), None, "{sql}");
        }
        // Not in the middle, and not in a string.
        assert_eq!(told(&format!("select /*traceparent='{TEXT}'*/ 1")), None);
        assert_eq!(told(&format!("select \"traceparent='{TEXT}'\"")), None);
    }
}
