//! Bind variables as a log tells them.

use std::collections::HashMap;

use proto::query::{BindVariable, Type};
use serde_json::{Map, Value, json};

/// Bytes of a value in a line.
const MAX_VALUE_BYTES: usize = 256;
/// Values of a list in a line, and bind variables of a statement.
const MAX_VALUES: usize = 100;

/// By name, in the order of names: `{"type": "INT64", "value": "7"}`, and for a list its first values and how many
/// there are. Long values are cut.
pub fn bind_values(binds: &HashMap<String, BindVariable>) -> Value {
    let mut names: Vec<_> = binds.keys().collect();
    names.sort();
    let told = names.into_iter().take(MAX_VALUES).map(|name| (name.clone(), bind(&binds[name])));
    Value::Object(told.collect::<Map<_, _>>())
}

fn bind(variable: &BindVariable) -> Value {
    let name = Type::try_from(variable.r#type).map_or("UNKNOWN", |t| t.as_str_name());
    if variable.r#type == Type::Tuple as i32 {
        let values: Vec<_> = variable.values.iter().take(MAX_VALUES).map(|v| value(&v.value)).collect();
        return json!({"type": name, "count": variable.values.len(), "values": values});
    }
    json!({"type": name, "value": value(&variable.value)})
}

fn value(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_VALUE_BYTES)]);
    if bytes.len() > MAX_VALUE_BYTES {
        format!("{text}... ({} bytes)", bytes.len())
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proto::query::Value as One;

    use super::*;

    #[test]
    fn values_lists_and_long_ones() {
        let text = |s: &str| s.as_bytes().to_vec().into();
        let number = BindVariable { r#type: Type::Int64 as i32, value: text("7"), ..Default::default() };
        let long = BindVariable {
            r#type: Type::Varchar as i32,
            value: text(&"x".repeat(300)),
            ..Default::default()
        };
        let one = |s: &str| One { r#type: Type::Varchar as i32, value: text(s) };
        let list = BindVariable {
            r#type: Type::Tuple as i32,
            values: vec![one("a"), one("b")],
            ..Default::default()
        };
        let binds =
            HashMap::from([("v2".to_owned(), number), ("v1".to_owned(), list), ("v3".to_owned(), long)]);
        assert_eq!(
            bind_values(&binds).to_string(),
            format!(
                "{{\"v1\":{{\"type\":\"TUPLE\",\"count\":2,\"values\":[\"a\",\"b\"]}},\
                 \"v2\":{{\"type\":\"INT64\",\"value\":\"7\"}},\
                 \"v3\":{{\"type\":\"VARCHAR\",\"value\":\"{}... (300 bytes)\"}}}}",
                "x".repeat(256)
            )
        );
    }
}
