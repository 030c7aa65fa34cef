//! The watch of a cell's VSchemas in the split layout: what changed is decoded, the rest is kept.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use proto::vschema::{Keyspace, SrvVSchema};
use tokio::sync::watch::{self, Receiver, Sender};
use vterrors::{Condition, Error, Result};

use super::{Follow, Record, Seen, supervise};
use crate::{
    Change, Conn, Version, WatchTarget,
    chunks::{Header, is_chunk},
    paths,
    server::decode,
};

/// Watches all VSchemas that a cell serves. The task ends when every receiver is dropped.
pub(crate) fn served_vschemas(conn: Arc<dyn Conn>) -> Receiver<Seen<SrvVSchema>> {
    let (tx, rx) = watch::channel(Seen::unknown());
    let follow: Follow<SrvVSchema> = |conn, path, tx| Box::pin(follow(conn, path, tx));
    tokio::spawn(supervise(conn, paths::SERVED.to_owned(), tx, follow));
    rx
}

async fn follow(conn: &dyn Conn, path: &str, tx: &Sender<Seen<SrvVSchema>>) -> Error {
    let mut watching = match conn.watch(WatchTarget::Prefix(format!("{path}/"))).await {
        Ok(watching) => watching,
        Err(e) => return e,
    };
    let mut served = Served::default();
    // Chunks first: a node that names them needs them.
    let (chunks, nodes): (Vec<_>, Vec<_>) =
        std::mem::take(&mut watching.current).into_iter().partition(|entry| is_chunk(&entry.path));
    for entry in chunks.into_iter().chain(nodes) {
        if let Err(e) = served.take(entry.path, Some(entry.value), entry.version) {
            return e;
        }
    }
    loop {
        served.publish(tx);
        let mut change = match watching.changes.recv().await {
            Some(change) => change,
            None => return Error::new(Condition::ConnectionLost, format!("the watch of {path} was closed")),
        };
        // What comes together is told together: a value of many chunks, many keyspaces.
        loop {
            let taken = change.and_then(|Change { path, value, version }| served.take(path, value, version));
            if let Err(e) = taken {
                return e;
            }
            match watching.changes.try_recv() {
                Ok(next) => change = next,
                Err(_) => break,
            }
        }
    }
}

/// What is there, taken apart.
#[derive(Default)]
struct Served {
    rules: Option<SrvVSchema>,
    keyspaces: BTreeMap<String, Keyspace>,
    chunks: HashMap<String, Vec<u8>>,
    version: Version,
}

impl Served {
    fn take(&mut self, path: String, value: Option<Vec<u8>>, version: Version) -> Result<()> {
        self.version = Version(self.version.0.max(version.0));
        if is_chunk(&path) {
            match value {
                Some(value) => self.chunks.insert(path, value),
                None => self.chunks.remove(&path),
            };
            return Ok(());
        }
        if path == paths::SERVED_RULES {
            self.rules = value.map(|value| decode(&path, &value)).transpose()?;
            return Ok(());
        }
        let Some(keyspace) = paths::served_keyspace(&path) else { return Ok(()) };
        match value {
            Some(value) => {
                let vschema = decode(&path, &self.whole(&path, value)?)?;
                self.keyspaces.insert(keyspace.to_owned(), vschema);
            }
            None => {
                self.keyspaces.remove(keyspace);
            }
        }
        Ok(())
    }

    fn whole(&self, path: &str, node: Vec<u8>) -> Result<Vec<u8>> {
        let Some(header) = Header::parse(&node)? else { return Ok(node) };
        let chunks = header.paths(path).map(|chunk| self.chunks.get(&chunk).map(Vec::as_slice));
        header.value(chunks).ok_or_else(|| {
            Error::new(Condition::BadVersion, format!("the chunks of {path} changed while they were read"))
        })
    }

    fn publish(&self, tx: &Sender<Seen<SrvVSchema>>) {
        tx.send_if_modified(|seen| {
            let healed = seen.fault.take().is_some();
            if seen.is_known() && seen.version == self.version {
                return healed;
            }
            seen.version = self.version;
            seen.record = match &self.rules {
                Some(rules) => {
                    let keyspaces = self.keyspaces.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                    Record::Present(Arc::new(SrvVSchema { keyspaces, ..rules.clone() }))
                }
                None => Record::Absent,
            };
            true
        });
    }
}
