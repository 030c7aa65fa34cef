//! Tables: schema changes, and what the tablets know of them.

use proto::{
    logutil, tabletmanagerdata as tm,
    topodata::{Tablet, TabletType},
    vtctldata::*,
};
use vterrors::{Condition, Context, Error, Result};

use vtmodel::TabletAlias;

use crate::{Ops, Vtctld, alias_text, db_name, duration, required};

/// Strategies that mean "run it now on every primary".
const DIRECT: [&str; 3] = ["", "direct", "mysql"];

/// Runs each statement on the primary of every shard, all shards at once, and then has the replicas
/// reload their schema. A statement that fails on some shards is not followed by the next one.
pub(crate) async fn apply(ops: &Ops, r: ApplySchemaRequest) -> Result<ApplySchemaResponse> {
    let (keyspace, statements) = checked(&r)?;
    let primaries = primaries_of(ops, keyspace).await?;
    let mut answer = ApplySchemaResponse::default();
    for statement in statements {
        let runs = primaries.iter().map(|primary| run_on(ops, primary, statement));
        let done = futures::future::join_all(runs).await;
        take_over(keyspace, &primaries, done, &mut answer)?;
    }
    let wait = duration(r.wait_replicas_timeout.as_ref(), ops.wait_replicas_timeout)?;
    let reloads = primaries.iter().map(|primary| async move {
        let position = ops.tablets.primary_position(primary, tm::PrimaryPositionRequest {}).await?.position;
        let reload = reload_tablets(ops, &primary.keyspace, &primary.shard, &position, false);
        tokio::time::timeout(wait, reload).await.map_err(|_| {
            let text =
                format!("replicas of {}/{}: no reload within {wait:?}", primary.keyspace, primary.shard);
            Error::new(Condition::Timeout, text)
        })?
    });
    // The change is made; a replica that is late reloads at its next interval.
    for reload in futures::future::join_all(reloads).await {
        match reload {
            Ok(events) => events.iter().for_each(|e| tracing::warn!("{}", e.value)),
            Err(e) => tracing::warn!(error = %e, "ApplySchema: replicas did not reload their schema"),
        }
    }
    Ok(answer)
}

/// The keyspace and the statements of a request that can be carried out.
fn checked(r: &ApplySchemaRequest) -> Result<(&str, Vec<&str>)> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    if !DIRECT.contains(&r.ddl_strategy.as_str()) {
        let text = format!("--ddl-strategy {:?}: online schema changes", r.ddl_strategy);
        return Err(Error::unsupported(text));
    }
    if r.batch_size != 0 {
        return Err(Error::unsupported("--batch-size: statements are sent one by one"));
    }
    let statements: Vec<&str> = r.sql.iter().flat_map(|text| split(text)).collect();
    if statements.is_empty() {
        return Err(Error::invalid("--sql or --sql-file: there is no statement"));
    }
    Ok((keyspace, statements))
}

/// What `ApplySchema` would do now, a line each: nothing is run. Asks this process or a server, as `vtctld` is.
///
/// # Errors
/// Where the request cannot be carried out, or a shard of the keyspace has no primary.
pub async fn plan_apply_schema(vtctld: &dyn Vtctld, r: &ApplySchemaRequest) -> Result<Vec<String>> {
    let (keyspace, statements) = checked(r)?;
    let request = FindAllShardsInKeyspaceRequest { keyspace: keyspace.to_owned() };
    let mut shards: Vec<_> = vtctld.find_all_shards_in_keyspace(request).await?.shards.into_iter().collect();
    if shards.is_empty() {
        vtctld.get_keyspace(GetKeyspaceRequest { keyspace: keyspace.to_owned() }).await?;
        return Err(Error::new(Condition::FailedPrecondition, format!("keyspace {keyspace} has no shards")));
    }
    shards.sort_by(|a, b| a.0.cmp(&b.0));
    let mut primaries = Vec::with_capacity(shards.len());
    for (name, shard) in &shards {
        let record = shard.shard.as_ref().and_then(|s| s.primary_alias.as_ref());
        let primary = TabletAlias::from_proto(record).ok_or_else(|| {
            let text = format!("shard {keyspace}/{name} has no primary");
            Error::new(Condition::FailedPrecondition, text)
        })?;
        primaries.push((primary, name));
    }
    let mut lines = Vec::new();
    for (number, statement) in (1..).zip(&statements) {
        lines.push(format!("statement {number} of {}: {statement}", statements.len()));
        lines.extend(primaries.iter().map(|(primary, shard)| format!("  on {primary} ({keyspace}/{shard})")));
    }
    lines.push("then the replicas of each shard reload their schema".to_owned());
    Ok(lines)
}

/// The statements of a text, without semicolons; what holds only blanks and comments is left out.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let pieces = sqlast::split(text.as_bytes(), &sqlast::ParseOptions::default());
    // The pieces are cut at semicolons, so they are text as the whole is.
    pieces.into_iter().filter_map(|piece| std::str::from_utf8(piece).ok()).map(str::trim)
}

async fn primaries_of(ops: &Ops, keyspace: &str) -> Result<Vec<Tablet>> {
    let shards = ops.topo.find_all_shards_in_keyspace(keyspace).await?;
    if shards.is_empty() {
        ops.topo.get_keyspace(keyspace).await.context_with(|| format!("keyspace {keyspace}"))?;
        return Err(Error::new(Condition::FailedPrecondition, format!("keyspace {keyspace} has no shards")));
    }
    let reads = shards.iter().map(|s| ops.primary_of(keyspace, &s.name));
    futures::future::join_all(reads).await.into_iter().collect()
}

