//! Cells that were away when what they serve was rebuilt.
//!
//! A rebuild goes on without a cell whose lock server does not answer, and notes in the global root what the cell missed
//! (`internal/stale_cells/<cell>/...`), so that whoever sees the cell again can make up for it, also after a restart.
//! vtctld looks at an interval, and a tablet that starts looks for its own cell.

use vterrors::{Error, Result};

use crate::{ErrorKind, Server, Version, errors::optional, kind, paths};

/// Something that a cell serves and that is out of date there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleGraph {
    pub cell: String,
    /// The keyspace whose SrvKeyspace it is; `None` for SrvVSchema.
    pub keyspace: Option<String>,
    /// Of the note, which is only removed if nobody renewed it meanwhile.
    version: Version,
}

impl std::fmt::Display for StaleGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.keyspace {
            Some(keyspace) => write!(f, "SrvKeyspace of {keyspace} in cell {}", self.cell),
            None => write!(f, "SrvVSchema in cell {}", self.cell),
        }
    }
}

/// Whether a cell's error says that the cell is away, and not that it refuses.
fn is_away(e: &Error) -> bool {
    matches!(kind(e), ErrorKind::Timeout | ErrorKind::Unavailable)
}

impl Server {
    /// Ends a rebuild with what each cell answered. Cells that are away are noted, as long as one was reached.
    ///
    /// Errors: a cell that refused; all cells away; the note could not be written.
    pub(super) async fn note_stale(
        &self,
        keyspace: Option<&str>,
        written: Vec<(String, Result<()>)>,
    ) -> Result<()> {
        let reached = written.iter().any(|(_, done)| done.is_ok());
        for (cell, done) in written {
            let Err(e) = done else { continue };
            if !reached || !is_away(&e) {
                return Err(e.context(format!("cell {cell}")));
            }
            self.global().update(&paths::stale_graph(&cell, keyspace), Vec::new(), None).await?;
            let what = keyspace.map_or("SrvVSchema".to_owned(), |k| format!("SrvKeyspace of {k}"));
            tracing::warn!(cell, what, error = %e, "a cell is away: it gets this when it is back");
        }
        Ok(())
    }

    /// What cells have missed, and nobody made up for yet.
    pub async fn stale_graphs(&self) -> Result<Vec<StaleGraph>> {
        let prefix = format!("{}/", paths::STALE_CELLS);
        let notes = self.global().list(&prefix).await?;
        let graph = |entry: crate::Entry| {
            let (cell, graph) = entry.path.strip_prefix(&prefix)?.split_once('/')?;
            let keyspace = graph.strip_prefix("keyspaces/").map(str::to_owned);
            Some(StaleGraph { cell: cell.to_owned(), keyspace, version: entry.version })
        };
        Ok(notes.into_iter().filter_map(graph).collect())
    }

    /// Rebuilds what the cells that are back have missed (all cells, or one); gives what was done.
    pub async fn rebuild_stale(&self, only: Option<&str>) -> Result<Vec<StaleGraph>> {
        let mut done = Vec::new();
        let mut graphs = self.stale_graphs().await?;
        graphs.retain(|g| only.is_none_or(|cell| cell == g.cell));
        if graphs.is_empty() {
            return Ok(done);
        }
        let known = self.get_cell_info_names().await?;
        let mut away = Vec::new();
        for graph in graphs {
            // No lock is held for a cell that is away still.
            let gone = !known.contains(&graph.cell);
            if away.contains(&graph.cell)
                || (!gone && self.get_srv_keyspace_names(&graph.cell).await.is_err())
            {
                away.push(graph.cell);
                continue;
            }
            let cells = [graph.cell.clone()];
            let rebuilt = match &graph.keyspace {
                _ if gone => Ok(()),
                Some(keyspace) => {
                    optional(self.rebuild_keyspace_graph(keyspace, &cells, true).await).map(drop)
                }
                None => self.rebuild_srv_vschema(&cells).await.map(drop),
            };
            rebuilt.map_err(|e| e.context(graph.to_string()))?;
            let note = paths::stale_graph(&graph.cell, graph.keyspace.as_deref());
            match self.global().delete(&note, Some(graph.version)).await {
                // Missed again, or done by another: there is a next time.
                Err(e) if matches!(kind(&e), ErrorKind::BadVersion | ErrorKind::NoNode) => {}
                other => other?,
            }
            tracing::info!(what = %graph, "a cell that was away is up to date again");
            done.push(graph);
        }
        Ok(done)
    }
}
