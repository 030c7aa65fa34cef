//! Cells and cells aliases.

use clap::Args;
use proto::{topodata, vtctldata::*};
use vterrors::Result;

use ops::dry_run::Change;

use crate::{
    Client,
    lists::{self, Format, Listing},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct AddCellInfo {
    /// Address of the cell's lock server, as host:port
    #[arg(long, short = 'a', default_value = "")]
    server_address: String,
    /// Path of the cell's root in its lock server
    #[arg(long, short = 'r', default_value = "")]
    root: String,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    cell: String,
}

impl AddCellInfo {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let cell_info = Some(topodata::CellInfo { server_address: self.server_address, root: self.root });
        let request = AddCellInfoRequest { name: self.cell.clone(), cell_info };
        if self.dry_run {
            return c.preview(Change::AddCellInfo(request)).await;
        }
        c.vtctld.add_cell_info(request).await?;
        Ok(format!("Created cell: {}\n", self.cell))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpdateCellInfo {
    /// Address of the cell's lock server; stays as it is if not given
    #[arg(long, short = 'a', default_value = "")]
    server_address: String,
    /// Path of the cell's root; stays as it is if not given
    #[arg(long, short = 'r', default_value = "")]
    root: String,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    cell: String,
}

impl UpdateCellInfo {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let cell_info = Some(topodata::CellInfo { server_address: self.server_address, root: self.root });
        let request = UpdateCellInfoRequest { name: self.cell, cell_info };
        if self.dry_run {
            return c.preview(Change::UpdateCellInfo(request)).await;
        }
        let answer = c.vtctld.update_cell_info(request).await?;
        let json = c.json("topodata.CellInfo", &answer.cell_info.unwrap_or_default())?;
        Ok(format!("Updated cell {}. New CellInfo:\n{json}", answer.name))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteCellInfo {
    /// Also if keyspaces are served in the cell
    #[arg(long, short)]
    force: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    cell: String,
}

impl DeleteCellInfo {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = DeleteCellInfoRequest { name: self.cell.clone(), force: self.force };
        if self.dry_run {
            return c.preview(Change::DeleteCellInfo(request)).await;
        }
        c.vtctld.delete_cell_info(request).await?;
        Ok(format!("Deleted cell {}\n", self.cell))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetCellInfo {
    cell: String,
}

impl GetCellInfo {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_cell_info(GetCellInfoRequest { cell: self.cell }).await?;
        c.json("topodata.CellInfo", &answer.cell_info.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetCellInfoNames {
    #[command(flatten)]
    listing: Listing,
}

impl GetCellInfoNames {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_cell_info_names(GetCellInfoNamesRequest {}).await?;
        match self.listing.format {
            Some(Format::Table) => Ok(lists::names("cell", &answer.names)),
            Some(Format::Json) => Ok(serde_json::json!(answer.names).to_string() + "\n"),
            None => Ok(answer.names.into_iter().map(|n| n + "\n").collect()),
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AddCellsAlias {
    /// The cells, separated by commas
    #[arg(long, short, value_delimiter = ',')]
    cells: Vec<String>,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    alias: String,
}

impl AddCellsAlias {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = AddCellsAliasRequest { name: self.alias.clone(), cells: self.cells.clone() };
        if self.dry_run {
            return c.preview(Change::AddCellsAlias(request)).await;
        }
        c.vtctld.add_cells_alias(request).await?;
        Ok(format!("Created cells alias: {} (cells = [{}])\n", self.alias, self.cells.join(" ")))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpdateCellsAlias {
    /// The cells, separated by commas
    #[arg(long, short, value_delimiter = ',')]
    cells: Vec<String>,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    alias: String,
}

impl UpdateCellsAlias {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let cells_alias = Some(topodata::CellsAlias { cells: self.cells });
        let request = UpdateCellsAliasRequest { name: self.alias, cells_alias };
        if self.dry_run {
            return c.preview(Change::UpdateCellsAlias(request)).await;
        }
        let answer = c.vtctld.update_cells_alias(request).await?;
        let json = c.json("topodata.CellsAlias", &answer.cells_alias.unwrap_or_default())?;
        Ok(format!("Updated cells alias {}. New CellsAlias:\n{json}", answer.name))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteCellsAlias {
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    alias: String,
}

impl DeleteCellsAlias {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = DeleteCellsAliasRequest { name: self.alias.clone() };
        if self.dry_run {
            return c.preview(Change::DeleteCellsAlias(request)).await;
        }
        c.vtctld.delete_cells_alias(request).await?;
        Ok(format!("Deleted cells alias {}\n", self.alias))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetCellsAliases {
    #[command(flatten)]
    listing: Listing,
}

impl GetCellsAliases {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_cells_aliases(GetCellsAliasesRequest {}).await?;
        if self.listing.is_table() {
            return Ok(lists::cells_aliases(&answer.aliases));
        }
        Ok(ops::json::map_to_json("topodata.CellsAlias", &answer.aliases, c.style)? + "\n")
    }
}
