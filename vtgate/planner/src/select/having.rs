//! HAVING that vtgate looks at itself: comparisons of folded columns with numbers.

use eval::Is;
use sqlast::ast::{ComparisonOp, Expr, IsTest};
use vterrors::{Error, Result};

use crate::{ColumnAt, Having, HavingSide, semantics::value_of};

/// The condition as data. `column` finds, or adds, the column of an operand that is no constant.
pub(crate) fn plan(condition: &Expr, column: &mut dyn FnMut(&Expr) -> Result<ColumnAt>) -> Result<Having> {
    let mut all = |parts: &[Expr]| parts.iter().map(|p| plan(p, column)).collect::<Result<Vec<_>>>();
    match condition {
        Expr::And(parts) => all(parts).map(Having::All),
        Expr::Or(parts) => all(parts).map(Having::Any),
        Expr::Is(is) if is.test == IsTest::Null => {
            Ok(Having::Null { column: column(&is.expr)?, not: is.not })
        }
        Expr::Comparison(c) if c.quantifier.is_none() => {
            let Some(is) = comparison(c.op) else { return refuse() };
            match (value_of(&c.left), value_of(&c.right)) {
                (None, Some(value)) => {
                    Ok(Having::Compare { column: column(&c.left)?, is, with: HavingSide::Value(value) })
                }
                (Some(value), None) => {
                    let is = turned(is);
                    Ok(Having::Compare { column: column(&c.right)?, is, with: HavingSide::Value(value) })
                }
                (None, None) => {
                    let left = column(&c.left)?;
                    Ok(Having::Compare { column: left, is, with: HavingSide::Column(column(&c.right)?) })
                }
                (Some(_), Some(_)) => refuse(),
            }
        }
        Expr::Between(b) if !b.not => {
            let at = column(&b.expr)?;
            let (Some(low), Some(high)) = (value_of(&b.low), value_of(&b.high)) else { return refuse() };
            let bound = |is: Is, value| Having::Compare { column: at, is, with: HavingSide::Value(value) };
            Ok(Having::All(vec![bound(Is::GreaterOrEqual, low), bound(Is::LessOrEqual, high)]))
        }
        _ => refuse(),
    }
}

fn refuse<T>() -> Result<T> {
    Err(Error::unsupported("HAVING in groups over several shards"))
}

fn comparison(op: ComparisonOp) -> Option<Is> {
    Some(match op {
        ComparisonOp::Equal => Is::Equal,
        ComparisonOp::NotEqual => Is::NotEqual,
        ComparisonOp::Less => Is::Less,
        ComparisonOp::LessEqual => Is::LessOrEqual,
        ComparisonOp::Greater => Is::Greater,
        ComparisonOp::GreaterEqual => Is::GreaterOrEqual,
        ComparisonOp::NullSafeEqual => return None,
    })
}

/// The same with its sides changed.
fn turned(is: Is) -> Is {
    match is {
        Is::Less => Is::Greater,
        Is::LessOrEqual => Is::GreaterOrEqual,
        Is::Greater => Is::Less,
        Is::GreaterOrEqual => Is::LessOrEqual,
        same => same,
    }
}
