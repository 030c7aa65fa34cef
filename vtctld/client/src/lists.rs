//! The lists of `--format table`: pure, from an answer to a table for people.

use std::collections::HashMap;

use clap::{Args, ValueEnum};
use proto::{
    tabletmanagerdata::SchemaDefinition,
    topodata::{self, CellsAlias, SrvKeyspace, Tablet},
    vschema,
    vtctldata::{self, ShardReplicationPositionsResponse},
};
use vtmodel::{TabletAlias, tablet_type_lower};

use crate::{
    print::{when, when_text},
    table::frame,
};

/// Another form than that of Vitess's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

/// What a command that lists things takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Listing {
    /// Print a table for people, or JSON; what is printed without it is what Vitess's command prints
    #[arg(long, value_enum, ignore_case = true)]
    pub format: Option<Format>,
}

impl Listing {
    pub(crate) fn is_table(&self) -> bool {
        self.format == Some(Format::Table)
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Some(Format::Json)
    }
}

fn alias(given: Option<&topodata::TabletAlias>) -> String {
    TabletAlias::from_proto(given).map(|a| a.to_string()).unwrap_or_default()
}

fn text(s: &str) -> String {
    s.to_owned()
}

/// The entries of a map by their names.
fn sorted<T>(map: &HashMap<String, T>) -> Vec<(&String, &T)> {
    let mut all: Vec<_> = map.iter().collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

fn table(header: &[&str], mut rows: Vec<Vec<String>>) -> String {
    rows.sort();
    frame(header, &rows, &[])
}

pub(crate) fn tablets(tablets: &[Tablet]) -> String {
    let rows = tablets.iter().map(|t| {
        vec![
            alias(t.alias.as_ref()),
            text(&t.keyspace),
            text(&t.shard),
            text(tablet_type_lower(t.r#type())),
            format!("{}:{}", t.hostname, t.port_map.get("grpc").copied().unwrap_or_default()),
            format!("{}:{}", t.mysql_hostname, t.mysql_port),
            t.primary_term_start_time.as_ref().and_then(when).map(when_text).unwrap_or_default(),
        ]
    });
    table(&["tablet", "keyspace", "shard", "type", "grpc", "mysql", "primary since"], rows.collect())
}

pub(crate) fn keyspaces(keyspaces: &[vtctldata::Keyspace]) -> String {
    let rows = keyspaces.iter().map(|k| {
        let record = k.keyspace.clone().unwrap_or_default();
        vec![
            text(&k.name),
            text(record.keyspace_type().as_str_name()),
            record.durability_policy,
            record.base_keyspace,
        ]
    });
    table(&["keyspace", "type", "durability", "snapshot of"], rows.collect())
}

pub(crate) fn shards(shards: &HashMap<String, vtctldata::Shard>) -> String {
    let rows = sorted(shards).into_iter().map(|(name, s)| {
        let record = s.shard.clone().unwrap_or_default();
        vec![
            text(&s.keyspace),
            text(name),
            alias(record.primary_alias.as_ref()),
            text(if record.is_primary_serving { "yes" } else { "no" }),
            record.primary_term_start_time.as_ref().and_then(when).map(when_text).unwrap_or_default(),
        ]
    });
    table(&["keyspace", "shard", "primary", "serving", "primary since"], rows.collect())
}

pub(crate) fn names(header: &str, names: &[String]) -> String {
    table(&[header], names.iter().map(|name| vec![name.clone()]).collect())
}

pub(crate) fn cells_aliases(aliases: &HashMap<String, CellsAlias>) -> String {
    let rows = sorted(aliases).into_iter().map(|(name, a)| vec![name.clone(), a.cells.join(", ")]);
    table(&["alias", "cells"], rows.collect())
}

pub(crate) fn shard_replication(by_cell: &HashMap<String, topodata::ShardReplication>) -> String {
    let rows = sorted(by_cell).into_iter().flat_map(|(cell, r)| {
        r.nodes.iter().map(|node| vec![cell.clone(), alias(node.tablet_alias.as_ref())])
    });
    table(&["cell", "tablet"], rows.collect())
}

pub(crate) fn positions(answer: &ShardReplicationPositionsResponse) -> String {
    let mut rows: Vec<Vec<String>> = answer
        .tablet_map
        .iter()
        .map(|(name, t)| {
            let status = answer.replication_statuses.get(name).filter(|s| !s.position.is_empty());
            let (position, lag) = match status {
                Some(s) if s.replication_lag_unknown => (s.position.clone(), "unknown".to_owned()),
                Some(s) => (s.position.clone(), s.replication_lag_seconds.to_string()),
                None => ("no answer".to_owned(), String::new()),
            };
            vec![name.clone(), text(tablet_type_lower(t.r#type())), t.hostname.clone(), lag, position]
        })
        .collect();
    rows.sort();
    let header = ["tablet", "type", "host", "lag s", "position"];
    frame(&header, &rows, &[false, false, false, true, false])
}

pub(crate) fn srv_keyspace_names(
    by_cell: &HashMap<String, vtctldata::get_srv_keyspace_names_response::NameList>,
) -> String {
    let rows = sorted(by_cell)
        .into_iter()
        .flat_map(|(cell, list)| list.names.iter().map(|name| vec![cell.clone(), name.clone()]));
    table(&["cell", "keyspace"], rows.collect())
}

pub(crate) fn srv_keyspaces(by_cell: &HashMap<String, SrvKeyspace>) -> String {
    let rows = sorted(by_cell).into_iter().flat_map(|(cell, served)| {
        served.partitions.iter().map(|p| {
            let shards: Vec<&str> = p.shard_references.iter().map(|s| s.name.as_str()).collect();
            vec![cell.clone(), text(tablet_type_lower(p.served_type())), shards.join(", ")]
        })
    });
    table(&["cell", "type", "shards"], rows.collect())
}

pub(crate) fn schema(schema: &SchemaDefinition) -> String {
    let mut rows: Vec<Vec<String>> = schema
        .table_definitions
        .iter()
        .map(|t| vec![t.name.clone(), t.r#type.clone(), t.row_count.to_string(), t.data_length.to_string()])
        .collect();
    rows.sort();
    frame(&["table", "type", "rows", "bytes"], &rows, &[false, false, true, true])
}

pub(crate) fn routing_rules(rules: &vschema::RoutingRules) -> String {
    let rows = rules.rules.iter().map(|r| vec![r.from_table.clone(), r.to_tables.join(", ")]);
    table(&["from table", "to tables"], rows.collect())
}

pub(crate) fn shard_routing_rules(rules: &vschema::ShardRoutingRules) -> String {
    let rows =
        rules.rules.iter().map(|r| vec![r.from_keyspace.clone(), r.shard.clone(), r.to_keyspace.clone()]);
    table(&["from keyspace", "shard", "to keyspace"], rows.collect())
}

pub(crate) fn keyspace_routing_rules(rules: &vschema::KeyspaceRoutingRules) -> String {
    let rows = rules.rules.iter().map(|r| vec![r.from_keyspace.clone(), r.to_keyspace.clone()]);
    table(&["from keyspace", "to keyspace"], rows.collect())
}

pub(crate) fn mirror_rules(rules: &vschema::MirrorRules) -> String {
    let rows =
        rules.rules.iter().map(|r| vec![r.from_table.clone(), r.to_table.clone(), r.percent.to_string()]);
    table(&["from table", "to table", "percent"], rows.collect())
}

/// The longest text of an outcome in a table; the whole is in the JSON.
const MAX_OUTCOME_CHARS: usize = 80;

/// Oldest first, as they were written.
pub(crate) fn history(entries: &[topo::HistoryEntry]) -> String {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let outcome = match &e.error {
                None => "done".to_owned(),
                Some(error) => format!("failed: {}", error.lines().next().unwrap_or_default()),
            };
            let (seconds, millis) = (e.took_ms / 1000, e.took_ms % 1000);
            vec![
                e.at.clone(),
                e.who.clone(),
                e.operation.clone(),
                e.target.clone(),
                format!("{seconds}.{millis:03}"),
                shortened(outcome),
            ]
        })
        .collect();
    let header = ["when", "who", "what", "of", "took s", "outcome"];
    frame(&header, &rows, &[false, false, false, false, true])
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_OUTCOME_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
