//! What cells serve: SrvKeyspace and SrvVSchema.

use proto::vtctldata::{get_srv_keyspace_names_response::NameList, *};
use topo::is_no_node;
use vterrors::{Context, Error, Result};

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

/// What each of the cells says. A cell that does not answer is left out, unless no other does.
pub(crate) async fn of_cells<T, F>(
    ops: &Ops,
    names: &[String],
    read: impl Fn(String) -> F,
) -> Result<Vec<(String, T)>>
where
    F: Future<Output = Result<T>> + Send,
{
    let cells = ops.topo.expand_cells(names).await?;
    let answered = futures::future::join_all(cells.iter().cloned().map(read)).await;
    let (mut answers, mut away): (Vec<_>, Vec<(String, Error)>) = (Vec::new(), Vec::new());
    for (cell, answer) in cells.into_iter().zip(answered) {
        match answer {
            Ok(answer) => answers.push((cell, answer)),
            Err(e) => away.push((cell, e)),
        }
    }
    match away.into_iter().next() {
        Some((cell, e)) if answers.is_empty() || !names.is_empty() => Err(e.context(format!("cell {cell}"))),
        Some((cell, e)) => {
            tracing::warn!(cell, error = %e, "the answer leaves a cell out");
            Ok(answers)
        }
        None => Ok(answers),
    }
}

/// A cell that has none is answered with an empty record, as Vitess does.
pub(crate) async fn keyspaces(ops: &Ops, r: GetSrvKeyspacesRequest) -> Result<GetSrvKeyspacesResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    let read = |cell: String| async move {
        match ops.topo.get_srv_keyspace(&cell, keyspace).await {
            Err(e) if is_no_node(&e) => Ok(Default::default()),
            other => other.map(|found| found.value),
        }
    };
    let srv_keyspaces = of_cells(ops, &r.cells, read).await?.into_iter().collect();
    Ok(GetSrvKeyspacesResponse { srv_keyspaces })
}

pub(crate) async fn keyspace_names(
    ops: &Ops,
    r: GetSrvKeyspaceNamesRequest,
) -> Result<GetSrvKeyspaceNamesResponse> {
    let read = |cell: String| async move {
        ops.topo.get_srv_keyspace_names(&cell).await.map(|names| NameList { names })
    };
    Ok(GetSrvKeyspaceNamesResponse { names: of_cells(ops, &r.cells, read).await?.into_iter().collect() })
}

pub(crate) async fn v_schema(ops: &Ops, r: GetSrvVSchemaRequest) -> Result<GetSrvVSchemaResponse> {
    let cell = required("the cell's name", &r.cell)?;
    let found = ops.topo.get_srv_vschema(cell).await.context_with(|| format!("cell {cell}"))?;
    Ok(GetSrvVSchemaResponse { srv_v_schema: Some(found.value) })
}

pub(crate) async fn v_schemas(ops: &Ops, r: GetSrvVSchemasRequest) -> Result<GetSrvVSchemasResponse> {
    let read = |cell: String| async move {
        match ops.topo.get_srv_vschema(&cell).await {
            Err(e) if is_no_node(&e) => Ok(Default::default()),
            other => other.map(|found| found.value),
        }
    };
    Ok(GetSrvVSchemasResponse { srv_v_schemas: of_cells(ops, &r.cells, read).await?.into_iter().collect() })
}

pub(crate) async fn delete_v_schema(
    ops: &Ops,
    r: DeleteSrvVSchemaRequest,
) -> Result<DeleteSrvVSchemaResponse> {
    ops.topo.delete_srv_vschema(required("the cell's name", &r.cell)?).await?;
    Ok(DeleteSrvVSchemaResponse {})
}
