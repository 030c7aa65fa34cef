//! The next step after an error: what is there instead of what a command named, and which flag leads where.
//!
//! What a command names is read from its parsed arguments ([`Subject`]); after an error that says that something is not
//! there, the lists are read and the missing one is told with its neighbours. An error's own text stays as it is: others
//! look for it.

use std::time::Duration;

use clap::ArgMatches;
use proto::{topodata::TabletAlias as ProtoAlias, vtctldata::*};
use topo::{ErrorKind, kind};
use vterrors::Error;
use vtmodel::TabletAlias;

use crate::{Client, GlobalOptions, connect::INTERNAL, print::KeyspaceShard};

/// Names that a hint gives; of more it is told how many.
const MAX_NAMED: usize = 10;

/// The longest that a hint is worked on: an error must not come late for it.
const LIMIT: Duration = Duration::from_secs(5);

/// What a command line names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub command: String,
    pub keyspaces: Vec<String>,
    pub shards: Vec<KeyspaceShard>,
    pub tablets: Vec<TabletAlias>,
    pub cells: Vec<String>,
}

/// The values of an argument, where a command has it and it is of this type.
fn values<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, ids: &[&str]) -> Vec<T> {
    let found = ids.iter().filter_map(|id| matches.try_get_many::<T>(id).ok().flatten());
    found.flatten().cloned().collect()
}

impl Subject {
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let Some((command, matches)) = matches.subcommand() else { return Self::default() };
        let mut keyspaces: Vec<String> = values(matches, &["keyspace", "keyspaces"]);
        keyspaces.retain(|k| !k.is_empty());
        let mut shards: Vec<KeyspaceShard> = values(matches, &["shard", "shards"]);
        // Where a shard is an argument of its own.
        let names: Vec<String> = values(matches, &["shard"]);
        if let ([keyspace], [shard]) = (&*keyspaces, &*names)
            && !shard.is_empty()
        {
            shards.push(KeyspaceShard { keyspace: keyspace.clone(), shard: shard.clone() });
        }
        let tablets = ["tablet", "tablets", "tablet_alias", "primary", "new_primary", "avoid_primary"];
        let tablets: Vec<ProtoAlias> = values(matches, &tablets);
        Self {
            command: command.to_owned(),
            keyspaces,
            shards,
            tablets: tablets.iter().map(TabletAlias::from).collect(),
            cells: values(matches, &["cell", "cells"]),
        }
    }

    /// The name of what the command is about, for a line of progress.
    pub(crate) fn target(&self) -> String {
        let shards = self.shards.iter().map(|s| format!("{}/{}", s.keyspace, s.shard));
        let mut all: Vec<String> = shards.chain(self.tablets.iter().map(ToString::to_string)).collect();
        if all.is_empty() {
            all.extend(self.keyspaces.iter().cloned());
        }
        all.truncate(3);
        all.join(", ")
    }
}

/// "there is no keyspace x; there are ..." with the nearest names first; none where it is there.
pub(crate) fn missing(what: &str, name: &str, mut there: Vec<String>) -> Option<String> {
    if there.iter().any(|t| t == name) {
        return None;
    }
    there.sort_by_cached_key(|t| (servenv::distance(name, t), t.clone()));
    let more = there.len().saturating_sub(MAX_NAMED);
    there.truncate(MAX_NAMED);
    let list = match (there.is_empty(), more) {
        (true, _) => "there is none yet".to_owned(),
        (false, 0) => format!("there are: {}", there.join(", ")),
        (false, more) => format!("there are: {} and {more} more", there.join(", ")),
    };
    Some(format!("there is no {what} {name}; {list}"))
}

/// What to do next, in a sentence; none where the error says it all.
pub(crate) async fn after(
    e: &Error,
    client: &Client,
    subject: &Subject,
    options: &GlobalOptions,
) -> Option<String> {
    match kind(e) {
        ErrorKind::NoNode => tokio::time::timeout(LIMIT, what_is_there(client, subject)).await.ok().flatten(),
        ErrorKind::Unavailable => Some(unreachable(options)),
        _ => None,
    }
}

fn unreachable(options: &GlobalOptions) -> String {
    match options.server.as_str() {
        INTERNAL => format!(
            "with --server internal the lock server is asked: --topo-global-server-address is {}",
            options.topo.topo_global_server_address.join(",")
        ),
        server => format!(
            "--server is {server}; it must be vtctld's host and its --grpc-port. \"--server internal\" works without \
             a vtctld"
        ),
    }
}

/// Looks which of the named things is missing: the largest first.
async fn what_is_there(client: &Client, subject: &Subject) -> Option<String> {
    let keyspaces = subject.keyspaces.iter().chain(subject.shards.iter().map(|s| &s.keyspace));
    let keyspaces: Vec<&String> = keyspaces.collect();
    if !keyspaces.is_empty() {
        let answer = client.vtctld.get_keyspaces(GetKeyspacesRequest {}).await.ok()?;
        let names: Vec<String> = answer.keyspaces.into_iter().map(|k| k.name).collect();
        if let Some(text) = keyspaces.iter().find_map(|k| missing("keyspace", k, names.clone())) {
            return Some(text);
        }
    }
    for s in &subject.shards {
        let request = FindAllShardsInKeyspaceRequest { keyspace: s.keyspace.clone() };
        let answer = client.vtctld.find_all_shards_in_keyspace(request).await.ok()?;
        let names = answer.shards.into_keys().map(|name| format!("{}/{name}", s.keyspace)).collect();
        if let Some(text) = missing("shard", &format!("{}/{}", s.keyspace, s.shard), names) {
            return Some(text);
        }
    }
    let mut cells: Vec<String> = subject.cells.clone();
    cells.extend(subject.tablets.iter().map(|t| t.cell.clone()));
    if !cells.is_empty() {
        let names = client.vtctld.get_cell_info_names(GetCellInfoNamesRequest {}).await.ok()?.names;
        if let Some(text) = cells.iter().find_map(|cell| missing("cell", cell, names.clone())) {
            return Some(text);
        }
    }
    for tablet in &subject.tablets {
        let request = GetTabletsRequest { cells: vec![tablet.cell.clone()], ..GetTabletsRequest::default() };
        let answer = client.vtctld.get_tablets(request).await.ok()?;
        let aliases = answer.tablets.iter().filter_map(|t| TabletAlias::from_proto(t.alias.as_ref()));
        if let Some(text) = missing("tablet", &tablet.to_string(), aliases.map(|a| a.to_string()).collect()) {
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn the_nearest_name_comes_first_and_the_list_is_bounded() {
        assert_eq!(missing("keyspace", "a", names(&["a", "b"])), None);
        assert_eq!(
            missing("keyspace", "custmer", names(&["commerce", "zoo", "customer"])).unwrap(),
            "there is no keyspace custmer; there are: customer, commerce, zoo"
        );
        assert_eq!(
            missing("keyspace", "ks", Vec::new()).unwrap(),
            "there is no keyspace ks; there is none yet"
        );
        let many: Vec<String> = (0..2000).map(|n| format!("ks{n}")).collect();
        let text = missing("keyspace", "ks", many).unwrap();
        assert!(text.ends_with("and 1990 more") && text.contains("ks0, ks1, "), "{text}");
    }
}
