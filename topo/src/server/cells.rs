//! Cells and their aliases, in the global root.

use std::collections::{BTreeMap, BTreeSet};

use proto::topodata::{CellInfo, CellsAlias};
use vterrors::{Condition, Error, Result};

use super::{Edit, Server, check_name, records};
use crate::{Version, Versioned, errors::optional, paths};

impl Server {
    /// The names of all cells, sorted; empty if there is none.
    pub async fn get_cell_info_names(&self) -> Result<Vec<String>> {
        self.dir_names(paths::CELLS).await
    }

    pub async fn get_cell_info(&self, cell: &str) -> Result<Versioned<CellInfo>> {
        records::get(&*self.inner.global, &paths::cell_info(cell)).await
    }

    /// Adds a cell; `NodeExists` if there is one of that name.
    pub async fn create_cell_info(&self, cell: &str, info: &CellInfo) -> Result<Version> {
        check_name("cell", cell)?;
        if cell == super::GLOBAL_CELL {
            return Err(Error::invalid("invalid cell name \"global\": it is the name of the global root"));
        }
        let version = records::create(&*self.inner.global, &paths::cell_info(cell), info).await?;
        self.forget_cell(cell).await;
        Ok(version)
    }

    /// Changes a cell, or makes it.
    pub async fn update_cell_info_fields(
        &self,
        cell: &str,
        edit: impl FnMut(&mut CellInfo) -> Result<Edit> + Send,
    ) -> Result<()> {
        check_name("cell", cell)?;
        records::edit_or_create(&*self.inner.global, &paths::cell_info(cell), edit).await?;
        self.forget_cell(cell).await;
        Ok(())
    }

    /// Deletes a cell. Unless `force`, it must hold no keyspace.
    pub async fn delete_cell_info(&self, cell: &str, force: bool) -> Result<()> {
        if !force {
            let served = self.get_srv_keyspace_names(cell).await?;
            if !served.is_empty() {
                let text =
                    format!("cell {cell} has serving keyspaces {served:?}; use --force to delete it anyway");
                return Err(Error::new(Condition::FailedPrecondition, text));
            }
        }
        self.inner.global.delete(&paths::cell_info(cell), None).await?;
        self.forget_cell(cell).await;
        Ok(())
    }

    pub async fn get_cells_aliases(&self) -> Result<BTreeMap<String, CellsAlias>> {
        let found = records::list(&*self.inner.global, paths::CELLS_ALIASES, paths::CELLS_ALIAS_FILE).await?;
        Ok(found.into_iter().map(|(path, a)| (paths::parent_name(&path).to_owned(), a.value)).collect())
    }

    /// Adds an alias of cells that are all known and in no other alias.
    pub async fn create_cells_alias(&self, alias: &str, record: &CellsAlias) -> Result<()> {
        check_name("cells alias", alias)?;
        self.check_cells_alias(alias, &record.cells).await?;
        records::create(&*self.inner.global, &paths::cells_alias(alias), record).await.map(drop)
    }

    /// Replaces the cells of an alias, or makes it.
    pub async fn update_cells_alias(&self, alias: &str, cells: &[String]) -> Result<()> {
        check_name("cells alias", alias)?;
        self.check_cells_alias(alias, cells).await?;
        records::edit_or_create(&*self.inner.global, &paths::cells_alias(alias), |a: &mut CellsAlias| {
            a.cells = cells.to_vec();
            Ok(Edit::Write)
        })
        .await
    }

    pub async fn delete_cells_alias(&self, alias: &str) -> Result<()> {
        self.inner.global.delete(&paths::cells_alias(alias), None).await
    }

    async fn check_cells_alias(&self, alias: &str, cells: &[String]) -> Result<()> {
        let known = self.get_cell_info_names().await?;
        if let Some(unknown) = cells.iter().find(|c| !known.contains(c)) {
            return Err(Error::invalid(format!("cells alias {alias}: there is no cell {unknown}")));
        }
        for (other, record) in self.get_cells_aliases().await? {
            if other != alias
                && let Some(cell) = record.cells.iter().find(|c| cells.contains(c))
            {
                let text = format!("cells alias {alias}: cell {cell} is in the alias {other} already");
                return Err(Error::new(Condition::FailedPrecondition, text));
            }
        }
        Ok(())
    }

    /// Replaces aliases by their cells; none given means all known cells. Unknown names are refused.
    pub async fn expand_cells(&self, names: &[String]) -> Result<Vec<String>> {
        let known = self.get_cell_info_names().await?;
        if names.is_empty() {
            return Ok(known);
        }
        let aliases = self.get_cells_aliases().await?;
        let mut cells = BTreeSet::new();
        for name in names {
            if known.contains(name) {
                cells.insert(name.clone());
            } else if let Some(alias) = aliases.get(name) {
                cells.extend(alias.cells.iter().cloned());
            } else {
                return Err(Error::new(
                    Condition::NotFound,
                    format!("there is no cell or cells alias {name:?}"),
                ));
            }
        }
        Ok(cells.into_iter().collect())
    }

    /// The names in a directory of the global root; empty if it is not there.
    pub(super) async fn dir_names(&self, dir: &str) -> Result<Vec<String>> {
        let entries = optional(self.inner.global.list_dir(dir).await)?.unwrap_or_default();
        Ok(entries.into_iter().map(|e| e.name).collect())
    }
}
