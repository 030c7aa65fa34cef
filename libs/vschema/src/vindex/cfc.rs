//! `cfc`: a text made of parts of fixed width, each hashed by itself, so that rows that share their first
//! parts are near each other.

use vterrors::{Error, Result};

use super::{Mapped, bytes, prefix_range};

/// A `cfc` vindex. Without a hash the keyspace id is the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cfc {
    hash: Option<CfcHash>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CfcHash {
    function: CfcFunction,
    /// Where each part but the last ends, in bytes, rising; at least one.
    offsets: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CfcFunction {
    Md5,
    Xxhash,
}

impl Cfc {
    /// From the parameters `hash` (empty, `md5`, `xxhash64`) and `offsets` (`[2,4]`).
    pub(super) fn new(hash: &str, offsets: Option<&str>) -> Result<Self> {
        let function = match hash {
            "" => return Ok(Self { hash: None }),
            "md5" => CfcFunction::Md5,
            "xxhash64" => CfcFunction::Xxhash,
            other => {
                return Err(Error::invalid(format!("cfc: the hash {other:?} is neither md5 nor xxhash64")));
            }
        };
        let text = offsets.ok_or_else(|| Error::invalid("cfc: with a hash, offsets must be given"))?;
        let bad =
            || Error::invalid(format!("cfc: offsets {text:?} are not rising positive numbers in brackets"));
        let offsets: Vec<usize> = serde_json::from_str(text).map_err(|_| bad())?;
        let rising = offsets.windows(2).all(|w| w[0] < w[1]);
        if offsets.first().is_none_or(|first| *first == 0) || !rising {
            return Err(bad());
        }
        Ok(Self { hash: Some(CfcHash { function, offsets }) })
    }

    /// The keyspace id of a whole text; it must reach the last offset.
    pub(super) fn hash(&self, text: &[u8]) -> Result<Vec<u8>> {
        let Some(hash) = &self.hash else { return Ok(text.to_vec()) };
        let needed = hash.offsets.last().copied().unwrap_or(0);
        if text.len() < needed {
            return Err(Error::invalid(format!(
                "cfc: the value has {} bytes, at least {needed} are needed",
                text.len()
            )));
        }
        Ok(hash.parts(text))
    }

    /// The keyspace ids of all texts that begin with `prefix` (`LIKE 'prefix%'`).
    pub fn map_prefix(&self, prefix: &[u8]) -> Mapped {
        match &self.hash {
            None => prefix_range(prefix.to_vec()),
            // Only whole parts count: the hash of half a part says nothing.
            Some(hash) => {
                let whole = hash.offsets.iter().rev().find(|o| **o <= prefix.len()).copied().unwrap_or(0);
                prefix_range(hash.parts(&prefix[..whole]))
            }
        }
    }
}

impl CfcHash {
    /// The hashes of the parts of `text`, each cut to the part's own length.
    fn parts(&self, text: &[u8]) -> Vec<u8> {
        let mut id = Vec::with_capacity(text.len());
        let mut from = 0;
        let ends = self.offsets.iter().copied().filter(|o| *o <= text.len()).chain([text.len()]);
        for end in ends {
            if end > from {
                let part = &text[from..end];
                let hashed = match self.function {
                    CfcFunction::Md5 => bytes::md5(part),
                    CfcFunction::Xxhash => bytes::xxhash(part),
                };
                id.extend_from_slice(&hashed[..hashed.len().min(part.len())]);
            }
            from = end;
        }
        id
    }
}
