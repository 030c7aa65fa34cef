//! Puts the shards' partial groups together: each shard has grouped its own rows and computed its counts,
//! sums, smallest and largest values; groups of equal keys are folded into one.

use std::{cmp::Ordering, collections::HashMap};

use sqltypes::{Field, Row, RowBuilder, Type};
use vterrors::{Condition, Error, Result};

mod moments;

use moments::Moments;

use crate::{Columns, Comparator, Decimal, SortKey, Test};

/// What is done with a column of the rows of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// By position in the rows, from 0.
    pub column: usize,
    pub function: FoldFunction,
}

/// How partial values become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoldFunction {
    /// Adds whole numbers: the counts of the shards.
    Count,
    /// Counts the rows themselves.
    CountRows,
    /// Adds numbers, NULL as nothing; NULL if there is no other.
    Sum,
    /// Keeps the smallest value by this order, and the columns that the order looks at with it.
    Min(SortKey),
    /// Keeps the largest.
    Max(SortKey),
    /// The folded column `sum` divided by the folded column `count`. Its digits are those of the parts' own averages;
    /// where the column has none, but values to be averaged, `of_rows` is set: four more than the sum has.
    Avg {
        sum: usize,
        count: usize,
        of_rows: bool,
    },
    BitAnd,
    BitOr,
    BitXor,
    /// Texts one after the other, `separator` between them. One that gets as long as `longest` bytes, where MySQL
    /// cuts off, is refused.
    Concat {
        separator: Vec<u8>,
        longest: usize,
    },
    /// The variance of the whole from each part's count, mean and variance (all values, not a sample).
    Variance {
        count: usize,
        mean: usize,
        variance: usize,
        spread: Spread,
    },
}

/// MySQL's `div_precision_increment`, and its longest fraction.
const MORE_DIGITS: usize = 4;
const MOST_DIGITS: usize = 30;

/// What is made of a variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// `VAR_SAMP`, `STDDEV_SAMP`: divided by one less than the count.
    pub sample: bool,
    /// `STD` and its kin: the square root.
    pub root: bool,
}

/// Whether values of a type add up to what MySQL's SUM of them is. A FLOAT's text has lost digits; other types MySQL
/// makes doubles of first.
pub fn can_be_added(ty: Type) -> bool {
    sqltypes::is_integral(ty) || matches!(ty, Type::Decimal | Type::Float64)
}

/// Folds rows into groups. Columns without a function keep the value of the group's first row.
#[derive(Debug)]
pub struct Aggregator {
    keys: Comparator,
    folds: Vec<Typed>,
    /// How many columns the rows have.
    columns: usize,
    max_groups: usize,
    by_key: HashMap<Vec<u8>, usize>,
    groups: Vec<Group>,
    /// Kept between rows, so that a row of a known group needs no allocation for its key.
    key: Vec<u8>,
}

#[derive(Debug)]
struct Typed {
    fold: Fold,
    is_float: bool,
    order: Option<(Comparator, Vec<usize>)>,
}

#[derive(Debug)]
struct Group {
    values: Vec<Option<Vec<u8>>>,
    sums: Vec<Sum>,
}

#[derive(Debug, Clone)]
enum Sum {
    Nothing,
    Decimal(Decimal),
    Float(f64),
    Bits(u64),
    Text(Vec<u8>),
    Moments(Moments),
}

impl Columns for Group {
    fn column(&self, at: usize) -> Option<&[u8]> {
        self.values.get(at).and_then(|v| v.as_deref())
    }
}

