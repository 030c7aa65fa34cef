//! The forms of our trees.

use sqlast::{
    ParseOptions,
    ast::{
        BinaryOp, Comparison, ComparisonOp, Expr, FuncCall, Ident, InList, IsTest, Join, JoinCondition,
        JoinKind, LikeOp, Literal, Param, Query, QueryBody, Select, SelectItem, Statement, TableExpr,
        UnaryOp,
    },
    parse,
};

use super::Clauses;

/// The clauses of a statement that is one SELECT.
pub fn statement(sql: &[u8]) -> Option<Clauses> {
    match parse(sql, &ParseOptions::default()).ok()? {
        Statement::Query(query) => match &query.body {
            QueryBody::Select(select) => Some(clauses(select)),
            _ => None,
        },
        _ => None,
    }
}

fn clauses(select: &Select) -> Clauses {
    let all = |exprs: Option<Vec<String>>, name: &str| exprs.map(|e| format!("{name}({})", e.join(", ")));
    let group_by = select.group_by.as_ref().map_or(Some(Vec::new()), |group| {
        let plain = !group.with_rollup && !group.cube;
        plain.then(|| group.exprs.iter().map(|item| expr(&item.expr)).collect())?
    });
    Clauses {
        from: all(select.from.iter().map(table).collect(), "from"),
        items: select.items.iter().map(item).collect(),
        where_: optional(select.where_.as_ref(), "where"),
        group_by: all(group_by, "group by"),
        having: optional(select.having.as_ref(), "having"),
    }
}

fn optional(clause: Option<&Expr>, name: &str) -> Option<String> {
    match clause {
        None => Some(String::new()),
        Some(e) => expr(e).map(|e| format!("{name} {e}")),
    }
}

fn query(query: &Query) -> Option<String> {
    match &query.body {
        QueryBody::Select(select) if query.with.is_none() => clauses(select).whole(),
        _ => None,
    }
}

fn item(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::Wildcard(None) => Some("*".to_owned()),
        SelectItem::Wildcard(Some(_)) | SelectItem::Next(_) => None,
        SelectItem::Expr(item) => {
            let alias = item.alias.as_ref().map(|a| format!(" as {}", name(a))).unwrap_or_default();
            Some(expr(&item.expr)? + &alias)
        }
    }
}

fn name(name: &Ident) -> String {
    name.to_string_lossy().into_owned()
}

fn aliased(form: String, alias: Option<&Ident>) -> String {
    format!("{form}{}", alias.map(|a| format!(" as {}", name(a))).unwrap_or_default())
}

fn table(node: &TableExpr) -> Option<String> {
    match node {
        TableExpr::Table(table) => {
            let qualifier = table.name.qualifier.as_ref().map(|q| name(q) + ".").unwrap_or_default();
            Some(aliased(qualifier + &name(&table.name.name), table.alias.as_ref()))
        }
        TableExpr::Derived(derived) if derived.columns.is_empty() && !derived.lateral => {
            Some(aliased(query(&derived.query)?, derived.alias.as_ref()))
        }
        TableExpr::Join(node) => join(node),
        TableExpr::Derived(_) | TableExpr::JsonTable(_) | TableExpr::List(_) => None,
    }
}

fn join(join: &Join) -> Option<String> {
    let kind = match join.kind {
        JoinKind::Inner => "join",
        JoinKind::Straight => "straight",
        JoinKind::Left => "left",
        JoinKind::Right => "right",
    };
    let on = match &join.condition {
        _ if join.natural => "natural".to_owned(),
        None => "all".to_owned(),
        Some(JoinCondition::On(e)) => expr(e)?,
        Some(JoinCondition::Using(columns)) => columns.iter().map(name).collect::<Vec<_>>().join(", "),
    };
    Some(format!("({} {kind} {} on {on})", table(&join.left)?, table(&join.right)?))
}

fn exprs(list: &[Expr]) -> Option<String> {
    Some(list.iter().map(expr).collect::<Option<Vec<_>>>()?.join(", "))
}

