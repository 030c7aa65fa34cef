//! What a change would do now: for the operations whose RPCs have no dry run of their own.
//!
//! The facts are read through [`Vtctld`], so that it works in this process and over gRPC, with any vtctld; what comes of
//! them is decided purely ([`decide`]). Nothing is locked or changed, so a change that comes between the dry run and the
//! operation is not known to it. What the operation would refuse is refused here, in the same words where they matter.

mod decide;

use std::collections::BTreeMap;

use proto::{
    replicationdata::FullStatus,
    topodata::{self, CellInfo, CellsAlias, Tablet, TabletAlias as ProtoAlias},
    vtctldata::*,
};
use vterrors::{Error, Result};

use crate::{Vtctld, json};

macro_rules! changes {
    ($($name:ident($request:ident),)*) => {
        /// A change that has its dry run here.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Change {
            $($name($request),)*
        }

        impl Change {
            /// The names of the RPCs.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// The change that an RPC's request in JSON asks for; none for an RPC that is not among these.
            ///
            /// # Errors
            /// Where the request is not one of that RPC.
            pub fn from_json(name: &str, request: &str) -> Result<Option<Self>> {
                Ok(Some(match name {
                    $(stringify!($name) => {
                        Self::$name(json::from_json(concat!("vtctldata.", stringify!($request)), request)?)
                    })*
                    _ => return Ok(None),
                }))
            }
        }
    };
}

changes! {
    AddCellInfo(AddCellInfoRequest),
    UpdateCellInfo(UpdateCellInfoRequest),
    DeleteCellInfo(DeleteCellInfoRequest),
    AddCellsAlias(AddCellsAliasRequest),
    UpdateCellsAlias(UpdateCellsAliasRequest),
    DeleteCellsAlias(DeleteCellsAliasRequest),
    CreateKeyspace(CreateKeyspaceRequest),
    DeleteKeyspace(DeleteKeyspaceRequest),
    SetKeyspaceDurabilityPolicy(SetKeyspaceDurabilityPolicyRequest),
    SetVtorcEmergencyReparent(SetVtorcEmergencyReparentRequest),
    CreateShard(CreateShardRequest),
    DeleteShards(DeleteShardsRequest),
    SetShardIsPrimaryServing(SetShardIsPrimaryServingRequest),
    DeleteTablets(DeleteTabletsRequest),
    SetWritable(SetWritableRequest),
}

/// What the topology and the tablets say of what a change is about; what is not there is not in it.
#[derive(Debug, Clone, Default)]
struct Facts {
    keyspaces: BTreeMap<String, topodata::Keyspace>,
    /// By keyspace and name.
    shards: BTreeMap<(String, String), topodata::Shard>,
    tablets: Vec<Tablet>,
    /// The names of all cells; the record only of the one that the change names.
    cells: BTreeMap<String, Option<CellInfo>>,
    cells_aliases: BTreeMap<String, CellsAlias>,
    /// The shards that a cell serves, as `keyspace/shard`; of a keyspace without shards its name.
    served: BTreeMap<String, Vec<String>>,
    /// Of the tablet that is made writable or not.
    status: Option<FullStatus>,
}

/// What a change would do: a line each, `+` for what comes, `-` for what goes, blanks for what is to be known.
///
/// # Errors
/// Why the operation would be refused, or that a fact cannot be read.
pub async fn tell(vtctld: &dyn Vtctld, change: &Change) -> Result<Vec<String>> {
    decide::lines(change, &read(vtctld, change).await?)
}

