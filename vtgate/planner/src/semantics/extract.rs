//! Facts out of conditions.

use sqlast::ast::{Comparison, ComparisonOp, Expr, InList, Literal, Param};

use super::{Analyzer, ColumnKey, Fact};
use crate::{LiteralValue, ValueRef};

/// The conditions that must all hold.
pub(crate) fn conjuncts(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::And(parts) => parts,
        other => std::slice::from_ref(other),
    }
}

/// The value of an expression that needs no row.
pub(crate) fn value_of(expr: &Expr) -> Option<ValueRef> {
    match expr {
        Expr::Param(Param::Named(name)) => Some(ValueRef::Bind(name.to_string_lossy().into_owned())),
        Expr::Literal(literal) => literal_value(literal),
        Expr::Unary(unary) if unary.op == sqlast::ast::UnaryOp::Minus => match &unary.expr {
            Expr::Literal(literal) => negated(literal_value(literal)?),
            _ => None,
        },
        other => crate::rewrite::session_value(other).map(|(bind, _)| ValueRef::Bind(bind)),
    }
}

fn literal_value(literal: &Literal) -> Option<ValueRef> {
    let text = |t: &sqlast::Text| t.to_string_lossy().into_owned();
    Some(match literal {
        Literal::Null => ValueRef::Null,
        Literal::Bool(value) => ValueRef::Literal(LiteralValue::Integer(u8::from(*value).to_string())),
        Literal::Integer(t) => ValueRef::Literal(LiteralValue::Integer(text(t))),
        Literal::Decimal(t) => ValueRef::Literal(LiteralValue::Decimal(text(t))),
        Literal::Float(t) => ValueRef::Literal(LiteralValue::Float(text(t))),
        Literal::String(t) => ValueRef::Literal(LiteralValue::Bytes(t.as_bytes().to_vec())),
        Literal::HexString(_) | Literal::HexNumber(_) | Literal::Bit(_) => {
            ValueRef::Literal(LiteralValue::Binary(literal.value_bytes()?))
        }
        // Their bytes depend on a conversion that only MySQL knows.
        Literal::National(_) | Literal::Temporal(_) | Literal::Introduced(_) => return None,
    })
}

fn negated(value: ValueRef) -> Option<ValueRef> {
    let ValueRef::Literal(literal) = value else { return None };
    let turned = |text: String| match text.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None => format!("-{text}"),
    };
    Some(ValueRef::Literal(match literal {
        LiteralValue::Integer(t) => LiteralValue::Integer(turned(t)),
        LiteralValue::Decimal(t) => LiteralValue::Decimal(turned(t)),
        LiteralValue::Float(t) => LiteralValue::Float(turned(t)),
        LiteralValue::Bytes(_) | LiteralValue::Binary(_) => return None,
    }))
}

