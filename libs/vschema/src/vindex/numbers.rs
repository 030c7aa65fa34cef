//! Vindexes of whole numbers: hash, numeric, reverse_bits, numeric_static_map.
//!
//! Signed numbers keep their two's complement, so that -1 and 18446744073709551615 are the same input
//! (`interop/vindex_vectors.tsv` has both).

use std::{collections::BTreeMap, sync::LazyLock};

use des::{
    Des,
    cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use vterrors::{Error, Result};

use super::SingleColumn;
use crate::{
    VindexValue,
    value::{Class, integer},
};

/// DES with Vitess's key of eight zero bytes; a constant, built at first use because the key schedule costs.
static NULL_KEY: LazyLock<Des> = LazyLock::new(|| Des::new(&[0; 8].into()));

/// The vindex `hash`: one DES block of the big-endian number.
pub fn hash(number: u64) -> Vec<u8> {
    let mut block: Block<Des> = number.to_be_bytes().into();
    NULL_KEY.encrypt_block(&mut block);
    block.to_vec()
}

/// The number whose [`hash`] a keyspace id is; none for a keyspace id that is no hash of a number. Lookups of
/// the kinds `lookup_hash` hold it in place of the keyspace id.
pub fn number_of_hash(keyspace_id: &[u8]) -> Option<u64> {
    let block: [u8; 8] = keyspace_id.try_into().ok()?;
    let mut block: Block<Des> = block.into();
    NULL_KEY.decrypt_block(&mut block);
    Some(u64::from_be_bytes(block.into()))
}

pub(super) fn numeric(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(super) fn reverse_bits(number: u64) -> Vec<u8> {
    number.reverse_bits().to_be_bytes().to_vec()
}

/// The number of a value: integers, and text that is nothing but an integer.
pub(super) fn number(value: VindexValue<'_>) -> Option<u64> {
    match value.classify() {
        Class::Integer(number) => Some(number.bits),
        Class::Bytes(text) => integer(&text).map(|n| n.bits),
        Class::Null | Class::OtherNumber => None,
    }
}

/// `numeric_static_map`: numbers in a table go where it says, others to a fallback.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticMap {
    pub(super) map: BTreeMap<u64, u64>,
    /// What is done with a number that is not in the table; none is `numeric`.
    pub(super) fallback: Option<Box<SingleColumn>>,
}

impl StaticMap {
    /// Reads `{"1": 2, ...}`.
    pub(super) fn parse(json: &str) -> Result<BTreeMap<u64, u64>> {
        let bad = |why: String| Error::invalid(format!("numeric_static_map: {why}"));
        let map: BTreeMap<String, u64> =
            serde_json::from_str(json).map_err(|e| bad(format!("not a JSON object of numbers: {e}")))?;
        let entry = |(k, v): (String, u64)| match k.parse() {
            Ok(number) => Ok((number, v)),
            Err(_) => Err(bad(format!("the key {k:?} is not a number"))),
        };
        map.into_iter().map(entry).collect()
    }

    pub(super) fn hash(&self, value: VindexValue<'_>) -> Result<Option<Vec<u8>>> {
        let Some(number) = number(value) else { return Ok(None) };
        match (self.map.get(&number), &self.fallback) {
            (Some(mapped), _) => Ok(Some(numeric(*mapped))),
            (None, None) => Ok(Some(numeric(number))),
            (None, Some(fallback)) => fallback.hash(value),
        }
    }
}
