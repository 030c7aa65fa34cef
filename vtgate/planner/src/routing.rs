//! The third stage: to which shards a statement goes so that their answers together are right.
//!
//! Two ways, tried in order:
//! 1. *One shard.* Every sharded table of the statement, at any depth, has its vindex columns equal to
//!    constants, and all constants map to one shard: whatever the statement does, all its rows are there.
//! 2. *Several shards, each for itself.* The rows of the outermost block divide among the shards by the
//!    vindex of one table, the *driver*; every other sharded table is tied to the driver by equal vindex
//!    columns, so that no row needs a row of another shard. The driver must be where no outer join can
//!    leave it out, for else each shard would add a row with NULLs for what it does not have.

use std::sync::Arc;

use sqlast::ast::Expr;
use vschema::{ColumnVindex, Keyspace, Table, TableKind};
use vterrors::{Error, Result};

use crate::{
    PlanContext, Routing, SameShardPart, ValueRef, VindexRef, lookup,
    semantics::{
        Aggregation, Analysis, Block, Closure, ColumnKey, From, OutputColumn, SelectBlock, Source, TableId,
    },
};

/// The keyspace of a statement's tables.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// No tables but those that every tablet has.
    Anywhere,
    Unsharded(Arc<Keyspace>),
    Sharded(Arc<Keyspace>),
}

/// Finds the one keyspace that all tables are in.
pub(crate) fn place(ctx: &PlanContext<'_>, analysis: &Analysis) -> Result<Place> {
    let mut keyspace: Option<&str> = None;
    for (_, table) in analysis.base_tables() {
        if table.is_vindex() {
            return Err(crate::vindex_func::unsupported());
        }
        match keyspace {
            None => keyspace = Some(&table.keyspace),
            Some(name) if name == table.keyspace => {}
            Some(name) => {
                let (a, b) = (name.min(&table.keyspace), name.max(&table.keyspace));
                return Err(Error::unsupported(format!(
                    "a statement with tables of several keyspaces ({a}, {b})"
                )));
            }
        }
    }
    let Some(name) = keyspace else { return Ok(Place::Anywhere) };
    let keyspace = ctx.vschema.keyspace(name)?.clone();
    Ok(if keyspace.sharded { Place::Sharded(keyspace) } else { Place::Unsharded(keyspace) })
}

/// The vindex of a plan.
pub(crate) fn vindex_ref(table: &Table, vindex: &ColumnVindex) -> VindexRef {
    VindexRef {
        name: vindex.name.clone(),
        vindex: vindex.vindex.clone(),
        columns: table.vindex_columns(vindex),
    }
}

/// The columns of a table reference's primary vindex.
fn vindex_keys(id: TableId, vindex: &ColumnVindex) -> Vec<ColumnKey> {
    vindex.columns.iter().map(|c| ColumnKey { table: id, column: c.to_lowercase() }).collect()
}

/// The tables whose rows are on one shard each.
pub(crate) fn sharded_tables(analysis: &Analysis) -> impl Iterator<Item = (TableId, &Arc<Table>)> {
    analysis.base_tables().filter(|(_, t)| t.sharded && (!t.is_reference()))
}

