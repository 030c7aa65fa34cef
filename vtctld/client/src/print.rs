//! What several commands print: messages as JSON, tablets as lines, events as log lines.

use ops::json;
use proto::{
    logutil,
    topodata::{Tablet, TabletAlias as ProtoAlias},
    vttime,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use vterrors::{Error, Result};
use vtmodel::{TabletAlias, tablet_type_lower};

use crate::Client;

impl Client {
    /// A message of the type `name` as JSON with a line's end.
    pub(crate) fn json<M: prost::Message>(&self, name: &str, message: &M) -> Result<String> {
        Ok(json::to_json(name, message, self.style)? + "\n")
    }
}

/// `keyspace/shard`, as many commands name a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyspaceShard {
    pub keyspace: String,
    pub shard: String,
}

impl std::str::FromStr for KeyspaceShard {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s.split_once('/') {
            Some((keyspace, shard)) if !keyspace.is_empty() && !shard.is_empty() && !shard.contains('/') => {
                Ok(Self { keyspace: keyspace.to_owned(), shard: shard.to_owned() })
            }
            _ => Err(Error::invalid(format!("invalid shard {s:?}: expected <keyspace>/<shard>"))),
        }
    }
}

/// A tablet alias argument.
pub(crate) fn parse_alias(text: &str) -> Result<ProtoAlias> {
    text.parse::<TabletAlias>().map(Into::into)
}

/// A duration of a request; none for zero.
pub(crate) fn duration(d: std::time::Duration) -> Option<vttime::Duration> {
    let seconds = i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(d.subsec_nanos()).unwrap_or(0);
    (!d.is_zero()).then_some(vttime::Duration { seconds, nanos })
}

fn or_null(text: &str) -> &str {
    if text.is_empty() { "<null>" } else { text }
}

/// A time of a record; none for one that was never set.
pub(crate) fn when(t: &vttime::Time) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(t.seconds).ok().filter(|_| t.seconds != 0)
}

/// A time as RFC 3339.
pub(crate) fn when_text(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// `alias keyspace shard type host:port mysqlhost:port [tags] term-start`: one tablet, for awk.
pub(crate) fn tablet_line(t: &Tablet) -> String {
    let alias = TabletAlias::from_proto(t.alias.as_ref()).map(|a| a.to_string()).unwrap_or_default();
    let mut tags: Vec<_> = t.tags.iter().map(|(k, v)| format!("{k}: {v:?}")).collect();
    tags.sort();
    let term = t.primary_term_start_time.as_ref().and_then(when);
    let term = term.map_or_else(|| "<null>".to_owned(), when_text);
    format!(
        "{alias} {} {} {} {}:{} {}:{} [{}] {term}",
        or_null(&t.keyspace),
        or_null(&t.shard),
        tablet_type_lower(t.r#type()),
        t.hostname,
        t.port_map.get("vt").copied().unwrap_or_default(),
        t.mysql_hostname,
        t.mysql_port,
        tags.join(" ")
    )
}

/// Events as the lines of a log.
pub(crate) fn events(events: &[logutil::Event]) -> String {
    events.iter().map(event_line).collect()
}

fn event_line(e: &logutil::Event) -> String {
    let letter = match e.level() {
        logutil::Level::Info => "I",
        logutil::Level::Warning => "W",
        logutil::Level::Error => "E",
        logutil::Level::Console => return format!("{}\n", e.value),
    };
    let time = e.time.unwrap_or_default();
    let micros = u32::try_from(time.nanoseconds).unwrap_or(0) / 1000;
    let form = format_description!("[month][day] [hour]:[minute]:[second]");
    let time = OffsetDateTime::from_unix_timestamp(time.seconds).ok();
    let time = time.and_then(|t| t.format(&form).ok()).unwrap_or_default();
    format!("{letter}{time}.{micros:06} {}:{}] {}\n", e.file, e.line, e.value)
}
