//! The order of values and rows, as `ORDER BY` has it: NULL first (last where descending).

use std::cmp::Ordering;

use sqltypes::{Field, Row, Type};
use vterrors::{Error, Result};

use crate::{Decimal, Padding, padding};

/// A row by columns; `None` is NULL or a column that is not there.
pub trait Columns {
    fn column(&self, at: usize) -> Option<&[u8]>;
}

impl Columns for [Option<&[u8]>] {
    fn column(&self, at: usize) -> Option<&[u8]> {
        self.get(at).copied().flatten()
    }
}

impl Columns for Vec<Option<&[u8]>> {
    fn column(&self, at: usize) -> Option<&[u8]> {
        self.as_slice().column(at)
    }
}

/// Finds the column by adding up lengths: for a few columns of a few rows.
impl Columns for Row {
    fn column(&self, at: usize) -> Option<&[u8]> {
        sqltypes::value_at(self, at).flatten()
    }
}

/// One item of an order, by positions in the rows (from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    pub column: usize,
    /// Where `weight_string(column)` is, for text.
    pub weight_string: Option<usize>,
    /// Where `collation(column)` is, if it is not known otherwise.
    pub collation_column: Option<usize>,
    pub collation: Option<String>,
    pub desc: bool,
}

/// Compares rows of one result.
#[derive(Debug, Clone)]
pub struct Comparator {
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    column: usize,
    by: By,
    desc: bool,
}

/// How a column's values are compared.
#[derive(Debug, Clone)]
enum By {
    Value(Type),
    Weight { weight: usize, collation: Option<usize>, padding: Padding },
}

impl Comparator {
    /// For rows with these fields. An error names a column whose type cannot be compared this way.
    pub fn new(keys: &[SortKey], fields: &[Field]) -> Result<Self> {
        let key = |key: &SortKey| {
            let field = fields
                .get(key.column)
                .ok_or_else(|| Error::internal(format!("no column {} to order by", key.column)))?;
            Ok(Key { column: key.column, by: by(key, field)?, desc: key.desc })
        };
        Ok(Self { keys: keys.iter().map(key).collect::<Result<_>>()? })
    }

    /// As [`new`](Self::new), for an order of rows: MySQL orders an ENUM or SET by its number, also one that MIN or MAX
    /// has found by its text. The text's weight only tells which are equal.
    pub fn for_order(keys: &[SortKey], fields: &[Field]) -> Result<Self> {
        let by_text = keys.iter().filter(|key| key.weight_string.is_some());
        let mut types = by_text.filter_map(|key| fields.get(key.column)).map(Field::r#type);
        match types.find(|ty| matches!(ty, Type::Enum | Type::Set)) {
            Some(ty) => Err(Error::unsupported(format!("an order by a computed {}", ty.as_str_name()))),
            None => Self::new(keys, fields),
        }
    }

    /// Whether nothing is compared: all rows are equal.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The order of two rows.
    pub fn compare(&self, a: &(impl Columns + ?Sized), b: &(impl Columns + ?Sized)) -> Result<Ordering> {
        for key in &self.keys {
            let order = key.compare(a, b)?;
            if order != Ordering::Equal {
                return Ok(if key.desc { order.reverse() } else { order });
            }
        }
        Ok(Ordering::Equal)
    }

    /// Appends bytes that are equal for two rows if and only if [`compare`](Self::compare) finds them equal.
    pub fn hash_key(&self, row: &(impl Columns + ?Sized), out: &mut Vec<u8>) -> Result<()> {
        self.keys.iter().try_for_each(|key| key.hash_key(row, out))
    }
}

fn by(key: &SortKey, field: &Field) -> Result<By> {
    let ty = field.r#type();
    let refuse = |why: &str| {
        Err(Error::unsupported(format!(
            "ordering rows of several shards by column {} of type {}: {why}",
            field.name,
            ty.as_str_name()
        )))
    };
    match ty {
        Type::Char | Type::Varchar | Type::Text => match key.weight_string {
            Some(weight) => {
                let padding = key.collation.as_deref().map_or(Padding::Unknown, padding);
                Ok(By::Weight { weight, collation: key.collation_column, padding })
            }
            None => refuse("the shards were not asked for its weights"),
        },
        Type::Float32 => refuse("its text is rounded; declare the column's type in the VSchema"),
        Type::Enum | Type::Set => {
            refuse("its text is not its order; declare the column's type in the VSchema")
        }
        Type::Json | Type::Geometry | Type::Vector | Type::Tuple | Type::Expression => {
            refuse("its text is not its order")
        }
        _ => Ok(By::Value(ty)),
    }
}

impl Key {
    fn compare(&self, a: &(impl Columns + ?Sized), b: &(impl Columns + ?Sized)) -> Result<Ordering> {
        let (x, y) = match (a.column(self.column), b.column(self.column)) {
            (Some(x), Some(y)) => (x, y),
            (x, y) => return Ok(x.is_some().cmp(&y.is_some())),
        };
        let By::Weight { weight, collation, padding: known } = &self.by else {
            let By::Value(ty) = self.by else { return Ok(Ordering::Equal) };
            return compare_values(ty, x, y);
        };
        let (x, y) = (self.weight_of(a, *weight)?, self.weight_of(b, *weight)?);
        // The collation is looked at only where it matters: one weight begins with the other.
        match known.compare(x, y) {
            Some(order) => Ok(order),
            None => {
                let name = collation_name(a, *collation);
                let order = padding(&name).compare(x, y);
                order.ok_or_else(|| unknown_padding(&name))
            }
        }
    }

