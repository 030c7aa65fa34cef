//! Tablet records, in the root of each tablet's cell.

use std::collections::BTreeMap;

use futures::future::join_all;
use proto::topodata::Tablet;
use vterrors::{Error, Result};
use vtmodel::TabletAlias;

use super::{Edit, Server, records};
use crate::{Version, Versioned, paths};

/// The tablets that were found, and the cells that could not be asked.
#[derive(Debug, Default)]
pub struct FoundTablets {
    /// Sorted by alias.
    pub tablets: Vec<Tablet>,
    pub failed_cells: BTreeMap<String, Error>,
}

impl FoundTablets {
    /// The tablets; the first failed cell's error if there was one.
    pub fn all(self) -> Result<Vec<Tablet>> {
        match self.failed_cells.into_iter().next() {
            Some((cell, e)) => Err(e.context(format!("cell {cell}"))),
            None => Ok(self.tablets),
        }
    }
}

fn alias_of(tablet: &Tablet) -> Result<TabletAlias> {
    TabletAlias::from_proto(tablet.alias.as_ref())
        .ok_or_else(|| Error::invalid("a tablet record without an alias"))
}

impl Server {
    /// A tablet's record; `NoNode` if it is not there.
    pub async fn get_tablet(&self, alias: &TabletAlias) -> Result<Versioned<Tablet>> {
        let conn = self.cell(&alias.cell).await?;
        records::get(&*conn, &paths::tablet(alias)).await
    }

    /// Adds a tablet and its entry in ShardReplication; `NodeExists` if there is a record.
    pub async fn create_tablet(&self, tablet: &Tablet) -> Result<Version> {
        let alias = alias_of(tablet)?;
        let conn = self.cell(&alias.cell).await?;
        let version = records::create(&*conn, &paths::tablet(&alias), tablet).await?;
        self.add_shard_replication(tablet).await?;
        Ok(version)
    }

    /// Writes a whole record, made or not, with its entry in ShardReplication: a tablet that starts does this.
    pub async fn put_tablet(&self, tablet: &Tablet) -> Result<Version> {
        let alias = alias_of(tablet)?;
        let conn = self.cell(&alias.cell).await?;
        let version = records::put(&*conn, &paths::tablet(&alias), tablet, None).await?;
        self.add_shard_replication(tablet).await?;
        Ok(version)
    }

    /// Changes a tablet's record by compare-and-swap; `edit` may be called several times.
    pub async fn update_tablet_fields(
        &self,
        alias: &TabletAlias,
        edit: impl FnMut(&mut Tablet) -> Result<Edit> + Send,
    ) -> Result<Versioned<Tablet>> {
        let conn = self.cell(&alias.cell).await?;
        records::edit(&*conn, &paths::tablet(alias), edit).await
    }

    /// Deletes a tablet's record and its entry in ShardReplication.
    pub async fn delete_tablet(&self, alias: &TabletAlias) -> Result<()> {
        let tablet = self.get_tablet(alias).await?;
        let conn = self.cell(&alias.cell).await?;
        conn.delete(&paths::tablet(alias), Some(tablet.version)).await?;
        self.remove_shard_replication(&tablet.value.keyspace, &tablet.value.shard, alias).await
    }

    /// Every tablet of a cell in one read, sorted by alias.
    pub async fn get_tablets_by_cell(&self, cell: &str) -> Result<Vec<Versioned<Tablet>>> {
        let conn = self.cell(cell).await?;
        let found = records::list(&*conn, paths::TABLETS, paths::TABLET_FILE).await?;
        Ok(found.into_iter().map(|(_, t)| t).collect())
    }

    /// The aliases of every tablet of a cell, sorted.
    pub async fn get_tablet_aliases_by_cell(&self, cell: &str) -> Result<Vec<TabletAlias>> {
        let tablets = self.get_tablets_by_cell(cell).await?;
        Ok(tablets.iter().filter_map(|t| TabletAlias::from_proto(t.alias.as_ref())).collect())
    }

    /// The tablets of `cells` (all known ones if empty) that `wanted` keeps. A cell that cannot be asked
    /// is reported beside what the others said.
    pub async fn find_tablets(
        &self,
        cells: &[String],
        wanted: impl Fn(&Tablet) -> bool + Send + Sync,
    ) -> Result<FoundTablets> {
        let cells = self.expand_cells(cells).await?;
        let answers = join_all(cells.iter().map(|c| self.get_tablets_by_cell(c))).await;
        let mut found = FoundTablets::default();
        for (cell, answer) in cells.into_iter().zip(answers) {
            match answer {
                Ok(tablets) => found.tablets.extend(tablets.into_iter().map(|t| t.value).filter(&wanted)),
                Err(e) => drop(found.failed_cells.insert(cell, e)),
            }
        }
        found.tablets.sort_by_key(|t| TabletAlias::from_proto(t.alias.as_ref()));
        Ok(found)
    }

    /// The tablets of a shard in all cells.
    pub async fn find_tablets_by_shard(&self, keyspace: &str, shard: &str) -> Result<FoundTablets> {
        self.find_tablets(&[], |t| t.keyspace == keyspace && t.shard == shard).await
    }
}