impl Aggregator {
    /// For rows with these fields. Without keys all rows are one group. More than `max_groups` groups are an
    /// error that says so.
    pub fn new(keys: &[SortKey], folds: Vec<Fold>, fields: &[Field], max_groups: usize) -> Result<Self> {
        let typed = |fold: Fold| -> Result<Typed> {
            let field = fields
                .get(fold.column)
                .ok_or_else(|| Error::internal(format!("no column {} to aggregate", fold.column)))?;
            let order = match &fold.function {
                FoldFunction::Min(key) | FoldFunction::Max(key) => {
                    let kept = [Some(key.column), key.weight_string, key.collation_column];
                    Some((
                        Comparator::new(std::slice::from_ref(key), fields)?,
                        kept.into_iter().flatten().collect(),
                    ))
                }
                _ => None,
            };
            let bits =
                matches!(fold.function, FoldFunction::BitAnd | FoldFunction::BitOr | FoldFunction::BitXor);
            if bits && !sqltypes::is_integral(field.r#type()) {
                return Err(Error::unsupported("folding the bits of byte strings"));
            }
            Ok(Typed { is_float: sqltypes::is_float(field.r#type()), fold, order })
        };
        Ok(Self {
            keys: Comparator::new(keys, fields)?,
            folds: folds.into_iter().map(typed).collect::<Result<_>>()?,
            columns: fields.len(),
            max_groups,
            by_key: HashMap::new(),
            groups: Vec::new(),
            key: Vec::new(),
        })
    }

    /// Takes a row of a shard.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        let columns: Vec<Option<&[u8]>> = sqltypes::values(row).collect();
        self.key.clear();
        self.keys.hash_key(&columns, &mut self.key)?;
        if let Some(group) = self.by_key.get(self.key.as_slice()) {
            return self.groups[*group].fold(&self.folds, &columns);
        }
        if self.groups.len() >= self.max_groups {
            return Err(Error::new(
                Condition::TooManyRows,
                format!("in-memory row count exceeded allowed limit of {}", self.max_groups),
            ));
        }
        self.by_key.insert(self.key.clone(), self.groups.len());
        self.groups.push(Group::first(&self.folds, &columns)?);
        Ok(())
    }

    /// The groups that pass `having`, in the order in which they came, or by `order`. Without keys there is one group even of no
    /// rows: counts are 0 then, everything else NULL.
    pub fn finish(mut self, having: Option<&Test>, order: Option<&Comparator>) -> Result<Vec<Row>> {
        if self.groups.is_empty() && self.keys.is_empty() {
            self.groups.push(self.group_of_nothing());
        }
        let mut kept = Vec::with_capacity(self.groups.len());
        for mut group in std::mem::take(&mut self.groups) {
            group.finish(&self.folds)?;
            if having.map_or(Ok(true), |test| test.holds(&group))? {
                kept.push(group);
            }
        }
        self.groups = kept;
        if let Some(order) = order {
            let mut wrong = None;
            self.groups.sort_by(|a, b| {
                order.compare(a, b).unwrap_or_else(|e| {
                    wrong = Some(e);
                    Ordering::Equal
                })
            });
            if let Some(e) = wrong {
                return Err(e);
            }
        }
        Ok(self.groups.iter().map(Group::row).collect())
    }
}

impl Aggregator {
    fn group_of_nothing(&self) -> Group {
        Group { values: vec![None; self.columns], sums: vec![Sum::Nothing; self.folds.len()] }
    }
}

impl Group {
    fn first(folds: &[Typed], columns: &[Option<&[u8]>]) -> Result<Self> {
        let values = columns.iter().map(|v| v.map(<[u8]>::to_vec)).collect();
        let mut group = Self { values, sums: vec![Sum::Nothing; folds.len()] };
        group.add(folds, columns)?;
        Ok(group)
    }

    fn fold(&mut self, folds: &[Typed], columns: &[Option<&[u8]>]) -> Result<()> {
        self.add(folds, columns)?;
        // All are compared before any is changed: two of them may look at the same weight.
        let mut taken: Vec<usize> = Vec::new();
        for typed in folds {
            if let Some((_, kept)) = &typed.order
                && self.is_beaten(typed, columns)?
            {
                taken.extend(kept);
            }
        }
        for at in taken {
            self.values[at] = columns.column(at).map(<[u8]>::to_vec);
        }
        Ok(())
    }

    /// Whether a row has a smaller or larger value than the group so far. NULL is neither.
    fn is_beaten(&self, typed: &Typed, columns: &[Option<&[u8]>]) -> Result<bool> {
        let (Some((order, _)), Some(_)) = (&typed.order, columns.column(typed.fold.column)) else {
            return Ok(false);
        };
        let wanted = match typed.fold.function {
            FoldFunction::Min(_) => Ordering::Less,
            _ => Ordering::Greater,
        };
        Ok(self.column(typed.fold.column).is_none() || order.compare(columns, self)? == wanted)
    }

    /// Adds counts and sums.
    fn add(&mut self, folds: &[Typed], columns: &[Option<&[u8]>]) -> Result<()> {
        for (typed, sum) in folds.iter().zip(&mut self.sums) {
            if let FoldFunction::Variance { count, mean, variance, .. } = typed.fold.function {
                let part = [count, mean, variance].map(|at| columns.column(at));
                if let Some(part) = Moments::of(part)? {
                    sum.combine(part);
                }
                continue;
            }
            if typed.fold.function == FoldFunction::CountRows {
                sum.add(b"1", false)?;
                continue;
            }
            let Some(value) = columns.column(typed.fold.column) else { continue };
            match &typed.fold.function {
                FoldFunction::Count | FoldFunction::Sum => sum.add(value, typed.is_float)?,
                FoldFunction::BitAnd => sum.bits(value, |a, b| a & b)?,
                FoldFunction::BitOr => sum.bits(value, |a, b| a | b)?,
                FoldFunction::BitXor => sum.bits(value, |a, b| a ^ b)?,
                FoldFunction::Concat { separator, longest } => sum.concat(value, separator, *longest)?,
                FoldFunction::Min(_)
                | FoldFunction::Max(_)
                | FoldFunction::Avg { .. }
                | FoldFunction::CountRows
                | FoldFunction::Variance { .. } => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self, folds: &[Typed]) -> Result<()> {
        for (typed, sum) in folds.iter().zip(&self.sums) {
            match typed.fold.function {
                // A NULL counts nothing, and of nothing else the count is 0.
                FoldFunction::Count | FoldFunction::CountRows => {
                    self.values[typed.fold.column] = sum.text().or_else(|| Some(b"0".to_vec()));
                }
                FoldFunction::Variance { spread, .. } => {
                    self.values[typed.fold.column] = sum.spread(spread);
                }
                FoldFunction::Min(_) | FoldFunction::Max(_) | FoldFunction::Avg { .. } => {}
                FoldFunction::Sum
                | FoldFunction::BitAnd
                | FoldFunction::BitOr
                | FoldFunction::BitXor
                | FoldFunction::Concat { .. } => self.values[typed.fold.column] = sum.text(),
            }
        }
        for typed in folds {
            if let FoldFunction::Avg { sum, count, of_rows } = typed.fold.function {
                let own =
                    if of_rows { None } else { self.column(typed.fold.column).and_then(Decimal::parse) };
                self.values[typed.fold.column] =
                    self.average(folds, own.map(|own| own.scale()), (sum, count))?;
            }
        }
        Ok(())
    }

    /// The average, with as many digits after the point as a shard's own average had.
    fn average(
        &self,
        folds: &[Typed],
        own_scale: Option<usize>,
        (sum, count): (usize, usize),
    ) -> Result<Option<Vec<u8>>> {
        let sum_of = |column: usize| {
            let at = folds.iter().position(|t| t.fold.column == column && t.order.is_none());
            at.map(|at| &self.sums[at])
        };
        let missing = || Error::internal("an average without its sum and count");
        let (sum, count) = (sum_of(sum).ok_or_else(missing)?, sum_of(count).ok_or_else(missing)?);
        let count: u64 = match count.text() {
            Some(text) => std::str::from_utf8(&text).ok().and_then(|t| t.parse().ok()).ok_or_else(missing)?,
            None => 0,
        };
        if count == 0 {
            return Ok(None);
        }
        Ok(match sum {
            Sum::Nothing | Sum::Bits(_) | Sum::Text(_) | Sum::Moments(_) => None,
            Sum::Float(sum) => Some(float_text(sum / count as f64).into_bytes()),
            Sum::Decimal(sum) => {
                let scale = own_scale.unwrap_or_else(|| (sum.scale() + MORE_DIGITS).min(MOST_DIGITS));
                let more = scale.saturating_sub(sum.scale());
                sum.divide(count, more).map(|average| average.to_string().into_bytes())
            }
        })
    }

    fn row(&self) -> Row {
        let mut row = RowBuilder::default();
        self.values.iter().for_each(|v| row.push(v.as_deref()));
        row.finish()
    }
}

impl Sum {
    fn add(&mut self, value: &[u8], is_float: bool) -> Result<()> {
        let text = || String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
        let not_a_number = || Error::internal(format!("{:?} is not a number to add", text()));
        if is_float {
            let value: f64 =
                std::str::from_utf8(value).ok().and_then(|t| t.parse().ok()).ok_or_else(not_a_number)?;
            *self = match self {
                Self::Float(sum) => Self::Float(*sum + value),
                _ => Self::Float(value),
            };
            return Ok(());
        }
        let value = Decimal::parse(value).ok_or_else(not_a_number)?;
        *self = match self {
            Self::Decimal(sum) => Self::Decimal(sum.add(&value)),
            _ => Self::Decimal(value),
        };
        Ok(())
    }

    fn bits(&mut self, value: &[u8], with: impl Fn(u64, u64) -> u64) -> Result<()> {
        let value: u64 = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::unsupported("folding bits of other than whole numbers"))?;
        *self = match self {
            Self::Bits(so_far) => Self::Bits(with(*so_far, value)),
            _ => Self::Bits(value),
        };
        Ok(())
    }

    fn concat(&mut self, value: &[u8], separator: &[u8], longest: usize) -> Result<()> {
        let mut text = match std::mem::replace(self, Self::Nothing) {
            Self::Text(mut text) => {
                text.extend_from_slice(separator);
                text
            }
            _ => Vec::new(),
        };
        text.extend_from_slice(value);
        if text.len() >= longest {
            return Err(Error::unsupported(format!("a GROUP_CONCAT of {longest} bytes or more")));
        }
        *self = Self::Text(text);
        Ok(())
    }

    fn combine(&mut self, part: Moments) {
        *self = match self {
            Self::Moments(so_far) => Self::Moments(so_far.combined(part)),
            _ => Self::Moments(part),
        };
    }

    fn spread(&self, spread: Spread) -> Option<Vec<u8>> {
        let Self::Moments(moments) = self else { return None };
        moments.spread(spread).map(|value| float_text(value).into_bytes())
    }

    fn text(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bits(bits) => Some(bits.to_string().into_bytes()),
            Self::Text(text) => Some(text.clone()),
            Self::Nothing | Self::Moments(_) => None,
            Self::Decimal(sum) => Some(sum.to_string().into_bytes()),
            Self::Float(sum) => Some(float_text(*sum).into_bytes()),
        }
    }
}

/// A double as MySQL writes it: the fewest digits that read back the same, with an exponent where there
/// would be more than fifteen digits before the point, or as many zeros after it.
fn float_text(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-15..1e15).contains(&magnitude) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests;
