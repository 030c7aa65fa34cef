//! Whether a row passes a condition on its columns: comparisons of numbers with numbers, and what AND and OR make of
//! them. NULL passes nothing, so a condition is never looked at under a NOT.

use std::cmp::Ordering;

use sqltypes::{Field, Type};
use vterrors::{Error, Result};

use crate::{Columns, Decimal};

/// A condition, its values at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Every one holds.
    All(Vec<Test>),
    /// One of them holds.
    Any(Vec<Test>),
    /// A column, by position, compares with the other side in this way.
    Compare { column: usize, is: Is, with: Side },
    /// A column is NULL, or is not.
    Null { column: usize, not: bool },
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    Column(usize),
    /// A number's text; `None` is NULL.
    Value(Option<Vec<u8>>),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Is {
    fn fits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

impl Test {
    /// Refuses columns that are no whole numbers or decimals: others compare in ways that only MySQL knows.
    pub fn check(&self, fields: &[Field]) -> Result<()> {
        let number = |at: usize| match fields.get(at) {
            Some(field) if is_exact(field.r#type()) => Ok(()),
            Some(field) => Err(Error::unsupported(format!(
                "comparing column {} of type {} in vtgate",
                field.name,
                field.r#type().as_str_name()
            ))),
            None => Err(Error::internal(format!("no column {at} to compare"))),
        };
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().try_for_each(|part| part.check(fields)),
            Self::Compare { column, with, .. } => {
                number(*column)?;
                match with {
                    Side::Column(other) => number(*other),
                    Side::Value(None) => Ok(()),
                    Side::Value(Some(value)) => match Decimal::parse(value) {
                        Some(_) => Ok(()),
                        None => Err(Error::unsupported("comparing with a value that is no number in vtgate")),
                    },
                }
            }
            Self::Null { .. } => Ok(()),
        }
    }

    /// Whether the condition is true of a row.
    pub fn holds(&self, row: &(impl Columns + ?Sized)) -> Result<bool> {
        match self {
            Self::All(parts) => parts.iter().try_fold(true, |so_far, part| Ok(so_far && part.holds(row)?)),
            Self::Any(parts) => parts.iter().try_fold(false, |so_far, part| Ok(so_far || part.holds(row)?)),
            Self::Null { column, not } => Ok(row.column(*column).is_none() != *not),
            Self::Compare { column, is, with } => {
                let other = match with {
                    Side::Column(at) => row.column(*at),
                    Side::Value(value) => value.as_deref(),
                };
                let (Some(a), Some(b)) = (row.column(*column), other) else { return Ok(false) };
                Ok(is.fits(decimal(a)?.compare(&decimal(b)?)))
            }
        }
    }
}

fn is_exact(ty: Type) -> bool {
    ty == Type::Decimal || (sqltypes::is_integral(ty) && ty != Type::Bit)
}

fn decimal(value: &[u8]) -> Result<Decimal> {
    Decimal::parse(value).ok_or_else(|| {
        Error::internal(format!("{:?} is not a number to compare", String::from_utf8_lossy(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(test: &Test, row: &[Option<&str>]) -> bool {
        let row: Vec<Option<&[u8]>> = row.iter().map(|v| v.map(str::as_bytes)).collect();
        test.holds(&row).unwrap()
    }

    fn compare(column: usize, is: Is, value: &str) -> Test {
        Test::Compare { column, is, with: Side::Value(Some(value.into())) }
    }

    #[test]
    fn numbers_compare_by_value_and_null_passes_nothing() {
        let more = compare(0, Is::Greater, "9.5");
        assert!(holds(&more, &[Some("10")]));
        assert!(!holds(&more, &[Some("9.50")]));
        assert!(!holds(&more, &[None]));
        assert!(!holds(&compare(0, Is::NotEqual, "1"), &[None]));
        assert!(holds(&compare(0, Is::LessOrEqual, "-1"), &[Some("-1.00")]));
        let same = Test::Compare { column: 0, is: Is::Equal, with: Side::Column(1) };
        assert!(holds(&same, &[Some("2"), Some("2.0")]));
        assert!(!holds(&same, &[None, None]));
    }

    #[test]
    fn all_and_any() {
        let parts = vec![compare(0, Is::Less, "5"), Test::Null { column: 1, not: false }];
        assert!(holds(&Test::Any(parts.clone()), &[Some("7"), None]));
        assert!(!holds(&Test::All(parts), &[Some("7"), None]));
    }

    #[test]
    fn other_types_are_refused() {
        let field = |ty: Type| Field { r#type: ty as i32, ..Field::default() };
        let test = compare(0, Is::Less, "5");
        assert!(test.check(&[field(Type::Decimal)]).is_ok());
        assert!(test.check(&[field(Type::Varchar)]).is_err());
        assert!(compare(0, Is::Less, "x").check(&[field(Type::Int64)]).is_err());
    }
}
