//! What viewers see of the picture: rows, filters, pages and sums. Pure.

use std::{cmp::Ordering, collections::BTreeMap};

use proto::topodata::{Tablet, TabletType};
use serde::{Deserialize, Serialize};
use vtmodel::TabletAlias;

use super::{Picture, health::Heard};

/// What a page holds at most, whatever is asked for.
const MAX_PAGE: usize = 200;
const DEFAULT_PAGE: usize = 50;
/// Shards of one keyspace that an overview shows, and of all keyspaces of a page.
const MAX_SHARDS: usize = 256;
const MAX_PAGE_SHARDS: usize = 1_000;

/// One tablet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TabletRow {
    pub alias: String,
    pub cell: String,
    pub keyspace: String,
    pub shard: String,
    /// As the tablet says; where it says nothing, as its record has it.
    pub role: String,
    pub record_role: String,
    pub state: State,
    pub lag_seconds: u32,
    pub qps: f64,
    /// Why it does not serve, or is not heard.
    pub error: String,
    /// Since it spoke last.
    pub heard_seconds: Option<u64>,
    /// When it became primary, in seconds since the epoch; 0 if it is not.
    pub primary_since: i64,
    pub hostname: String,
    pub grpc_port: i32,
    pub mysql_address: String,
    /// Its status page.
    pub status_url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Serving,
    NotServing,
    /// It does not answer.
    Silent,
}