    fn weight_of<'a>(&self, row: &'a (impl Columns + ?Sized), weight: usize) -> Result<&'a [u8]> {
        row.column(weight).ok_or_else(|| {
            Error::internal(format!("the weight of column {} is NULL beside a value", self.column))
        })
    }

    fn hash_key(&self, row: &(impl Columns + ?Sized), out: &mut Vec<u8>) -> Result<()> {
        let Some(value) = row.column(self.column) else {
            out.push(0);
            return Ok(());
        };
        out.push(1);
        let mut push = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        match &self.by {
            By::Value(ty) => push(&canonical(*ty, value)?),
            By::Weight { weight, collation, padding: known } => {
                let weight = self.weight_of(row, *weight)?;
                let key = match known.key(weight) {
                    Some(key) => key,
                    None => {
                        let name = collation_name(row, *collation);
                        padding(&name).key(weight).ok_or_else(|| unknown_padding(&name))?
                    }
                };
                push(key);
            }
        }
        Ok(())
    }
}

fn collation_name(row: &(impl Columns + ?Sized), column: Option<usize>) -> String {
    let name = column.and_then(|at| row.column(at)).unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

fn unknown_padding(collation: &str) -> Error {
    let name = if collation.is_empty() { "of an unknown name" } else { collation };
    Error::unsupported(format!("comparing text of several shards in the collation {name}"))
}

/// The order of two values of one type, neither of them NULL. Text types compare as bytes: their order is
/// that of their weights, see [`Comparator`].
pub fn compare_values(ty: Type, a: &[u8], b: &[u8]) -> Result<Ordering> {
    match ty {
        Type::Year => Ok(integer(ty, a)?.cmp(&integer(ty, b)?)),
        ty if sqltypes::is_integral(ty) => Ok(integer(ty, a)?.cmp(&integer(ty, b)?)),
        Type::Decimal => Ok(decimal(a)?.compare(&decimal(b)?)),
        ty if sqltypes::is_float(ty) => Ok(float(ty, a)?.total_cmp(&float(ty, b)?)),
        Type::Time => Ok(time(a)?.cmp(&time(b)?)),
        // Dates are written with the largest unit first, and a column's values all have the same digits.
        _ => Ok(a.cmp(b)),
    }
}

/// The same bytes for equal values.
fn canonical(ty: Type, value: &[u8]) -> Result<Vec<u8>> {
    Ok(match ty {
        ty if sqltypes::is_integral(ty) => integer(ty, value)?.to_be_bytes().to_vec(),
        Type::Decimal => {
            let text = decimal(value)?.to_string();
            let text =
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            text.as_bytes().to_vec()
        }
        ty if sqltypes::is_float(ty) => float(ty, value)?.to_bits().to_be_bytes().to_vec(),
        Type::Time => {
            let (negative, units) = time_parts(value)?;
            let trimmed = units.trim_end_matches('0').trim_end_matches('.');
            format!("{negative}{trimmed}").into_bytes()
        }
        _ => value.to_vec(),
    })
}

fn not_a(ty: Type, value: &[u8]) -> Error {
    let text = String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
    Error::internal(format!("{text:?} is not a value of type {}", ty.as_str_name()))
}

/// Integers of all sizes fit, signed and unsigned.
fn integer(ty: Type, value: &[u8]) -> Result<i128> {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(|| not_a(ty, value))
}

fn decimal(value: &[u8]) -> Result<Decimal> {
    Decimal::parse(value).ok_or_else(|| not_a(Type::Decimal, value))
}

/// Zero has one sign only, so that -0 equals 0.
fn float(ty: Type, value: &[u8]) -> Result<f64> {
    let parsed: Option<f64> = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    parsed.map(|f| f + 0.0).ok_or_else(|| not_a(ty, value))
}

/// `[-]hhh:mm:ss[.ffffff]` as microseconds.
fn time(value: &[u8]) -> Result<i64> {
    let (negative, units) = time_parts(value)?;
    let bad = || not_a(Type::Time, value);
    let (whole, fraction) = units.split_once('.').unwrap_or((units, ""));
    let mut seconds = 0i64;
    for part in whole.split(':') {
        let unit: i64 = part.parse().map_err(|_| bad())?;
        seconds = seconds.checked_mul(60).and_then(|s| s.checked_add(unit)).ok_or_else(bad)?;
    }
    let micros: i64 = match fraction {
        "" => 0,
        digits if digits.len() <= 6 => format!("{digits:0<6}").parse().map_err(|_| bad())?,
        _ => return Err(bad()),
    };
    let total = seconds.checked_mul(1_000_000).and_then(|s| s.checked_add(micros)).ok_or_else(bad)?;
    Ok(if negative == "-" { -total } else { total })
}

fn time_parts(value: &[u8]) -> Result<(&str, &str)> {
    let text = std::str::from_utf8(value).map_err(|_| not_a(Type::Time, value))?;
    Ok(match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    })
}

#[cfg(test)]
mod tests;
