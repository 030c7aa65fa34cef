//! SrvKeyspace and SrvVSchema.

use clap::Args;
use proto::vtctldata::*;
use vterrors::Result;

use crate::{
    Client,
    lists::{self, Listing},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct RebuildKeyspaceGraph {
    /// Only these cells
    #[arg(long, short, value_delimiter = ',')]
    cells: Vec<String>,
    /// Also if the shards of a SNAPSHOT keyspace do not cover everything
    #[arg(long)]
    allow_partial: bool,
    #[arg(value_name = "KEYSPACE", required = true)]
    keyspaces: Vec<String>,
}

impl RebuildKeyspaceGraph {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        for keyspace in self.keyspaces {
            let request = RebuildKeyspaceGraphRequest {
                keyspace,
                cells: self.cells.clone(),
                allow_partial: self.allow_partial,
            };
            c.vtctld.rebuild_keyspace_graph(request).await?;
        }
        Ok(String::new())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RebuildVSchemaGraph {
    /// Only these cells
    #[arg(long, short, value_delimiter = ',')]
    cells: Vec<String>,
}

impl RebuildVSchemaGraph {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        c.vtctld.rebuild_v_schema_graph(RebuildVSchemaGraphRequest { cells: self.cells }).await?;
        Ok("RebuildVSchemaGraph: ok\n".into())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetSrvKeyspaces {
    #[command(flatten)]
    listing: Listing,
    keyspace: String,
    cells: Vec<String>,
}

impl GetSrvKeyspaces {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = GetSrvKeyspacesRequest { keyspace: self.keyspace, cells: self.cells };
        let answer = c.vtctld.get_srv_keyspaces(request).await?;
        if self.listing.is_table() {
            return Ok(lists::srv_keyspaces(&answer.srv_keyspaces));
        }
        Ok(ops::json::map_to_json("topodata.SrvKeyspace", &answer.srv_keyspaces, c.style)? + "\n")
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetSrvKeyspaceNames {
    #[command(flatten)]
    listing: Listing,
    cells: Vec<String>,
}

impl GetSrvKeyspaceNames {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer =
            c.vtctld.get_srv_keyspace_names(GetSrvKeyspaceNamesRequest { cells: self.cells }).await?;
        if self.listing.is_table() {
            return Ok(lists::srv_keyspace_names(&answer.names));
        }
        let name = "vtctldata.GetSrvKeyspaceNamesResponse.NameList";
        Ok(ops::json::map_to_json(name, &answer.names, c.style)? + "\n")
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetSrvVSchema {
    cell: String,
}

impl GetSrvVSchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_srv_v_schema(GetSrvVSchemaRequest { cell: self.cell }).await?;
        c.json("vschema.SrvVSchema", &answer.srv_v_schema.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetSrvVSchemas {
    cells: Vec<String>,
}

impl GetSrvVSchemas {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_srv_v_schemas(GetSrvVSchemasRequest { cells: self.cells }).await?;
        Ok(ops::json::map_to_json("vschema.SrvVSchema", &answer.srv_v_schemas, c.style)? + "\n")
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteSrvVSchema {
    cell: String,
}

impl DeleteSrvVSchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        c.vtctld.delete_srv_v_schema(DeleteSrvVSchemaRequest { cell: self.cell }).await?;
        Ok(String::new())
    }
}
