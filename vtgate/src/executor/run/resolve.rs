//! From a plan's routing and the values to shards. Pure.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use planner::{Routing, SameShardPart, ValueRef, VindexRef};
use proto::query::Type;
use sqltypes::BindVars;
use vschema::{Mapped, ShardTable, VindexValue};
use vterrors::{Condition, Error, Result};

use crate::executor::binds;

/// A shard of the keyspace, by its place in the shard table, and its part of an IN list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub shard: usize,
    /// For `Routing::In`: this shard's own values.
    pub list: Option<Vec<(Type, Bytes)>>,
}

fn whole(shard: usize) -> Destination {
    Destination { shard, list: None }
}

/// Where a query goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// These shards, in the order of the shard table.
    Shards(Vec<Destination>),
    /// The plan does not fit these values, which could be on any shard, or are on several: plan again without
    /// them.
    PlanAgain,
}

/// The shards that a query goes to.
pub fn resolve(routing: &Routing, shards: &Arc<ShardTable>, values: &BindVars) -> Result<Resolved> {
    let all = || (0..shards.all().len()).map(whole).collect();
    let destinations = match routing {
        Routing::Unsharded => match shards.only() {
            Some(_) => vec![whole(0)],
            None => {
                return Err(Error::new(
                    Condition::FailedPrecondition,
                    format!("the VSchema says unsharded, but there are {} shards", shards.all().len()),
                ));
            }
        },
        Routing::Scatter => all(),
        Routing::AnyShard | Routing::Reference => vec![whole(0)],
        Routing::KeyspaceIds(ids) => at_least_one(ids.iter().map(|id| shards.index_of(id)).collect()),
        Routing::Lookup(read) => {
            return Err(Error::internal(format!("the lookup {} was not read", read.lookup.name)));
        }
        Routing::KeyspaceId(id) => vec![whole(shards.index_of(id))],
        Routing::ByTarget { shard } => vec![whole(by_name(shards, shard)?)],
        Routing::EqualUnique { vindex, values: refs } => match map_refs(vindex, refs, values)? {
            None => return Ok(Resolved::PlanAgain),
            Some(found) => at_least_one(found.places(shards)),
        },
        Routing::SameShard { parts } => return same_shard(parts, shards, values),
        Routing::SubShard { vindex, values: refs } => match map_refs(vindex, refs, values)? {
            None => all(),
            Some(found) => at_least_one(found.places(shards)),
        },
        Routing::MultiEqual { vindex, tuples } => {
            let mut places = Vec::new();
            for tuple in tuples {
                match map_refs(vindex, tuple, values)? {
                    None => return Ok(Resolved::Shards(all())),
                    Some(found) => places.extend(found.places(shards)),
                }
            }
            at_least_one(places)
        }
        Routing::In { vindex, values: list } => in_list(vindex, list, shards, values)?,
    };
    Ok(Resolved::Shards(destinations))
}

/// The one shard of all the parts. A NULL matches nothing, so it is as good on any shard.
fn same_shard(parts: &[SameShardPart], shards: &Arc<ShardTable>, values: &BindVars) -> Result<Resolved> {
    let mut place = None;
    for part in parts {
        let places = match part {
            SameShardPart::KeyspaceId(id) => vec![shards.index_of(id)],
            SameShardPart::Vindex { vindex, values: refs } => match map_refs(vindex, refs, values)? {
                Some(found) => found.places(shards),
                None => return Ok(Resolved::PlanAgain),
            },
        };
        match (places.as_slice(), place) {
            ([], _) => {}
            ([one], None) => place = Some(*one),
            ([one], Some(other)) if *one == other => {}
            _ => return Ok(Resolved::PlanAgain),
        }
    }
    Ok(Resolved::Shards(vec![whole(place.unwrap_or(0))]))
}

fn map_refs(vindex: &VindexRef, refs: &[ValueRef], binds: &BindVars) -> Result<Option<Found>> {
    let values = refs.iter().map(|r| binds::value(r, binds)).collect::<Result<Vec<_>>>()?;
    map(vindex, &values)
}

/// Values that match nothing still need a shard that says so, with the right columns and numbers.
fn at_least_one(mut places: Vec<usize>) -> Vec<Destination> {
    if places.is_empty() {
        places.push(0);
    }
    of_places(places)
}

fn of_places(mut places: Vec<usize>) -> Vec<Destination> {
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(whole).collect()
}

/// The place of a shard that was named.
pub fn by_name(shards: &ShardTable, name: &str) -> Result<usize> {
    shards
        .all()
        .iter()
        .position(|s| s.name == name)
        .ok_or_else(|| Error::new(Condition::UnknownKeyspace, format!("shard {name} is not served")))
}

/// Deals the values of a list out to their shards. A value that could be anywhere goes to all; NULL
/// equals nothing. A list of nothing else goes to one shard whole, so that the answer has its columns.
fn in_list(
    vindex: &VindexRef,
    list: &ValueRef,
    shards: &Arc<ShardTable>,
    values: &BindVars,
) -> Result<Vec<Destination>> {
    let mut by_shard: BTreeMap<usize, Vec<(Type, Bytes)>> = BTreeMap::new();
    for value in binds::list(list, values)? {
        if value.0 == Type::NullType {
            continue;
        }
        let places = match map(vindex, std::slice::from_ref(&value))? {
            Some(found) => found.places(shards),
            None => (0..shards.all().len()).collect(),
        };
        for place in places {
            by_shard.entry(place).or_default().push(value.clone());
        }
    }
    if by_shard.is_empty() {
        return Ok(vec![Destination { shard: 0, list: Some(binds::list(list, values)?) }]);
    }
    Ok(by_shard.into_iter().map(|(shard, list)| Destination { shard, list: Some(list) }).collect())
}

/// Where rows with these values are; `None` for "could be anywhere".
fn map(vindex: &VindexRef, values: &[(Type, Bytes)]) -> Result<Option<Found>> {
    let views: Vec<_> = values.iter().map(|(ty, bytes)| VindexValue::new(*ty, bytes)).collect();
    let mapped = vindex
        .vindex
        .map_read(&views, &vindex.columns)
        .map_err(|e| e.context(format!("vindex {}", vindex.name)))?;
    Ok(match mapped {
        Mapped::Anywhere => None,
        other => Some(Found(other)),
    })
}

struct Found(Mapped);

impl Found {
    fn places(&self, shards: &ShardTable) -> Vec<usize> {
        match &self.0 {
            Mapped::None | Mapped::Anywhere => Vec::new(),
            Mapped::KeyspaceId(id) => vec![shards.index_of(id)],
            Mapped::KeyRange(range) => shards.indexes_of_range(range).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