impl TabletRow {
    pub(super) fn of(alias: &TabletAlias, tablet: &Tablet, heard: Option<Heard>) -> Self {
        let Heard { health, fault } = heard.unwrap_or_default();
        let (at, health) = health.unzip();
        let stats = health.as_ref().and_then(|h| h.realtime_stats.clone()).unwrap_or_default();
        let target = health.as_ref().and_then(|h| h.target.clone());
        let state = match &health {
            _ if fault.is_some() => State::Silent,
            Some(health) if health.serving => State::Serving,
            Some(_) => State::NotServing,
            None => State::Silent,
        };
        let role = |t: TabletType| t.as_str_name().to_owned();
        let said = target.filter(|_| state != State::Silent).map(|t| role(t.tablet_type()));
        let port = |name: &str| tablet.port_map.get(name).copied().unwrap_or_default();
        Self {
            alias: alias.to_string(),
            cell: alias.cell.clone(),
            keyspace: tablet.keyspace.clone(),
            shard: tablet.shard.clone(),
            role: said.unwrap_or_else(|| role(tablet.r#type())),
            record_role: role(tablet.r#type()),
            state,
            lag_seconds: stats.replication_lag_seconds,
            qps: if state == State::Silent { 0.0 } else { stats.qps },
            error: fault.unwrap_or(stats.health_error),
            heard_seconds: at.map(|at| at.elapsed().as_secs()),
            primary_since: health.map_or(0, |h| h.primary_term_start_timestamp),
            hostname: tablet.hostname.clone(),
            grpc_port: port("grpc"),
            mysql_address: match tablet.mysql_port {
                0 => String::new(),
                port => format!("{}:{port}", tablet.mysql_hostname),
            },
            status_url: match (port("vt"), port("vts")) {
                (0, 0) => String::new(),
                (port, 0) => format!("http://{}:{port}/debug/status", tablet.hostname),
                (_, port) => format!("https://{}:{port}/debug/status", tablet.hostname),
            },
        }
    }

    /// By keyspace and shard, the primary first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }

    fn place(&self) -> (&str, &str, bool, &str) {
        (&self.keyspace, &self.shard, self.role != "PRIMARY", &self.alias)
    }

    fn has(&self, text: &str) -> bool {
        let has = |field: &str| field.to_ascii_lowercase().contains(text);
        [&self.alias, &self.keyspace, &self.shard, &self.hostname, &self.error]
            .into_iter()
            .any(|field| has(field))
    }
}

/// Which tablets, and which page of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TabletQuery {
    pub keyspace: String,
    pub shard: String,
    pub cell: String,
    /// `PRIMARY`, `REPLICA`, ...
    pub role: String,
    pub state: Option<State>,
    /// In the alias, keyspace, shard, host name or error.
    pub text: String,
    /// What comes first: the slowest (`lag`), the busiest (`qps`); else by keyspace and shard.
    pub sort: String,
    pub offset: usize,
    pub limit: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct TabletsPage<'a> {
    pub version: u64,
    /// How many there are, on all pages.
    pub matched: usize,
    pub tablets: Vec<&'a TabletRow>,
}

/// Which keyspaces, and which page of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeyspaceQuery {
    /// This one alone.
    pub keyspace: String,
    pub text: String,
    /// Only those where something does not serve.
    pub troubled: bool,
    pub offset: usize,
    pub limit: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct KeyspacesPage {
    pub version: u64,
    /// In milliseconds since the epoch.
    pub taken_ms: u64,
    pub fault: Option<String>,
    pub totals: Totals,
    pub cells: Vec<CellRow>,
    pub matched: usize,
    pub keyspaces: Vec<KeyspaceRow>,
}

/// The cluster in numbers.
#[derive(Debug, Serialize)]
pub(crate) struct Totals {
    pub keyspaces: usize,
    pub shards: usize,
    #[serde(flatten)]
    pub sums: Sums,
}

/// What some tablets come to together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Sums {
    pub tablets: usize,
    pub serving: usize,
    pub not_serving: usize,
    pub silent: usize,
    pub qps: f64,
    pub max_lag_seconds: u32,
}

impl Sums {
    fn add(&mut self, tablet: &TabletRow) {
        self.tablets += 1;
        match tablet.state {
            State::Serving => self.serving += 1,
            State::NotServing => self.not_serving += 1,
            State::Silent => self.silent += 1,
        }
        self.qps += tablet.qps;
        self.max_lag_seconds = self.max_lag_seconds.max(tablet.lag_seconds);
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct CellRow {
    pub cell: String,
    pub fault: Option<String>,
    #[serde(flatten)]
    pub sums: Sums,
}

#[derive(Debug, Serialize)]
pub(crate) struct KeyspaceRow {
    pub keyspace: String,
    #[serde(flatten)]
    pub sums: Sums,
    pub shards: Vec<ShardRow>,
    pub shards_left_out: usize,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct ShardRow {
    pub shard: String,
    /// The tablet that says to be the primary; the one that serves, where there are two.
    pub primary: Option<String>,
    pub primary_serves: bool,
    #[serde(flatten)]
    pub sums: Sums,
}

fn page<T>(all: Vec<T>, offset: usize, limit: usize) -> Vec<T> {
    let limit = if limit == 0 { DEFAULT_PAGE } else { limit.min(MAX_PAGE) };
    all.into_iter().skip(offset).take(limit).collect()
}

impl Picture {
    pub(crate) fn tablet(&self, alias: &TabletAlias) -> Option<&TabletRow> {
        let alias = alias.to_string();
        self.tablets.iter().find(|t| t.alias == alias)
    }

    pub(crate) fn tablets_page(&self, query: &TabletQuery) -> TabletsPage<'_> {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted.eq_ignore_ascii_case(value);
        let text = query.text.to_ascii_lowercase();
        let wanted = |t: &&TabletRow| {
            is(&query.keyspace, &t.keyspace)
                && is(&query.shard, &t.shard)
                && is(&query.cell, &t.cell)
                && is(&query.role, &t.role)
                && query.state.is_none_or(|state| state == t.state)
                && (text.is_empty() || t.has(&text))
        };
        let mut found: Vec<&TabletRow> = self.tablets.iter().filter(wanted).collect();
        match query.sort.as_str() {
            "lag" => found.sort_by_key(|t| std::cmp::Reverse(t.lag_seconds)),
            "qps" => found.sort_by(|a, b| b.qps.total_cmp(&a.qps)),
            _ => {}
        }
        let matched = found.len();
        TabletsPage { version: self.version, matched, tablets: page(found, query.offset, query.limit) }
    }

    pub(crate) fn keyspaces_page(&self, query: &KeyspaceQuery) -> KeyspacesPage {
        let mut by_keyspace: BTreeMap<&str, Vec<&TabletRow>> = BTreeMap::new();
        by_keyspace.extend(self.keyspaces.iter().map(|name| (name.as_str(), Vec::new())));
        self.tablets.iter().for_each(|t| by_keyspace.entry(&t.keyspace).or_default().push(t));
        let rows: Vec<KeyspaceRow> =
            by_keyspace.into_iter().map(|(name, tablets)| keyspace_row(name, &tablets)).collect();
        let shards = rows.iter().map(|row| row.shards.len() + row.shards_left_out).sum();
        let mut totals = Totals { keyspaces: rows.len(), shards, sums: Sums::default() };
        self.tablets.iter().for_each(|t| totals.sums.add(t));
        let text = query.text.to_ascii_lowercase();
        let found: Vec<KeyspaceRow> = rows
            .into_iter()
            .filter(|row| query.keyspace.is_empty() || row.keyspace == query.keyspace)
            .filter(|row| text.is_empty() || row.keyspace.to_ascii_lowercase().contains(&text))
            .filter(|row| !query.troubled || row.is_troubled())
            .collect();
        let taken =
            self.taken.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
        KeyspacesPage {
            version: self.version,
            taken_ms: u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
            fault: self.fault.clone(),
            totals,
            cells: self.cell_rows(),
            matched: found.len(),
            keyspaces: within_shards(page(found, query.offset, query.limit)),
        }
    }

    fn cell_rows(&self) -> Vec<CellRow> {
        let mut rows: BTreeMap<&str, CellRow> = BTreeMap::new();
        for (cell, fault) in &self.cells {
            let row = CellRow { cell: cell.clone(), fault: fault.clone(), sums: Sums::default() };
            rows.insert(cell, row);
        }
        for tablet in &self.tablets {
            if let Some(row) = rows.get_mut(tablet.cell.as_str()) {
                row.sums.add(tablet);
            }
        }
        rows.into_values().collect()
    }
}

impl KeyspaceRow {
    fn is_troubled(&self) -> bool {
        self.sums.serving < self.sums.tablets || self.shards.iter().any(|shard| !shard.primary_serves)
    }
}

/// The rows with at most so many shards together as a page has.
fn within_shards(mut rows: Vec<KeyspaceRow>) -> Vec<KeyspaceRow> {
    let mut left = MAX_PAGE_SHARDS;
    for row in &mut rows {
        row.shards_left_out += row.shards.len().saturating_sub(left);
        row.shards.truncate(left);
        left -= row.shards.len();
    }
    rows
}

fn keyspace_row(name: &str, tablets: &[&TabletRow]) -> KeyspaceRow {
    let mut sums = Sums::default();
    tablets.iter().for_each(|t| sums.add(t));
    let mut shards: BTreeMap<&str, ShardRow> = BTreeMap::new();
    for tablet in tablets {
        let row = shards.entry(&tablet.shard).or_default();
        row.shard.clone_from(&tablet.shard);
        row.sums.add(tablet);
        let serves = tablet.state == State::Serving;
        if tablet.role == "PRIMARY" && (row.primary.is_none() || (serves && !row.primary_serves)) {
            row.primary = Some(tablet.alias.clone());
            row.primary_serves = serves;
        }
    }
    let shards_left_out = shards.len().saturating_sub(MAX_SHARDS);
    let shards = shards.into_values().take(MAX_SHARDS).collect();
    KeyspaceRow { keyspace: name.to_owned(), sums, shards, shards_left_out }
}

#[cfg(test)]
mod tests;