async fn read(vtctld: &dyn Vtctld, change: &Change) -> Result<Facts> {
    let mut facts = Facts::default();
    match change {
        Change::AddCellInfo(r) => facts.read_cells(vtctld, &r.name).await?,
        Change::UpdateCellInfo(r) => facts.read_cells(vtctld, &r.name).await?,
        Change::DeleteCellInfo(r) => {
            facts.read_cells(vtctld, &r.name).await?;
            if facts.cells.contains_key(&r.name) && !r.force {
                let request = GetSrvKeyspaceNamesRequest { cells: vec![r.name.clone()] };
                let lists = vtctld.get_srv_keyspace_names(request).await?.names;
                facts.served.extend(lists.into_iter().map(|(cell, list)| (cell, list.names)));
            }
        }
        Change::AddCellsAlias(_) | Change::UpdateCellsAlias(_) | Change::DeleteCellsAlias(_) => {
            facts.read_cells(vtctld, "").await?;
            let aliases = vtctld.get_cells_aliases(GetCellsAliasesRequest {}).await?.aliases;
            facts.cells_aliases.extend(aliases);
        }
        Change::CreateKeyspace(r) => facts.read_keyspace(vtctld, &r.name, false).await?,
        Change::SetKeyspaceDurabilityPolicy(r) => facts.read_keyspace(vtctld, &r.keyspace, false).await?,
        Change::DeleteKeyspace(r) => {
            facts.read_keyspace(vtctld, &r.keyspace, true).await?;
            facts.read_tablets(vtctld, &r.keyspace).await?;
            facts.read_served(vtctld, &r.keyspace).await?;
        }
        Change::SetVtorcEmergencyReparent(r) => facts.read_keyspace(vtctld, &r.keyspace, true).await?,
        Change::CreateShard(r) => facts.read_keyspace(vtctld, &r.keyspace, true).await?,
        Change::SetShardIsPrimaryServing(r) => facts.read_keyspace(vtctld, &r.keyspace, true).await?,
        Change::DeleteShards(r) => {
            for keyspace in r.shards.iter().map(|s| &s.keyspace) {
                if !facts.keyspaces.contains_key(keyspace) {
                    facts.read_keyspace(vtctld, keyspace, true).await?;
                    facts.read_tablets(vtctld, keyspace).await?;
                    facts.read_served(vtctld, keyspace).await?;
                }
            }
        }
        Change::DeleteTablets(r) => {
            for alias in &r.tablet_aliases {
                facts.read_tablet(vtctld, alias).await?;
            }
        }
        Change::SetWritable(r) => {
            let alias =
                r.tablet_alias.as_ref().ok_or_else(|| Error::invalid("a tablet alias is required"))?;
            facts.read_tablet(vtctld, alias).await?;
            let request = GetFullStatusRequest { tablet_alias: Some(alias.clone()) };
            facts.status = vtctld.get_full_status(request).await?.status;
        }
    }
    Ok(facts)
}

/// None for what is not there.
fn there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(e) if topo::is_no_node(&e) => Ok(None),
        other => other.map(Some),
    }
}

impl Facts {
    async fn read_cells(&mut self, vtctld: &dyn Vtctld, named: &str) -> Result<()> {
        for cell in vtctld.get_cell_info_names(GetCellInfoNamesRequest {}).await?.names {
            let record = match cell == named {
                true => vtctld.get_cell_info(GetCellInfoRequest { cell: cell.clone() }).await?.cell_info,
                false => None,
            };
            self.cells.insert(cell, record);
        }
        Ok(())
    }

    async fn read_keyspace(&mut self, vtctld: &dyn Vtctld, name: &str, with_shards: bool) -> Result<()> {
        let request = GetKeyspaceRequest { keyspace: name.to_owned() };
        let Some(found) = there(vtctld.get_keyspace(request).await)? else { return Ok(()) };
        let record = found.keyspace.and_then(|k| k.keyspace).unwrap_or_default();
        self.keyspaces.insert(name.to_owned(), record);
        if with_shards {
            let request = FindAllShardsInKeyspaceRequest { keyspace: name.to_owned() };
            let found = vtctld.find_all_shards_in_keyspace(request).await?.shards;
            let records = found.into_iter();
            self.shards
                .extend(records.map(|(shard, s)| ((name.to_owned(), shard), s.shard.unwrap_or_default())));
        }
        Ok(())
    }

    async fn read_tablets(&mut self, vtctld: &dyn Vtctld, keyspace: &str) -> Result<()> {
        let request =
            GetTabletsRequest { keyspace: keyspace.to_owned(), strict: true, ..GetTabletsRequest::default() };
        self.tablets.extend(vtctld.get_tablets(request).await?.tablets);
        Ok(())
    }

    /// A tablet, and the record of its shard.
    async fn read_tablet(&mut self, vtctld: &dyn Vtctld, alias: &ProtoAlias) -> Result<()> {
        let request = GetTabletRequest { tablet_alias: Some(alias.clone()) };
        let tablet = vtctld.get_tablet(request).await?.tablet.unwrap_or_default();
        let (keyspace, shard) = (tablet.keyspace.clone(), tablet.shard.clone());
        self.tablets.push(tablet);
        let request = GetShardRequest { keyspace: keyspace.clone(), shard_name: shard.clone() };
        if let Some(found) = there(vtctld.get_shard(request).await)? {
            let record = found.shard.and_then(|s| s.shard).unwrap_or_default();
            self.shards.insert((keyspace, shard), record);
        }
        Ok(())
    }

    async fn read_served(&mut self, vtctld: &dyn Vtctld, keyspace: &str) -> Result<()> {
        let request = GetSrvKeyspacesRequest { keyspace: keyspace.to_owned(), cells: Vec::new() };
        let Some(found) = there(vtctld.get_srv_keyspaces(request).await)? else { return Ok(()) };
        for (cell, served) in found.srv_keyspaces {
            let shards = served.partitions.into_iter().flat_map(|p| p.shard_references);
            let mut names: Vec<String> = shards.map(|s| format!("{keyspace}/{}", s.name)).collect();
            names.sort();
            names.dedup();
            self.served.entry(cell).or_default().extend(names);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
