//! What cells serve: SrvKeyspace and SrvVSchema.

use proto::vtctldata::{get_srv_keyspace_names_response::NameList, *};
use topo::is_no_node;
use vterrors::{Context, Result};

use crate::{Ops, required};

pub(crate) async fn rebuild_keyspace_graph(
    ops: &Ops,
    r: RebuildKeyspaceGraphRequest,
) -> Result<RebuildKeyspaceGraphResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    ops.topo.rebuild_keyspace_graph(keyspace, &r.cells, r.allow_partial).await?;
    Ok(RebuildKeyspaceGraphResponse {})
}

pub(crate) async fn rebuild_v_schema_graph(
    ops: &Ops,
    r: RebuildVSchemaGraphRequest,
) -> Result<RebuildVSchemaGraphResponse> {
    ops.topo.rebuild_srv_vschema(&r.cells).await?;
    Ok(RebuildVSchemaGraphResponse {})
}

/// A cell that has none is answered with an empty record, as Vitess does.
pub(crate) async fn keyspaces(ops: &Ops, r: GetSrvKeyspacesRequest) -> Result<GetSrvKeyspacesResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    let mut answer = GetSrvKeyspacesResponse::default();
    for cell in ops.topo.expand_cells(&r.cells).await? {
        let found = match ops.topo.get_srv_keyspace(&cell, keyspace).await {
            Err(e) if is_no_node(&e) => Default::default(),
            other => other.context_with(|| format!("cell {cell}"))?.value,
        };
        answer.srv_keyspaces.insert(cell, found);
    }
    Ok(answer)
}

pub(crate) async fn keyspace_names(
    ops: &Ops,
    r: GetSrvKeyspaceNamesRequest,
) -> Result<GetSrvKeyspaceNamesResponse> {
    let mut answer = GetSrvKeyspaceNamesResponse::default();
    for cell in ops.topo.expand_cells(&r.cells).await? {
        let names = ops.topo.get_srv_keyspace_names(&cell).await.context_with(|| format!("cell {cell}"))?;
        answer.names.insert(cell, NameList { names });
    }
    Ok(answer)
}

pub(crate) async fn v_schema(ops: &Ops, r: GetSrvVSchemaRequest) -> Result<GetSrvVSchemaResponse> {
    let cell = required("the cell's name", &r.cell)?;
    let found = ops.topo.get_srv_vschema(cell).await.context_with(|| format!("cell {cell}"))?;
    Ok(GetSrvVSchemaResponse { srv_v_schema: Some(found.value) })
}

pub(crate) async fn v_schemas(ops: &Ops, r: GetSrvVSchemasRequest) -> Result<GetSrvVSchemasResponse> {
    let mut answer = GetSrvVSchemasResponse::default();
    for cell in ops.topo.expand_cells(&r.cells).await? {
        let found = match ops.topo.get_srv_vschema(&cell).await {
            Err(e) if is_no_node(&e) => Default::default(),
            other => other.context_with(|| format!("cell {cell}"))?.value,
        };
        answer.srv_v_schemas.insert(cell, found);
    }
    Ok(answer)
}

pub(crate) async fn delete_v_schema(
    ops: &Ops,
    r: DeleteSrvVSchemaRequest,
) -> Result<DeleteSrvVSchemaResponse> {
    ops.topo.delete_srv_vschema(required("the cell's name", &r.cell)?).await?;
    Ok(DeleteSrvVSchemaResponse {})
}
