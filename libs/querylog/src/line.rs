//! A line of a log: names and values in the order in which they were set.

use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// RFC 3339, in microseconds, UTC.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    // `Name=value` with tabs between them; a value that holds space, quotes or signs is a JSON string.
    #[default]
    Text,
    // A JSON object.
    Json,
}

/// A line that is being put together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line(Map<String, Value>);

impl Line {
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A point in time.
    pub fn set_time(&mut self, name: &str, at: SystemTime) -> &mut Self {
        let text = OffsetDateTime::from(at).format(TIME);
        self.set(name, text.unwrap_or_default())
    }

    /// The line with its end of line; there is no other one in it.
    pub fn render(&self, format: Format) -> String {
        let mut out = match format {
            Format::Json => Value::Object(self.0.clone()).to_string(),
            Format::Text => {
                let values: Vec<_> = self.0.iter().map(|(name, v)| format!("{name}={}", text(v))).collect();
                values.join("\t")
            }
        };
        out.push('\n');
        out
    }
}

/// Seconds, to the microsecond.
pub fn seconds(took: Duration) -> Value {
    let micros = u32::try_from(took.as_micros()).map_or(took.as_secs_f64(), |us| f64::from(us) / 1e6);
    Value::from(micros)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(s) if !s.is_empty() && s.bytes().all(is_plain) => s.clone(),
        other => other.to_string(),
    }
}

fn is_plain(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'"' | b'=' | b'\\')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_formats_are_one_line_each() {
        let mut line = Line::default();
        line.set_time("Start", SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456))
            .set("User", "app")
            .set("SQL", "select\n\t'a' from t")
            .set("TablesUsed", json!(["ks.t"]))
            .set("Error", "")
            .set("Rows", 3)
            .set("TotalTime", seconds(Duration::from_nanos(1_234_999)));
        assert_eq!(
            line.render(Format::Json),
            "{\"Start\":\"2023-11-14T22:13:20.123456Z\",\"User\":\"app\",\"SQL\":\"select\\n\\t'a' from t\",\
             \"TablesUsed\":[\"ks.t\"],\"Error\":\"\",\"Rows\":3,\"TotalTime\":0.001234}\n"
        );
        assert_eq!(
            line.render(Format::Text),
            "Start=2023-11-14T22:13:20.123456Z\tUser=app\tSQL=\"select\\n\\t'a' from t\"\t\
             TablesUsed=[\"ks.t\"]\tError=\"\"\tRows=3\tTotalTime=0.001234\n"
        );
    }
}
