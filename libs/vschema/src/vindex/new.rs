//! A vindex out of its description in a VSchema.

use std::collections::BTreeMap;

use vterrors::{Error, Result};

use super::{Cfc, Lookup, Multicol, Region, SingleColumn, StaticMap, Vindex, lookup::LookupKind};
use crate::Files;

/// A vindex's description: its type and parameters.
#[derive(Clone, Copy)]
pub struct VindexParams<'a> {
    pub vindex_type: &'a str,
    pub params: &'a BTreeMap<String, String>,
    /// Reads the files that `region_json` and `numeric_static_map` name.
    pub files: Files<'a>,
}

impl Vindex {
    /// The vindex of a description; an error says what is wrong with it.
    pub fn new(description: VindexParams<'_>) -> Result<Self> {
        let VindexParams { vindex_type, params, files } = description;
        let param = |name: &str| params.get(name).map_or("", String::as_str);
        match vindex_type {
            "region_experimental" => Region::experimental(param("region_bytes")).map(Self::Region),
            "region_json" => {
                let map = read(files, "region_json", param("region_map"))?;
                Region::json(param("region_bytes"), &map).map(Self::Region)
            }
            "multicol" => Multicol::new(
                param("column_count"),
                param("column_bytes"),
                param("column_vindex"),
                SingleColumn::by_name,
            )
            .map(Self::Multicol),
            "numeric_static_map" => static_map(params, files),
            "cfc" => {
                let cfc = Cfc::new(param("hash"), params.get("offsets").map(String::as_str))?;
                Ok(Self::Single(SingleColumn::Cfc(cfc)))
            }
            other => match LookupKind::by_name(other) {
                Some(kind) => Lookup::new(kind, params).map(Self::Lookup),
                None => SingleColumn::by_name(other).map(Self::Single),
            },
        }
    }

    /// The parameters that a type knows; others are reported, not refused.
    pub fn known_params(vindex_type: &str) -> &'static [&'static str] {
        match vindex_type {
            "region_experimental" => &["region_bytes"],
            "region_json" => &["region_bytes", "region_map"],
            "multicol" => &["column_count", "column_bytes", "column_vindex"],
            "numeric_static_map" => &["json", "json_path", "fallback_type"],
            "cfc" => &["hash", "offsets"],
            other if LookupKind::by_name(other).is_some() => &[
                "table",
                "from",
                "to",
                "autocommit",
                "batch_lookup",
                "cost",
                "ignore_nulls",
                "multi_shard_autocommit",
                "no_verify",
                "read_lock",
                "write_only",
            ],
            _ => &[],
        }
    }
}

impl SingleColumn {
    /// A function that needs no parameters.
    pub(super) fn by_name(name: &str) -> Result<Self> {
        Ok(match name {
            "binary" => Self::Binary,
            "binary_md5" => Self::BinaryMd5,
            "hash" => Self::Hash,
            "numeric" => Self::Numeric,
            "reverse_bits" => Self::ReverseBits,
            "xxhash" => Self::Xxhash,
            "unicode_loose_md5" => Self::UnicodeLooseMd5,
            "unicode_loose_xxhash" => Self::UnicodeLooseXxhash,
            "null" => Self::Null,
            other => return Err(Error::invalid(format!("unknown vindex type {other:?}"))),
        })
    }
}

fn static_map(params: &BTreeMap<String, String>, files: Files<'_>) -> Result<Vindex> {
    let json = match (params.get("json"), params.get("json_path")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("numeric_static_map: json and json_path exclude each other"));
        }
        (Some(json), None) => json.clone(),
        (None, Some(path)) => read(files, "numeric_static_map", path)?,
        (None, None) => return Err(Error::invalid("numeric_static_map: json or json_path must be given")),
    };
    let fallback =
        params.get("fallback_type").map(|name| SingleColumn::by_name(name).map(Box::new)).transpose()?;
    Ok(Vindex::Single(SingleColumn::NumericStaticMap(StaticMap { map: StaticMap::parse(&json)?, fallback })))
}

fn read(files: Files<'_>, vindex_type: &str, path: &str) -> Result<String> {
    files(path).map_err(|e| Error::invalid(format!("{vindex_type}: cannot read {path:?}: {e}")))
}
