//! SQL that is run on one tablet's mysqld.

use proto::{tabletmanagerdata as tm, vtctldata::*};
use vterrors::{Error, Result};

use crate::{Ops, db_name, required};

/// Rows fetched where a request names no limit.
const DEFAULT_MAX_ROWS: u64 = 10_000;

fn max_rows(given: i64) -> Result<u64> {
    match given {
        0 => Ok(DEFAULT_MAX_ROWS),
        n => u64::try_from(n).map_err(|_| Error::invalid(format!("--max-rows: {n} is negative"))),
    }
}

pub(crate) async fn as_app(ops: &Ops, r: ExecuteFetchAsAppRequest) -> Result<ExecuteFetchAsAppResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let request = tm::ExecuteFetchAsAppRequest {
        query: required("the query", &r.query)?.as_bytes().to_vec(),
        max_rows: max_rows(r.max_rows)?,
    };
    let result = ops.tablets.execute_fetch_as_app(&tablet, request).await?.result;
    Ok(ExecuteFetchAsAppResponse { result })
}

pub(crate) async fn as_dba(ops: &Ops, r: ExecuteFetchAsDbaRequest) -> Result<ExecuteFetchAsDbaResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let request = tm::ExecuteFetchAsDbaRequest {
        query: required("the query", &r.query)?.as_bytes().to_vec(),
        db_name: db_name(&tablet),
        max_rows: max_rows(r.max_rows)?,
        disable_binlogs: r.disable_binlogs,
        reload_schema: r.reload_schema,
        disable_foreign_key_checks: false,
    };
    let result = ops.tablets.execute_fetch_as_dba(&tablet, request).await?.result;
    Ok(ExecuteFetchAsDbaResponse { result })
}

pub(crate) async fn multi_as_dba(
    ops: &Ops,
    r: ExecuteMultiFetchAsDbaRequest,
) -> Result<ExecuteMultiFetchAsDbaResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let request = tm::ExecuteMultiFetchAsDbaRequest {
        sql: required("the SQL", &r.sql)?.as_bytes().to_vec(),
        db_name: db_name(&tablet),
        max_rows: max_rows(r.max_rows)?,
        disable_binlogs: r.disable_binlogs,
        reload_schema: r.reload_schema,
        disable_foreign_key_checks: false,
    };
    let results = ops.tablets.execute_multi_fetch_as_dba(&tablet, request).await?.results;
    Ok(ExecuteMultiFetchAsDbaResponse { results })
}
