//! `multicol`: the first bytes of each column's own vindex, one after the other; eight at most.

use vterrors::{Error, Result};

use super::{Mapped, SingleColumn, adapt::Domain, prefix_range};
use crate::VindexValue;

/// How long a keyspace id of all columns is at most.
const MAX_BYTES: usize = 8;

/// The columns of a `multicol` vindex, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Multicol {
    columns: Vec<MulticolColumn>,
}

#[derive(Debug, Clone, PartialEq)]
struct MulticolColumn {
    vindex: SingleColumn,
    bytes: usize,
}

impl Multicol {
    /// `bytes` and `vindexes` are the comma-separated parameters; columns without a vindex get `hash`,
    /// columns without a width share what is left of eight bytes, the first ones the larger part.
    pub(super) fn new(
        count: &str,
        bytes: &str,
        vindexes: &str,
        single: impl Fn(&str) -> Result<SingleColumn>,
    ) -> Result<Self> {
        let bad = |why: String| Error::invalid(format!("multicol: {why}"));
        let count = match count.trim().parse::<usize>() {
            Ok(n @ 1..=MAX_BYTES) => n,
            _ => {
                return Err(bad(format!(
                    "column_count must be a number from 1 to {MAX_BYTES}, not {count:?}"
                )));
            }
        };
        let widths = widths(count, bytes)?;
        let names: Vec<&str> = vindexes.split(',').map(str::trim).collect();
        if names.len() > count {
            return Err(bad(format!("column_vindex names {} vindexes for {count} columns", names.len())));
        }
        let name = |at: usize| names.get(at).copied().filter(|n| !n.is_empty()).unwrap_or("hash");
        let columns = widths
            .into_iter()
            .enumerate()
            .map(|(at, bytes)| Ok(MulticolColumn { vindex: single(name(at))?, bytes }))
            .collect::<Result<_>>()?;
        Ok(Self { columns })
    }

    pub(super) fn column_count(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn cost(&self) -> u32 {
        self.columns.iter().map(|c| c.vindex.cost()).sum()
    }

    pub(super) fn domain(&self, column: usize) -> Domain {
        self.columns.get(column).map_or(Domain::Any, |c| c.vindex.domain())
    }

    /// All columns give a keyspace id, leading ones a range.
    pub(super) fn hash(&self, values: &[VindexValue<'_>]) -> Result<Mapped> {
        if values.is_empty() || values.len() > self.columns.len() {
            return Err(Error::internal(format!(
                "multicol takes {} values at most, not {}",
                self.columns.len(),
                values.len()
            )));
        }
        let mut id = Vec::with_capacity(MAX_BYTES);
        let mut start = 0;
        for (column, value) in self.columns.iter().zip(values) {
            // A short part before this one (a `binary` column's) is filled up, so that parts stay in place.
            id.resize(start, 0);
            let Some(hash) = column.vindex.hash(*value)? else { return Ok(Mapped::None) };
            id.extend_from_slice(&hash[..hash.len().min(column.bytes)]);
            start += column.bytes;
        }
        if values.len() == self.columns.len() { Ok(Mapped::KeyspaceId(id)) } else { Ok(prefix_range(id)) }
    }
}

fn widths(count: usize, given: &str) -> Result<Vec<usize>> {
    let bad = |why: &str| Error::invalid(format!("multicol: column_bytes {given:?} {why}"));
    let mut widths = vec![None; count];
    if !given.trim().is_empty() {
        let parts: Vec<&str> = given.split(',').map(str::trim).collect();
        if parts.len() > count {
            return Err(bad("has more parts than there are columns"));
        }
        for (width, part) in widths.iter_mut().zip(parts) {
            if !part.is_empty() {
                let bytes = part.parse::<usize>().map_err(|_| bad("is not a list of numbers"))?;
                *width = Some(bytes);
            }
        }
    }
    let used: usize = widths.iter().flatten().sum();
    let mut open = widths.iter().filter(|w| w.is_none()).count();
    if used > MAX_BYTES || used + open > MAX_BYTES {
        return Err(bad("leaves less than a byte for each column of eight bytes in all"));
    }
    if widths.contains(&Some(0)) {
        return Err(bad("has a width of zero"));
    }
    let mut left = MAX_BYTES - used;
    let share = |width: Option<usize>| {
        width.unwrap_or_else(|| {
            let share = left.div_ceil(open);
            (left, open) = (left - share, open - 1);
            share
        })
    };
    Ok(widths.into_iter().map(share).collect())
}
