//! The text of a query with values in the place of its bind variables, as mysqld would get it.

use proto::query::{BindVariable, Type};
use sqlast::{
    ParseOptions, Rewriter, Walk,
    ast::{Expr, In, InList, Literal, Param, Unary, UnaryOp},
};
use sqltypes::BindVars;

/// `sql` with the values that are known. Variables that are not stay as they are, and so does a text that the
/// parser does not take apart.
pub fn filled(sql: &str, values: &BindVars) -> String {
    if !sql.contains(':') {
        return sql.to_owned();
    }
    let Ok(mut statement) = sqlast::parse(sql.as_bytes(), &ParseOptions::default()) else {
        return sql.to_owned();
    };
    let mut fill = Fill { values, filled: 0 };
    statement.rewrite(&mut fill);
    match fill.filled {
        0 => sql.to_owned(),
        _ => String::from_utf8_lossy(&sqlast::to_sql(&statement)).into_owned(),
    }
}

/// A value as a literal of SQL: `5`, `'text'`; a list in parentheses.
pub fn literal(value: &BindVariable) -> String {
    let one = |ty: Type, bytes: &[u8]| {
        let expr = expr(ty, bytes);
        let statement = sqlast::ast::Statement::Do(vec![expr]);
        let text = String::from_utf8_lossy(&sqlast::to_sql(&statement)).into_owned();
        text.trim_start_matches("do ").to_owned()
    };
    match value.r#type() {
        Type::Tuple => {
            let values: Vec<_> = value.values.iter().map(|v| one(v.r#type(), &v.value)).collect();
            format!("({})", values.join(", "))
        }
        ty => one(ty, &value.value),
    }
}

struct Fill<'a> {
    values: &'a BindVars,
    filled: usize,
}

impl Fill<'_> {
    fn value(&mut self, name: &sqlast::ast::Ident) -> Option<&BindVariable> {
        let value = self.values.get(&*name.to_string_lossy());
        self.filled += usize::from(value.is_some());
        value
    }
}

impl Rewriter for Fill<'_> {
    fn enter_expr(&mut self, node: &mut Expr) -> bool {
        match node {
            Expr::Param(Param::Named(name)) => {
                if let Some(value) = self.value(name) {
                    *node = expr(value.r#type(), &value.value);
                }
                false
            }
            Expr::In(in_) => {
                self.fill_list(in_);
                true
            }
            _ => true,
        }
    }
}

impl Fill<'_> {
    fn fill_list(&mut self, in_: &mut In) {
        let InList::Param(name) = &in_.list else { return };
        if let Some(value) = self.value(name)
            && !value.values.is_empty()
        {
            in_.list = InList::List(value.values.iter().map(|v| expr(v.r#type(), &v.value)).collect());
        }
    }
}

fn expr(ty: Type, bytes: &[u8]) -> Expr {
    let negative = bytes.starts_with(b"-");
    let number: fn(sqlast::Text) -> Literal = match ty {
        Type::NullType => return Expr::Literal(Literal::Null),
        Type::Hexnum => return Expr::Literal(Literal::HexNumber(within(bytes, 2, 0))),
        Type::Hexval => return Expr::Literal(Literal::HexString(within(bytes, 2, 1))),
        Type::Bitnum => return Expr::Literal(Literal::Bit(within(bytes, 2, 0))),
        Type::Decimal => Literal::Decimal,
        ty if sqltypes::is_integral(ty) => Literal::Integer,
        ty if sqltypes::is_float(ty) => Literal::Float,
        _ => return Expr::Literal(Literal::String(bytes.into())),
    };
    let digits = Expr::Literal(number(bytes[usize::from(negative)..].into()));
    match negative {
        true => Expr::Unary(Box::new(Unary { op: UnaryOp::Minus, expr: digits })),
        false => digits,
    }
}

/// The digits of `x'4D'`, `0x4D` and `0b01`.
fn within(bytes: &[u8], before: usize, after: usize) -> sqlast::Text {
    bytes.get(before..bytes.len().saturating_sub(after)).unwrap_or_default().into()
}
