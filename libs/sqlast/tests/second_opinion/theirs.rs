//! The forms of the `sqlparser` crate's trees.

use sqlparser::{
    ast::{
        BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
        GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem, SetExpr,
        Statement, TableAlias, TableFactor, TableWithJoins, UnaryOperator, Value,
    },
    dialect::MySqlDialect,
    parser::Parser,
};

use super::Clauses;

/// The clauses of a statement that is one SELECT.
pub fn statement(sql: &str) -> Option<Clauses> {
    match &Parser::parse_sql(&MySqlDialect {}, sql).ok()?[..] {
        [Statement::Query(query)] => match &*query.body {
            SetExpr::Select(select) => Some(clauses(select)),
            _ => None,
        },
        _ => None,
    }
}

fn clauses(select: &Select) -> Clauses {
    let all = |exprs: Option<Vec<String>>, name: &str| exprs.map(|e| format!("{name}({})", e.join(", ")));
    let group_by = match &select.group_by {
        GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => {
            exprs.iter().map(expr).collect()
        }
        _ => None,
    };
    Clauses {
        from: all(select.from.iter().map(tables).collect(), "from"),
        items: select.projection.iter().map(item).collect(),
        where_: optional(select.selection.as_ref(), "where"),
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
    match &*query.body {
        SetExpr::Select(select) if query.with.is_none() => clauses(select).whole(),
        _ => None,
    }
}

fn item(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::Wildcard(_) => Some("*".to_owned()),
        SelectItem::UnnamedExpr(e) => expr(e),
        SelectItem::ExprWithAlias { expr: e, alias } => Some(format!("{} as {}", expr(e)?, alias.value)),
        _ => None,
    }
}

fn path(names: &[Ident]) -> String {
    names.iter().map(|n| n.value.clone()).collect::<Vec<_>>().join(".")
}

fn object(name: &ObjectName) -> Option<String> {
    let parts: Option<Vec<Ident>> = name.0.iter().map(|part| part.as_ident().cloned()).collect();
    Some(path(&parts?))
}

fn aliased(form: String, alias: Option<&TableAlias>) -> Option<String> {
    match alias {
        None => Some(form),
        Some(alias) if alias.columns.is_empty() => Some(format!("{form} as {}", alias.name.value)),
        Some(_) => None,
    }
}

fn tables(node: &TableWithJoins) -> Option<String> {
    let mut form = table(&node.relation)?;
    for join in &node.joins {
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => ("join", c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("left", c),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("right", c),
            JoinOperator::StraightJoin(c) => ("straight", c),
            _ => return None,
        };
        let on = match constraint {
            JoinConstraint::On(e) => expr(e)?,
            JoinConstraint::Using(names) => names.iter().map(object).collect::<Option<Vec<_>>>()?.join(", "),
            JoinConstraint::Natural => "natural".to_owned(),
            JoinConstraint::None => "all".to_owned(),
        };
        form = format!("({form} {kind} {} on {on})", table(&join.relation)?);
    }
    Some(form)
}

fn table(node: &TableFactor) -> Option<String> {
    match node {
        TableFactor::Table { name, alias, args: None, .. } => {
            let name = object(name)?;
            // Which is no table, and is written in any case.
            let name = if name.eq_ignore_ascii_case("dual") { "dual".to_owned() } else { name };
            aliased(name, alias.as_ref())
        }
        TableFactor::Derived { lateral: false, subquery, alias, .. } => {
            aliased(query(subquery)?, alias.as_ref())
        }
        TableFactor::NestedJoin { table_with_joins, alias: None } => tables(table_with_joins),
        _ => None,
    }
}

fn exprs(list: &[Expr]) -> Option<String> {
    Some(list.iter().map(expr).collect::<Option<Vec<_>>>()?.join(", "))
}

