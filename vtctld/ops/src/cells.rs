//! Cells and cells aliases.

use proto::{topodata, vtctldata::*};
use topo::Edit;
use vterrors::{Context, Result};

use crate::{Ops, required};

pub(crate) async fn add(ops: &Ops, r: AddCellInfoRequest) -> Result<AddCellInfoResponse> {
    let info = r.cell_info.unwrap_or_default();
    required("--root", &info.root)?;
    ops.topo.create_cell_info(required("the cell's name", &r.name)?, &info).await?;
    Ok(AddCellInfoResponse {})
}

/// Fields that the request leaves empty stay as they are.
pub(crate) async fn update(ops: &Ops, r: UpdateCellInfoRequest) -> Result<UpdateCellInfoResponse> {
    let wanted = r.cell_info.unwrap_or_default();
    let edit = |info: &mut topodata::CellInfo| {
        let before = info.clone();
        if !wanted.server_address.is_empty() {
            info.server_address.clone_from(&wanted.server_address);
        }
        if !wanted.root.is_empty() {
            info.root.clone_from(&wanted.root);
        }
        Ok(if *info == before { Edit::Keep } else { Edit::Write })
    };
    ops.topo.update_cell_info_fields(required("the cell's name", &r.name)?, edit).await?;
    let cell_info = Some(ops.topo.get_cell_info(&r.name).await?.value);
    Ok(UpdateCellInfoResponse { name: r.name, cell_info })
}

pub(crate) async fn delete(ops: &Ops, r: DeleteCellInfoRequest) -> Result<DeleteCellInfoResponse> {
    ops.topo.delete_cell_info(required("the cell's name", &r.name)?, r.force).await?;
    Ok(DeleteCellInfoResponse {})
}

pub(crate) async fn get(ops: &Ops, r: GetCellInfoRequest) -> Result<GetCellInfoResponse> {
    let found = ops.topo.get_cell_info(required("the cell's name", &r.cell)?).await;
    let info = found.context_with(|| format!("cell {}", r.cell))?;
    Ok(GetCellInfoResponse { cell_info: Some(info.value) })
}

pub(crate) async fn names(ops: &Ops, _: GetCellInfoNamesRequest) -> Result<GetCellInfoNamesResponse> {
    Ok(GetCellInfoNamesResponse { names: ops.topo.get_cell_info_names().await? })
}

pub(crate) async fn add_alias(ops: &Ops, r: AddCellsAliasRequest) -> Result<AddCellsAliasResponse> {
    let record = topodata::CellsAlias { cells: r.cells };
    ops.topo.create_cells_alias(required("the alias's name", &r.name)?, &record).await?;
    Ok(AddCellsAliasResponse {})
}

pub(crate) async fn update_alias(ops: &Ops, r: UpdateCellsAliasRequest) -> Result<UpdateCellsAliasResponse> {
    let cells = r.cells_alias.unwrap_or_default().cells;
    ops.topo.update_cells_alias(required("the alias's name", &r.name)?, &cells).await?;
    Ok(UpdateCellsAliasResponse { name: r.name, cells_alias: Some(topodata::CellsAlias { cells }) })
}

pub(crate) async fn delete_alias(ops: &Ops, r: DeleteCellsAliasRequest) -> Result<DeleteCellsAliasResponse> {
    ops.topo.delete_cells_alias(required("the alias's name", &r.name)?).await?;
    Ok(DeleteCellsAliasResponse {})
}

pub(crate) async fn aliases(ops: &Ops, _: GetCellsAliasesRequest) -> Result<GetCellsAliasesResponse> {
    Ok(GetCellsAliasesResponse { aliases: ops.topo.get_cells_aliases().await?.into_iter().collect() })
}
