//! Which cells are watched, and which are near: cells aliases, as the topology has them now.

use std::{collections::BTreeSet, sync::Arc};

use vterrors::Result;

/// The cells behind what the options name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cells {
    /// Cells whose tablets are watched.
    pub watched: Vec<String>,
    /// The other cells of the own cell's alias.
    pub near: Arc<BTreeSet<String>>,
}

impl Cells {
    /// As long as the topology was not heard: every name is a cell's.
    pub fn unread(names: &[String]) -> Self {
        Self { watched: names.to_vec(), near: Arc::default() }
    }

    /// Reads the aliases. A name that is neither cell nor alias is kept: its cell may be added later.
    pub async fn read(topo: &topo::Server, own: &str, names: &[String]) -> Result<Self> {
        let (known, aliases) = (topo.get_cell_info_names().await?, topo.get_cells_aliases().await?);
        let near = aliases.values().find(|alias| alias.cells.iter().any(|cell| cell == own));
        let near = near.map(|alias| alias.cells.iter().filter(|c| *c != own).cloned().collect());
        let mut watched = BTreeSet::new();
        for name in names {
            match aliases.get(name).filter(|_| !known.contains(name)) {
                Some(alias) => watched.extend(alias.cells.iter().cloned()),
                None => drop(watched.insert(name.clone())),
            }
        }
        Ok(Self { watched: watched.into_iter().collect(), near: Arc::new(near.unwrap_or_default()) })
    }
}