impl Analyzer<'_> {
    /// What one condition says. `conjunct` is its position in the outermost WHERE.
    pub(super) fn facts_of(&mut self, expr: &Expr, conjunct: Option<usize>) -> Vec<Fact> {
        match expr {
            Expr::Comparison(comparison) => self.comparison(comparison),
            Expr::In(in_) if !in_.not => self.in_list(&in_.expr, &in_.list, conjunct),
            Expr::Or(parts) => self.alternatives(parts).into_iter().collect(),
            // `a AND b` inside of one conjunct happens where a tree was put together.
            Expr::And(parts) => parts.iter().flat_map(|part| self.facts_of(part, None)).collect(),
            _ => Vec::new(),
        }
    }

    fn comparison(&mut self, comparison: &Comparison) -> Vec<Fact> {
        if comparison.op != ComparisonOp::Equal || comparison.quantifier.is_some() {
            return Vec::new();
        }
        match (&comparison.left, &comparison.right) {
            (Expr::Row(left), Expr::Row(right)) if left.len() == right.len() => {
                left.iter().zip(right).flat_map(|(l, r)| self.equality(l, r)).collect()
            }
            (left, right) => self.equality(left, right),
        }
    }

    fn equality(&mut self, left: &Expr, right: &Expr) -> Vec<Fact> {
        self.note_schema(left, right);
        self.note_schema(right, left);
        match (left, right) {
            (Expr::Column(a), Expr::Column(b)) => match (self.resolve(a), self.resolve(b)) {
                (Some(a), Some(b)) => self.equal(a, b),
                _ => Vec::new(),
            },
            (Expr::Column(column), value) | (value, Expr::Column(column)) => {
                let found = self.resolve(column).zip(value_of(value));
                found.map(|(column, value)| Fact::Constant(column, value)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Two columns that are equal; says nothing where their types compare otherwise than their bytes.
    pub(super) fn equal(&self, a: ColumnKey, b: ColumnKey) -> Vec<Fact> {
        let ty = |key: &ColumnKey| self.out.base(key.table).and_then(|t| t.column_type(&key.column));
        let class = |ty: vschema::ColumnType| (sqltypes::is_integral(ty), sqltypes::is_quoted(ty));
        match (ty(&a), ty(&b)) {
            (Some(x), Some(y)) if class(x) != class(y) => Vec::new(),
            _ => vec![Fact::Equal(a, b)],
        }
    }

    fn in_list(&mut self, expr: &Expr, list: &InList, conjunct: Option<usize>) -> Vec<Fact> {
        match (expr, list) {
            (Expr::Column(column), InList::Param(name)) => {
                let list = ValueRef::ListBind(name.to_string_lossy().into_owned());
                self.resolve(column)
                    .map(|column| Fact::InList { column, list, conjunct })
                    .into_iter()
                    .collect()
            }
            (Expr::Column(column), InList::List(items)) => {
                if let [only] = &items[..] {
                    return self.equality(expr, only);
                }
                let values: Option<Vec<_>> = items.iter().map(value_of).collect();
                match self.resolve(column).zip(values) {
                    Some((column, values)) => {
                        vec![Fact::InList { column, list: ValueRef::List(values), conjunct }]
                    }
                    None => Vec::new(),
                }
            }
            (Expr::Row(columns), InList::List(items)) => self.tuples(columns, items).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// `(a, b) IN ((1, 2), (3, 4))`
    fn tuples(&mut self, columns: &[Expr], items: &[Expr]) -> Option<Fact> {
        let columns: Vec<ColumnKey> = columns
            .iter()
            .map(|column| match column {
                Expr::Column(name) => self.resolve(name),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let tuple = |item: &Expr| match item {
            Expr::Row(parts) if parts.len() == columns.len() => parts.iter().map(value_of).collect(),
            _ => None,
        };
        let tuples = items.iter().map(tuple).collect::<Option<_>>()?;
        Some(Fact::OneOf { columns, tuples })
    }

    /// `a = 1 OR a = 2`: one column, values only.
    fn alternatives(&mut self, parts: &[Expr]) -> Option<Fact> {
        let mut column: Option<ColumnKey> = None;
        let mut tuples = Vec::new();
        for part in parts {
            let facts = self.facts_of(part, None);
            let [fact] = &facts[..] else { return None };
            let (key, values) = match fact {
                Fact::Constant(key, value) => (key, vec![value.clone()]),
                Fact::InList { column, list: ValueRef::List(values), .. } => (column, values.clone()),
                _ => return None,
            };
            if column.get_or_insert_with(|| key.clone()) != key {
                return None;
            }
            tuples.extend(values.into_iter().map(|v| vec![v]));
        }
        Some(Fact::OneOf { columns: vec![column?], tuples })
    }

    /// Remembers what information_schema's schema column is compared with.
    fn note_schema(&mut self, column: &Expr, value: &Expr) {
        if let Expr::Column(name) = column
            && crate::schema_names::is_schema_column(name)
            && let Some(value) = value_of(value)
            && !self.out.schema_values.contains(&value)
        {
            self.out.schema_values.push(value);
        }
    }
}
