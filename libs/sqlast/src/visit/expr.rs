//! Through expressions.

macro_rules! functions {
    ($mode:ident $Trait:ident $($m:tt)?) => {
        use crate::ast::*;
        use crate::visit::query::$mode::{limit, order_by, query};
        use crate::visit::{$Trait, Flow, TableRole, answer};

        pub fn expr(node: &$($m)? Expr, v: &mut dyn $Trait) -> Flow {
            if answer(v.enter_expr(node))? {
                parts(node, v)?;
            }
            answer(v.leave_expr(node)).map_continue(|_| ())
        }

        pub fn exprs(nodes: &$($m)? Vec<Expr>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                expr(node, v)?;
            }
            Flow::Continue(())
        }

        pub fn opt(node: &$($m)? Option<Expr>, v: &mut dyn $Trait) -> Flow {
            match node {
                Some(node) => expr(node, v),
                None => Flow::Continue(()),
            }
        }

        pub fn column(node: &$($m)? ColName, v: &mut dyn $Trait) -> Flow {
            v.column_name(node);
            if let Some(table) = &$($m)? node.qualifier {
                v.table_name(table, TableRole::Reference);
            }
            Flow::Continue(())
        }

        fn pair(first: &$($m)? Expr, second: &$($m)? Expr, v: &mut dyn $Trait) -> Flow {
            expr(first, v)?;
            expr(second, v)
        }

        fn parts(node: &$($m)? Expr, v: &mut dyn $Trait) -> Flow {
            match node {
                Expr::Literal(literal) => {
                    v.literal(literal);
                    Flow::Continue(())
                }
                Expr::Param(_) | Expr::UserVar(_) | Expr::SysVar(_) | Expr::Default(None) | Expr::Star => {
                    Flow::Continue(())
                }
                Expr::Column(name) => column(name, v),
                Expr::And(terms) | Expr::Or(terms) | Expr::Row(terms) => exprs(terms, v),
                Expr::Unary(unary) => expr(&$($m)? unary.expr, v),
                Expr::Binary(binary) => {
                    let Binary { left, right, .. } = &$($m)? **binary;
                    pair(left, right, v)
                }
                Expr::Comparison(comparison) => {
                    let Comparison { left, right, .. } = &$($m)? **comparison;
                    pair(left, right, v)
                }
                Expr::Like(like) => {
                    let Like { expr: text, pattern, escape, .. } = &$($m)? **like;
                    pair(text, pattern, v)?;
                    opt(escape, v)
                }
                Expr::Between(between) => {
                    expr(&$($m)? between.expr, v)?;
                    expr(&$($m)? between.low, v)?;
                    expr(&$($m)? between.high, v)
                }
                Expr::In(in_) => {
                    expr(&$($m)? in_.expr, v)?;
                    match &$($m)? in_.list {
                        InList::List(list) => exprs(list, v),
                        InList::Param(_) => Flow::Continue(()),
                        InList::Subquery(subquery) => query(subquery, v),
                    }
                }
                Expr::Is(is) => expr(&$($m)? is.expr, v),
                Expr::Subquery(subquery) | Expr::Exists(subquery) => query(subquery, v),
                Expr::Collate(collate) => expr(&$($m)? collate.expr, v),
                Expr::DateArith(arith) => {
                    let DateArith { form, date, amount, .. } = &$($m)? **arith;
                    match form {
                        DateArithForm::IntervalFirst => pair(amount, date, v),
                        _ => pair(date, amount, v),
                    }
                }
                Expr::Assign(assign) => expr(&$($m)? assign.value, v),
                other => calls(other, v),
            }
        }

        fn calls(node: &$($m)? Expr, v: &mut dyn $Trait) -> Flow {
            match node {
                Expr::Func(call) => func(call, v),
                Expr::Case(case) => {
                    opt(&$($m)? case.operand, v)?;
                    for when in &$($m)? case.whens {
                        expr(&$($m)? when.condition, v)?;
                        expr(&$($m)? when.result, v)?;
                    }
                    opt(&$($m)? case.else_, v)
                }
                Expr::Cast(cast) => {
                    expr(&$($m)? cast.expr, v)?;
                    if let Some(zone) = &$($m)? cast.at_time_zone {
                        v.literal(zone);
                    }
                    Flow::Continue(())
                }
                Expr::ConvertUsing(convert) => expr(&$($m)? convert.expr, v),
                Expr::Char(call) => exprs(&$($m)? call.args, v),
                Expr::Extract(extract) => expr(&$($m)? extract.expr, v),
                Expr::TimestampFunc(call) => {
                    expr(&$($m)? call.first, v)?;
                    expr(&$($m)? call.second, v)
                }
                Expr::Trim(trim) => {
                    opt(&$($m)? trim.remove, v)?;
                    expr(&$($m)? trim.expr, v)
                }
                Expr::Position(position) => {
                    expr(&$($m)? position.needle, v)?;
                    expr(&$($m)? position.haystack, v)
                }
                Expr::GetFormat(call) => expr(&$($m)? call.expr, v),
                Expr::WeightString(call) => expr(&$($m)? call.expr, v),
                Expr::Match(match_) => {
                    for name in &$($m)? match_.columns {
                        column(name, v)?;
                    }
                    expr(&$($m)? match_.against, v)
                }
                Expr::JsonValue(call) => {
                    expr(&$($m)? call.document, v)?;
                    expr(&$($m)? call.path, v)?;
                    json_on(&$($m)? call.on_empty, v)?;
                    json_on(&$($m)? call.on_error, v)
                }
                Expr::Default(Some(name)) | Expr::Values(name) => column(name, v),
                // The others are in `parts`, which calls this last.
                _ => Flow::Continue(()),
            }
        }

        pub fn json_on(node: &$($m)? Option<JsonOn>, v: &mut dyn $Trait) -> Flow {
            match node {
                Some(JsonOn::Default(value)) => expr(value, v),
                _ => Flow::Continue(()),
            }
        }

        fn func(call: &$($m)? FuncCall, v: &mut dyn $Trait) -> Flow {
            exprs(&$($m)? call.args, v)?;
            if let Some(tail) = &$($m)? call.group_concat {
                order_by(&$($m)? tail.order_by, v)?;
                opt(&$($m)? tail.separator, v)?;
                limit(&$($m)? tail.limit, v)?;
            }
            if let Some(over) = &$($m)? call.over {
                if let OverWindow::Spec(spec) = &$($m)? over.window {
                    window(spec, v)?;
                }
            }
            Flow::Continue(())
        }

        pub fn window(spec: &$($m)? WindowSpec, v: &mut dyn $Trait) -> Flow {
            exprs(&$($m)? spec.partition_by, v)?;
            order_by(&$($m)? spec.order_by, v)?;
            if let Some(frame) = &$($m)? spec.frame {
                bound(&$($m)? frame.start, v)?;
                if let Some(end) = &$($m)? frame.end {
                    bound(end, v)?;
                }
            }
            Flow::Continue(())
        }

        fn bound(node: &$($m)? FrameBound, v: &mut dyn $Trait) -> Flow {
            match node {
                FrameBound::Preceding(offset) | FrameBound::Following(offset) => {
                    expr(&$($m)? offset.amount, v)
                }
                _ => Flow::Continue(()),
            }
        }
    };
}

super::both!(functions);
