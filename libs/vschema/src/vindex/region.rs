//! `region_experimental` and `region_json`: the first bytes of the keyspace id name a region.

use std::collections::BTreeMap;

use vterrors::{Error, Result};

use super::{Mapped, adapt::Domain, numbers, prefix_range};
use crate::VindexValue;

/// A region in one or two bytes, then the `hash` of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// 1 or 2.
    bytes: usize,
    kind: RegionKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RegionKind {
    /// Columns: the region's number, then the number to hash.
    Experimental,
    /// Columns: the number to hash, then a text that the map turns into a region's number.
    Json(BTreeMap<String, u64>),
}

impl Region {
    pub(super) fn experimental(bytes: &str) -> Result<Self> {
        Ok(Self { bytes: region_bytes(bytes)?, kind: RegionKind::Experimental })
    }

    /// `map` is the JSON text `{"country": region}`.
    pub(super) fn json(bytes: &str, map: &str) -> Result<Self> {
        let map = serde_json::from_str(map).map_err(|e| {
            Error::invalid(format!("region_json: region_map is not a JSON object of numbers: {e}"))
        })?;
        Ok(Self { bytes: region_bytes(bytes)?, kind: RegionKind::Json(map) })
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            RegionKind::Experimental => "region_experimental",
            RegionKind::Json(_) => "region_json",
        }
    }

    pub(super) fn is_partial(&self) -> bool {
        self.kind == RegionKind::Experimental
    }

    pub(super) fn domain(&self, column: usize) -> Domain {
        match (&self.kind, column) {
            (RegionKind::Json(_), 1) => Domain::Bytes,
            _ => Domain::Number,
        }
    }

    pub(super) fn hash(&self, values: &[VindexValue<'_>]) -> Result<Mapped> {
        let hash = |value: &VindexValue<'_>| numbers::number(*value).map(numbers::hash);
        let joined = |region: Option<u64>, hash: Option<Vec<u8>>| match (region, hash) {
            (Some(region), Some(hash)) => Mapped::KeyspaceId([self.prefix(region), hash].concat()),
            _ => Mapped::None,
        };
        match (&self.kind, values) {
            (RegionKind::Experimental, [region]) => {
                Ok(numbers::number(*region).map_or(Mapped::None, |region| prefix_range(self.prefix(region))))
            }
            (RegionKind::Experimental, [region, value]) => Ok(joined(numbers::number(*region), hash(value))),
            (RegionKind::Json(map), [value, region]) => {
                let name = region.raw();
                let region = std::str::from_utf8(&name).ok().and_then(|name| map.get(name)).copied();
                Ok(joined(region, hash(value)))
            }
            _ => Err(Error::internal(format!("{} takes two values, not {}", self.type_name(), values.len()))),
        }
    }

    /// The low bytes of the region's number, big-endian.
    fn prefix(&self, region: u64) -> Vec<u8> {
        region.to_be_bytes()[8 - self.bytes..].to_vec()
    }
}

fn region_bytes(text: &str) -> Result<usize> {
    match text {
        "1" => Ok(1),
        "2" => Ok(2),
        other => Err(Error::invalid(format!("region_bytes must be 1 or 2, not {other:?}"))),
    }
}