fn expr(node: &Expr) -> Option<String> {
    let is = |e: &Expr, test: &str| Some(format!("({} is {test})", expr(e)?));
    let not = |negated: bool| if negated { "not " } else { "" };
    Some(match node {
        Expr::Nested(inner) => return expr(inner),
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(names) => path(names),
        Expr::Value(value) => literal(&value.value)?,
        Expr::BinaryOp { left, op, right } => binary(left, op, right)?,
        Expr::UnaryOp { op, expr: e } => {
            let op = match op {
                UnaryOperator::Not | UnaryOperator::BangNot => "not",
                UnaryOperator::Minus => "-",
                UnaryOperator::Plus => "+",
                UnaryOperator::BitwiseNot => "~",
                _ => return None,
            };
            format!("({op} {})", expr(e)?)
        }
        Expr::IsNull(e) => return is(e, "null"),
        Expr::IsNotNull(e) => return is(e, "not null"),
        Expr::IsTrue(e) => return is(e, "true"),
        Expr::IsNotTrue(e) => return is(e, "not true"),
        Expr::IsFalse(e) => return is(e, "false"),
        Expr::IsNotFalse(e) => return is(e, "not false"),
        Expr::IsUnknown(e) => return is(e, "unknown"),
        Expr::IsNotUnknown(e) => return is(e, "not unknown"),
        Expr::Like { negated, any: false, expr: e, pattern, escape_char: None } => {
            format!("({} {}like {})", expr(e)?, not(*negated), expr(pattern)?)
        }
        Expr::RLike { negated, expr: e, pattern, .. } => {
            format!("({} {}regexp {})", expr(e)?, not(*negated), expr(pattern)?)
        }
        Expr::Between { expr: e, negated, low, high } => {
            format!("({} {}between {} and {})", expr(e)?, not(*negated), expr(low)?, expr(high)?)
        }
        Expr::InList { expr: e, list, negated } => {
            format!("({} {}in ({}))", expr(e)?, not(*negated), exprs(list)?)
        }
        Expr::InSubquery { expr: e, subquery, negated } => {
            format!("({} {}in ({}))", expr(e)?, not(*negated), query(subquery)?)
        }
        Expr::Tuple(list) => format!("row({})", exprs(list)?),
        Expr::Subquery(subquery) => query(subquery)?,
        Expr::Exists { subquery, negated: false } => format!("exists{}", query(subquery)?),
        Expr::Exists { subquery, negated: true } => format!("(not exists{})", query(subquery)?),
        Expr::Case { operand, conditions, else_result, .. } => {
            let operand = operand.as_deref().map_or(Some(String::new()), expr)?;
            let whens =
                conditions.iter().map(|w| Some(format!("{} {}", expr(&w.condition)?, expr(&w.result)?)));
            let whens: Option<Vec<_>> = whens.collect();
            let otherwise = else_result.as_deref().map_or(Some(String::new()), expr)?;
            format!("case({operand}: {}: {otherwise})", whens?.join(", "))
        }
        Expr::Function(call) => function(call)?,
        _ => return None,
    })
}

/// AND and OR are chains, whichever way they lean.
fn terms(node: &Expr, wanted: &BinaryOperator, out: &mut Vec<String>) -> Option<()> {
    match node {
        Expr::Nested(inner) => terms(inner, wanted, out),
        Expr::BinaryOp { left, op, right } if op == wanted => {
            terms(left, wanted, out)?;
            terms(right, wanted, out)
        }
        other => {
            out.push(expr(other)?);
            Some(())
        }
    }
}

fn binary(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<String> {
    if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
        let mut all = Vec::new();
        terms(left, op, &mut all)?;
        terms(right, op, &mut all)?;
        return Some(format!("({})", all.join(&format!(" {} ", op.to_string().to_lowercase()))));
    }
    let op = match op {
        BinaryOperator::StringConcat => "||".to_owned(),
        BinaryOperator::Spaceship => "<=>".to_owned(),
        BinaryOperator::MyIntegerDivide | BinaryOperator::DuckIntegerDivide => "div".to_owned(),
        other => other.to_string().to_lowercase(),
    };
    Some(format!("({} {op} {})", expr(left)?, expr(right)?))
}

fn literal(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(digits, _) => digits.clone(),
        Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => format!("{text:?}"),
        Value::Placeholder(name) if name.starts_with(':') => name.clone(),
        _ => return None,
    })
}

fn function(call: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let plain = call.over.is_none() && call.filter.is_none() && list.clauses.is_empty();
    let distinct = match list.duplicate_treatment {
        Some(DuplicateTreatment::Distinct) => "distinct ",
        _ => "",
    };
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => expr(e),
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Some("*".to_owned()),
        _ => None,
    });
    let args: Option<Vec<_>> = args.collect();
    let name = object(&call.name)?.to_lowercase();
    plain.then(|| Some(format!("{name}({distinct}{})", args?.join(", "))))?
}
