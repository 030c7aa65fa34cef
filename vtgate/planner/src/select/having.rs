//! HAVING that vtgate looks at itself: comparisons of folded columns with numbers.

use eval::Is;
use sqlast::ast::{ComparisonOp, Expr, IsTest};
use sqltypes::Type;
use vterrors::{Error, Result};

use crate::{
    ColumnAt, Having, HavingSide,
    semantics::{Analysis, is_aggregate, value_of},
};

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

/// Refuses a comparison of what is known to be no whole number and no decimal: vtgate would find that out when the
/// rows are there, and all would be done twice. `ty` finds the type of a column, where it is known.
pub(crate) fn check_types(condition: &Expr, ty: &dyn Fn(&Expr) -> Option<Type>) -> Result<()> {
    let operand = |expr: &Expr| {
        let column = match expr {
            // Their values are of the column's own type.
            Expr::Func(call) if is_aggregate(call) && (call.name.is(b"min") || call.name.is(b"max")) => {
                call.args.first()
            }
            expr => Some(expr),
        };
        match column.and_then(ty) {
            Some(ty) if !is_exact(ty) => Err(Error::unsupported(format!(
                "comparing {} of type {} in vtgate",
                String::from_utf8_lossy(&sqlast::to_sql(expr)),
                ty.as_str_name()
            ))),
            _ => Ok(()),
        }
    };
    match condition {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().try_for_each(|part| check_types(part, ty)),
        Expr::Comparison(c) => operand(&c.left).and_then(|()| operand(&c.right)),
        Expr::Between(b) => operand(&b.expr),
        _ => Ok(()),
    }
}

fn is_exact(ty: Type) -> bool {
    ty == Type::Decimal || (sqltypes::is_integral(ty) && ty != Type::Bit)
}

/// The type of a column of a statement, where its name can mean one table only.
pub(crate) fn type_in(analysis: &Analysis, expr: &Expr) -> Option<Type> {
    let Expr::Column(name) = expr else { return None };
    let column = name.name.to_string_lossy();
    let is_called = |alias: &str| name.qualifier.as_ref().is_none_or(|q| q.name.is(alias.as_bytes()));
    let mut types = analysis
        .base_tables()
        .filter(|(id, _)| is_called(&analysis.table(*id).alias))
        .filter_map(|(_, table)| table.column(&column))
        .map(|column| column.ty);
    let first = types.next()??;
    types.all(|other| other == Some(first)).then_some(first)
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