fn expr(node: &Expr) -> Option<String> {
    let not = |not: bool| if not { "not " } else { "" };
    Some(match node {
        Expr::Literal(value) => literal(value)?,
        Expr::Param(Param::Named(n)) => format!(":{}", name(n)),
        Expr::Column(column) => {
            let table = column.qualifier.as_ref().map(|t| {
                let keyspace = t.qualifier.as_ref().map(|q| name(q) + ".").unwrap_or_default();
                keyspace + &name(&t.name) + "."
            });
            table.unwrap_or_default() + &name(&column.name)
        }
        Expr::And(terms) => chain(terms, "and")?,
        Expr::Or(terms) => chain(terms, "or")?,
        Expr::Unary(unary) => {
            let op = match unary.op {
                UnaryOp::Not => "not",
                UnaryOp::Minus => "-",
                UnaryOp::Plus => "+",
                UnaryOp::BitNot => "~",
            };
            format!("({op} {})", expr(&unary.expr)?)
        }
        Expr::Binary(binary) => {
            format!("({} {} {})", expr(&binary.left)?, operator(binary.op)?, expr(&binary.right)?)
        }
        Expr::Comparison(comparison) => compared(comparison)?,
        Expr::Like(like) if like.escape.is_none() => {
            let op = if like.op == LikeOp::Like { "like" } else { "regexp" };
            format!("({} {}{op} {})", expr(&like.expr)?, not(like.not), expr(&like.pattern)?)
        }
        Expr::Between(between) => {
            let (low, high) = (expr(&between.low)?, expr(&between.high)?);
            format!("({} {}between {low} and {high})", expr(&between.expr)?, not(between.not))
        }
        Expr::In(in_) => {
            let list = match &in_.list {
                InList::List(list) => exprs(list)?,
                InList::Param(_) => return None,
                InList::Subquery(subquery) => query(subquery)?,
            };
            format!("({} {}in ({list}))", expr(&in_.expr)?, not(in_.not))
        }
        Expr::Is(is) => {
            let test = match is.test {
                IsTest::Null => "null",
                IsTest::True => "true",
                IsTest::False => "false",
                IsTest::Unknown => "unknown",
            };
            format!("({} is {}{test})", expr(&is.expr)?, not(is.not))
        }
        Expr::Row(list) => format!("row({})", exprs(list)?),
        Expr::Subquery(subquery) => query(subquery)?,
        Expr::Exists(subquery) => format!("exists{}", query(subquery)?),
        Expr::Case(case) => {
            let operand = case.operand.as_ref().map_or(Some(String::new()), expr)?;
            let whens =
                case.whens.iter().map(|w| Some(format!("{} {}", expr(&w.condition)?, expr(&w.result)?)));
            let whens: Option<Vec<_>> = whens.collect();
            let otherwise = case.else_.as_ref().map_or(Some(String::new()), expr)?;
            format!("case({operand}: {}: {otherwise})", whens?.join(", "))
        }
        Expr::Func(call) => function(call)?,
        Expr::Star => "*".to_owned(),
        _ => return None,
    })
}

fn chain(terms: &[Expr], word: &str) -> Option<String> {
    let terms: Option<Vec<_>> = terms.iter().map(expr).collect();
    Some(format!("({})", terms?.join(&format!(" {word} "))))
}

fn compared(comparison: &Comparison) -> Option<String> {
    let op = match comparison.op {
        ComparisonOp::Equal => "=",
        ComparisonOp::NullSafeEqual => "<=>",
        ComparisonOp::NotEqual => "<>",
        ComparisonOp::Less => "<",
        ComparisonOp::LessEqual => "<=",
        ComparisonOp::Greater => ">",
        ComparisonOp::GreaterEqual => ">=",
    };
    if comparison.quantifier.is_some() {
        return None;
    }
    Some(format!("({} {op} {})", expr(&comparison.left)?, expr(&comparison.right)?))
}

fn operator(op: BinaryOp) -> Option<&'static str> {
    Some(match op {
        BinaryOp::Xor => "xor",
        BinaryOp::Plus => "+",
        BinaryOp::Minus => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::IntDivide => "div",
        BinaryOp::Modulo => "%",
        BinaryOp::BitOr => "|",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitXor => "^",
        BinaryOp::ShiftLeft => "<<",
        BinaryOp::ShiftRight => ">>",
        BinaryOp::JsonExtract => "->",
        BinaryOp::JsonUnquoteExtract => "->>",
        BinaryOp::MemberOf | BinaryOp::SoundsLike => return None,
    })
}

fn literal(literal: &Literal) -> Option<String> {
    Some(match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Integer(text) | Literal::Decimal(text) | Literal::Float(text) => {
            text.to_string_lossy().into_owned()
        }
        Literal::String(text) => format!("{:?}", text.to_string_lossy()),
        _ => return None,
    })
}

fn function(call: &FuncCall) -> Option<String> {
    let plain = call.group_concat.is_none() && call.over.is_none() && call.parens && call.qualifier.is_none();
    let distinct = if call.distinct { "distinct " } else { "" };
    plain.then(|| Some(format!("{}({distinct}{})", name(&call.name), exprs(&call.args)?)))?
}