async fn run_on(ops: &Ops, primary: &Tablet, statement: &str) -> Result<u64> {
    let request = tm::ExecuteFetchAsDbaRequest {
        query: statement.as_bytes().to_vec(),
        db_name: db_name(primary),
        max_rows: 10,
        disable_binlogs: false,
        reload_schema: true,
        disable_foreign_key_checks: false,
    };
    let result = ops.tablets.execute_fetch_as_dba(primary, request).await?.result;
    Ok(result.map_or(0, |r| r.rows_affected))
}

fn take_over(
    keyspace: &str,
    primaries: &[Tablet],
    done: Vec<Result<u64>>,
    answer: &mut ApplySchemaResponse,
) -> Result<()> {
    let mut failed: Vec<(&str, Error)> = Vec::new();
    let mut made: Vec<&str> = Vec::new();
    for (primary, result) in primaries.iter().zip(done) {
        match result {
            Ok(rows) => {
                made.push(&primary.shard);
                *answer.rows_affected_by_shard.entry(primary.shard.clone()).or_default() += rows;
            }
            Err(e) => failed.push((&primary.shard, e)),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> =
        failed.iter().map(|(shard, e)| format!("{keyspace}/{shard}: {}", e.message())).collect();
    let (_, first) = failed.swap_remove(0);
    let made =
        if made.is_empty() { String::new() } else { format!("; the statement was run on shards {made:?}") };
    let text = format!("schema change failed on {}{made}", texts.join("; "));
    // A mysqld's own error keeps its number.
    Err(match first.condition() {
        Condition::Mysql => Error::mysql(first.errno(), first.mysql_code().sqlstate, text),
        condition => Error::new(condition, text),
    })
}

pub(crate) async fn get(ops: &Ops, r: GetSchemaRequest) -> Result<GetSchemaResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let request = tm::GetSchemaRequest {
        tables: r.tables,
        include_views: r.include_views,
        exclude_tables: r.exclude_tables,
        table_schema_only: r.table_schema_only,
    };
    let mut schema = ops.tablets.get_schema(&tablet, request).await?.schema_definition;
    if let Some(schema) = &mut schema {
        for table in &mut schema.table_definitions {
            if r.table_names_only {
                *table = tm::TableDefinition { name: std::mem::take(&mut table.name), ..Default::default() };
            } else if r.table_sizes_only {
                *table = tm::TableDefinition {
                    name: std::mem::take(&mut table.name),
                    r#type: std::mem::take(&mut table.r#type),
                    row_count: table.row_count,
                    data_length: table.data_length,
                    ..Default::default()
                };
            }
        }
        if r.table_names_only || r.table_sizes_only {
            schema.database_schema.clear();
        }
    }
    Ok(GetSchemaResponse { schema })
}

pub(crate) async fn reload(ops: &Ops, r: ReloadSchemaRequest) -> Result<ReloadSchemaResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    ops.tablets.reload_schema(&tablet, tm::ReloadSchemaRequest { wait_position: String::new() }).await?;
    Ok(ReloadSchemaResponse {})
}

pub(crate) async fn reload_shard(
    ops: &Ops,
    r: ReloadSchemaShardRequest,
) -> Result<ReloadSchemaShardResponse> {
    let (keyspace, shard) =
        (required("the keyspace's name", &r.keyspace)?, required("the shard's name", &r.shard)?);
    let events = reload_tablets(ops, keyspace, shard, &r.wait_position, r.include_primary).await?;
    Ok(ReloadSchemaShardResponse { events })
}

pub(crate) async fn reload_keyspace(
    ops: &Ops,
    r: ReloadSchemaKeyspaceRequest,
) -> Result<ReloadSchemaKeyspaceResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    let mut events = Vec::new();
    for shard in ops.topo.get_shard_names(keyspace).await? {
        events.extend(reload_tablets(ops, keyspace, &shard, &r.wait_position, r.include_primary).await?);
    }
    Ok(ReloadSchemaKeyspaceResponse { events })
}

/// Has the tablets of a shard reload their schema, once they are at `position` if one is given. Best
/// effort: the events say which did not.
async fn reload_tablets(
    ops: &Ops,
    keyspace: &str,
    shard: &str,
    position: &str,
    include_primary: bool,
) -> Result<Vec<logutil::Event>> {
    let found = ops.topo.find_tablets_by_shard(keyspace, shard).await?;
    let mut events: Vec<_> =
        found.failed_cells.iter().map(|(cell, e)| reparent::warning(format!("cell {cell}: {e}"))).collect();
    let wanted = |t: &&Tablet| include_primary || t.r#type() != TabletType::Primary;
    let reloads = found.tablets.iter().filter(wanted).map(|t| async move {
        let wait_position =
            if t.r#type() == TabletType::Primary { String::new() } else { position.to_owned() };
        let done = ops.tablets.reload_schema(t, tm::ReloadSchemaRequest { wait_position }).await;
        done.err().map(|e| reparent::warning(format!("tablet {}: schema not reloaded: {e}", alias_text(t))))
    });
    events.extend(futures::future::join_all(reloads).await.into_iter().flatten());
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn semicolons_in_strings_names_comments_and_programs_do_not_split() {
        for (sql, wanted) in [
            (
                "create table a (x int); create table b (y int);",
                vec!["create table a (x int)", "create table b (y int)"],
            ),
            ("select ';' ; select `a;``b`;;", vec!["select ';'", "select `a;``b`"]),
            (" ; -- nothing; here\n ; ", vec![]),
            (
                "create trigger t before insert on a for each row begin set @x = 1; set @y = 2; end; drop table b",
                vec![
                    "create trigger t before insert on a for each row begin set @x = 1; set @y = 2; end",
                    "drop table b",
                ],
            ),
        ] {
            assert_eq!(split(sql).collect::<Vec<_>>(), wanted, "{sql}");
        }
    }
}