/// The first way: one shard for the whole statement.
pub(crate) fn one_shard(ctx: &PlanContext<'_>, analysis: &Analysis) -> Option<Routing> {
    let mut parts: Vec<SameShardPart> = Vec::new();
    for (id, table) in sharded_tables(analysis) {
        let part = match &table.pinned {
            Some(keyspace_id) => SameShardPart::KeyspaceId(keyspace_id.clone()),
            None if ctx.ignore_values => return None,
            None => {
                let vindex = table.primary_vindex()?;
                let values = constants(&analysis.closure(id), &vindex_keys(id, vindex))?;
                SameShardPart::Vindex { vindex: vindex_ref(table, vindex), values }
            }
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    Some(match (parts.pop(), parts.is_empty()) {
        (None, _) => Routing::Reference,
        (Some(SameShardPart::KeyspaceId(id)), true) => Routing::KeyspaceId(id),
        (Some(SameShardPart::Vindex { vindex, values }), true) => Routing::EqualUnique { vindex, values },
        (Some(last), false) => {
            parts.push(last);
            Routing::SameShard { parts }
        }
    })
}

fn constants(closure: &Closure, keys: &[ColumnKey]) -> Option<Vec<ValueRef>> {
    keys.iter().map(|key| closure.constant(key).cloned()).collect()
}

/// The table by which the rows of a statement divide among shards.
#[derive(Debug)]
pub(crate) struct Driver {
    pub keys: Vec<ColumnKey>,
    pub closure: Closure,
    pub routing: Routing,
    /// The condition of the outermost WHERE whose list is split by shard.
    pub split_conjunct: Option<usize>,
}

impl Driver {
    /// Whether grouping by these keys keeps each group on one shard.
    pub fn divides(&self, keys: &[Option<ColumnKey>]) -> bool {
        self.keys.iter().all(|own| keys.iter().flatten().any(|key| self.closure.same(own, key)))
    }

    /// Whether rows that are equal in these columns are on one shard.
    pub fn is_among(&self, analysis: &Analysis, outputs: &[OutputColumn]) -> bool {
        self.keys.iter().all(|own| {
            outputs.iter().any(|output| match output {
                OutputColumn::Column { key, .. } => {
                    key.as_ref().is_some_and(|key| self.closure.same(own, key))
                }
                OutputColumn::Star(tables) => {
                    tables.iter().any(|t| *t == own.table && analysis.base(*t).is_some())
                }
            })
        })
    }
}

/// The second way: several shards, each for itself. An error says what stands against it.
pub(crate) fn many_shards(ctx: &PlanContext<'_>, analysis: &Analysis, from: &From) -> Result<Driver> {
    let found = driver(analysis, from);
    let Some((id, table, vindex)) = found else {
        return Err(Error::unsupported(match sharded_tables(analysis).next() {
            Some((_, table)) => format!(
                "rows of table {} of several shards in a derived table or on the inner side of an outer join",
                table.name
            ),
            None => "a statement without a sharded table on several shards".to_owned(),
        }));
    };
    let keys = vindex_keys(id, vindex);
    for (other, other_table) in sharded_tables(analysis) {
        if other != id && !tied(analysis, (other, other_table), (&keys, vindex)) {
            return Err(Error::unsupported(format!(
                "joining tables {} and {} across shards (their rows are not tied by {})",
                table.name,
                other_table.name,
                vindex.columns.join(", "),
            )));
        }
    }
    if analysis.has_system_tables() {
        return Err(Error::unsupported("joining information_schema with tables of several shards"));
    }
    let closure = analysis.closure(id);
    let (mut routing, split_conjunct) = routing(ctx, table, vindex, &keys, &closure);
    if routing == Routing::Scatter && !ctx.ignore_values {
        routing = lookup::rows(id, table, &closure).unwrap_or(routing);
    }
    Ok(Driver { keys, closure, routing, split_conjunct })
}

/// Whether all rows of a table that can count are on the shard of the driver's row.
fn tied(
    analysis: &Analysis,
    (id, table): (TableId, &Table),
    (keys, driver): (&[ColumnKey], &ColumnVindex),
) -> bool {
    let Some(vindex) = table.primary_vindex() else { return false };
    let own = vindex_keys(id, vindex);
    let closure = analysis.closure(id);
    vindex.vindex == driver.vindex
        && own.len() == keys.len()
        && own.iter().zip(keys).all(|(own, key)| closure.same(own, key))
}

/// The shards that the driver's own conditions leave.
fn routing(
    ctx: &PlanContext<'_>,
    table: &Table,
    vindex: &ColumnVindex,
    keys: &[ColumnKey],
    closure: &Closure,
) -> (Routing, Option<usize>) {
    if ctx.ignore_values {
        return (Routing::Scatter, None);
    }
    let reference = || vindex_ref(table, vindex);
    if let Some(values) = constants(closure, keys) {
        return (Routing::EqualUnique { vindex: reference(), values }, None);
    }
    if let [key] = keys
        && let Some((list, Some(conjunct))) = closure.list(key)
    {
        return (Routing::In { vindex: reference(), values: list.clone() }, Some(conjunct));
    }
    if let Some(tuples) = closure.tuples(keys) {
        return (Routing::MultiEqual { vindex: reference(), tuples }, None);
    }
    if vindex.vindex.is_partial() {
        let values: Vec<_> = keys.iter().map_while(|key| closure.constant(key).cloned()).collect();
        if !values.is_empty() {
            return (Routing::SubShard { vindex: reference(), values }, None);
        }
    }
    (Routing::Scatter, None)
}

/// The first sharded table that is in every row, and that divides the rows of every block around it.
fn driver<'a>(analysis: &'a Analysis, from: &From) -> Option<(TableId, &'a Arc<Table>, &'a ColumnVindex)> {
    match from {
        From::Inner(parts) => parts.iter().find_map(|part| driver(analysis, part)),
        From::Table(id) => match &analysis.table(*id).source {
            Source::Base(table)
                if table.sharded && table.kind == TableKind::Normal && table.pinned.is_none() =>
            {
                Some((*id, table, table.primary_vindex()?))
            }
            Source::Derived(block) => match &**block {
                Block::Select(select) => {
                    let found = driver(analysis, &select.from)?;
                    divides_inside(analysis, select, vindex_keys(found.0, found.2), found.0).then_some(found)
                }
                Block::Other(_) => None,
            },
            _ => None,
        },
    }
}

/// Whether a derived table's rows are those of the shards put together.
fn divides_inside(analysis: &Analysis, select: &SelectBlock, keys: Vec<ColumnKey>, id: TableId) -> bool {
    if select.limited {
        return false;
    }
    let inner =
        Driver { keys, closure: analysis.closure(id), routing: Routing::Scatter, split_conjunct: None };
    if !select.windows.iter().all(|keys| inner.divides(keys)) {
        return false;
    }
    let groups = match &select.aggregation {
        Aggregation::None => true,
        Aggregation::Scalar => false,
        Aggregation::Grouped { keys, rollup } => !rollup && inner.divides(keys),
    };
    groups && (!select.distinct || (inner.is_among(analysis, &select.outputs)))
}

/// Refuses a scatter where the operator does not want any, unless the statement asks for it.
pub(crate) fn check_scatter(ctx: &PlanContext<'_>, routing: &Routing, allowed: bool) -> Result<()> {
    if ctx.no_scatter && !allowed && *routing == Routing::Scatter {
        return Err(Error::unsupported(
            "a statement that goes to every shard (scatter), while --no-scatter is set",
        ));
    }
    Ok(())
}

/// Puts the list of each shard into the condition that is split.
pub(crate) fn split_list(condition: &mut Option<Expr>, conjunct: Option<usize>) {
    let (Some(condition), Some(at)) = (condition, conjunct) else { return };
    let part = match condition {
        Expr::And(parts) => parts.get_mut(at),
        other => (at == 0).then_some(other),
    };
    if let Some(Expr::In(in_)) = part {
        in_.list = sqlast::ast::InList::Param(crate::LIST_VALUES.into());
    }
}
