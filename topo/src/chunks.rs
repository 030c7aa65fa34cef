//! Values that are larger than a node may be: a node that names its chunks, and the chunks below it.
//!
//! A small value is the node itself, byte for byte, so that Vitess reads it. A large one is written as chunks under
//! `<path>.chunks/<generation>/<number>`, and then the node is changed to name them: who reads the node finds all of
//! its chunks, and a writer that dies before leaves the old value whole. Chunks are never changed; those of other
//! generations are removed after the node was written.

use serde::{Deserialize, Serialize};
use vterrors::{Condition, Error, Result};

use crate::{Conn, Version, Versioned, errors::optional, is_no_node};

/// No node is larger. etcd refuses a request of 1.5 MiB (its `--max-request-bytes`).
pub const MAX_NODE_BYTES: usize = 1 << 20;
/// What a chunk holds.
const CHUNK_BYTES: usize = 768 << 10;
/// With what a node begins that names chunks. No protobuf message begins with a zero.
const MARK: &[u8] = b"\0chunks ";
/// How often a reader looks again whose chunks were replaced while it read.
const ATTEMPTS: u32 = 10;

/// How the VSchemas that a cell serves lie in the topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Vitess's: one node `SrvVSchema` with all keyspaces, which may not pass [`MAX_NODE_BYTES`].
    #[default]
    Compat,
    /// A node for each keyspace, in chunks where it is large.
    Split,
}

/// What a node says that names chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    generation: String,
    chunks: usize,
    bytes: usize,
}

impl Header {
    /// `None` for a node that is its value.
    pub fn parse(node: &[u8]) -> Result<Option<Self>> {
        let Some(json) = node.strip_prefix(MARK) else { return Ok(None) };
        let bad = |e| Error::internal(format!("a node that names chunks cannot be read: {e}"));
        serde_json::from_slice(json).map(Some).map_err(bad)
    }

    fn node(&self) -> Vec<u8> {
        [MARK, serde_json::json!(self).to_string().as_bytes()].concat()
    }

    /// Where its chunks are.
    pub fn paths(&self, path: &str) -> impl Iterator<Item = String> {
        let generation = format!("{}{}", dir(path), self.generation);
        (0..self.chunks).map(move |number| format!("{generation}/{number:06}"))
    }

    /// The value of its chunks; `None` when they are not all there.
    pub fn value<'a>(&self, chunks: impl Iterator<Item = Option<&'a [u8]>>) -> Option<Vec<u8>> {
        let mut value = Vec::with_capacity(self.bytes);
        for chunk in chunks {
            value.extend_from_slice(chunk?);
        }
        (value.len() == self.bytes).then_some(value)
    }
}

fn dir(path: &str) -> String {
    format!("{path}.chunks/")
}

/// Whether a node is a chunk of another.
pub(crate) fn is_chunk(path: &str) -> bool {
    path.split('/').any(|part| part.ends_with(".chunks"))
}

/// Reads a value.
pub(crate) async fn get(conn: &dyn Conn, path: &str) -> Result<Versioned<Vec<u8>>> {
    for _ in 0..ATTEMPTS {
        let node = conn.get(path).await?;
        let Some(header) = Header::parse(&node.value)? else { return Ok(node) };
        let mut chunks = Vec::with_capacity(header.chunks);
        for chunk in header.paths(path) {
            chunks.push(optional(conn.get(&chunk).await)?.map(|found| found.value));
        }
        if let Some(value) = header.value(chunks.iter().map(Option::as_deref)) {
            return Ok(Versioned { value, version: node.version });
        }
    }
    Err(Error::new(Condition::BadVersion, format!("the chunks of {path} changed each time they were read")))
}

/// Writes a value, as [`Conn::update`] does. In `Compat` one that is too large for a node is refused.
pub(crate) async fn put(
    conn: &dyn Conn,
    path: &str,
    value: Vec<u8>,
    version: Option<Version>,
    layout: Layout,
) -> Result<Version> {
    let (node, generation) = match (value.len() > MAX_NODE_BYTES, layout) {
        (false, _) => (value, None),
        (true, Layout::Compat) => {
            let text = format!(
                "{path} has {} bytes: no node of the topology may have more than {MAX_NODE_BYTES}; with \
                 --srv-vschema-layout=split on all programs it is kept in chunks (Vitess cannot read these)",
                value.len()
            );
            return Err(Error::new(Condition::PacketTooLarge, text));
        }
        (true, Layout::Split) => {
            let header = Header {
                generation: format!("{:016x}", rand::random::<u64>()),
                chunks: value.len().div_ceil(CHUNK_BYTES),
                bytes: value.len(),
            };
            for (chunk, bytes) in header.paths(path).zip(value.chunks(CHUNK_BYTES)) {
                conn.create(&chunk, bytes.to_vec()).await?;
            }
            (header.node(), Some(header.generation))
        }
    };
    let written = conn.update(path, node, version).await;
    // A write that lost leaves its own chunks, one that won those of the value before.
    let kept = if written.is_ok() { generation.as_deref() } else { None };
    match (&written, &generation) {
        (Ok(_), _) => remove_chunks(conn, path, |g| Some(g) != kept).await,
        (Err(_), Some(own)) => remove_chunks(conn, path, |g| g == own).await,
        (Err(_), None) => {}
    }
    written
}

/// Deletes a value with its chunks; `NoNode` if it is not there.
pub(crate) async fn delete(conn: &dyn Conn, path: &str) -> Result<()> {
    conn.delete(path, None).await?;
    remove_chunks(conn, path, |_| true).await;
    Ok(())
}

/// Removes the chunks of some generations. What stays costs room and nothing else.
async fn remove_chunks(conn: &dyn Conn, path: &str, of: impl Fn(&str) -> bool) {
    let dir = dir(path);
    let dir = dir.trim_end_matches('/');
    let generations = match conn.list_dir(dir).await {
        Ok(generations) => generations,
        Err(e) if is_no_node(&e) => return,
        Err(e) => return tracing::warn!(path, error = %e, "old chunks could not be listed"),
    };
    for generation in generations.iter().filter(|g| of(&g.name)) {
        let dir = format!("{dir}/{}", generation.name);
        for chunk in optional(conn.list_dir(&dir).await).ok().flatten().unwrap_or_default() {
            if let Err(e) = conn.delete(&format!("{dir}/{}", chunk.name), None).await {
                tracing::warn!(path, error = %e, "an old chunk could not be removed");
            }
        }
    }
}
