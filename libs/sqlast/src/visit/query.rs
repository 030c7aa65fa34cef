//! Through queries and the tables they read.

macro_rules! functions {
    ($mode:ident $Trait:ident $($m:tt)?) => {
        use crate::ast::*;
        use crate::visit::expr::$mode::{expr, exprs, json_on, opt, window};
        use crate::visit::statement::$mode::raw;
        use crate::visit::{$Trait, Flow, TableRole, answer};

        pub fn query(node: &$($m)? Query, v: &mut dyn $Trait) -> Flow {
            if answer(v.enter_query(node))? {
                query_parts(node, v)?;
            }
            answer(v.leave_query(node)).map_continue(|_| ())
        }

        fn query_parts(node: &$($m)? Query, v: &mut dyn $Trait) -> Flow {
            with(&$($m)? node.with, v)?;
            body(&$($m)? node.body, v)?;
            order_by(&$($m)? node.order_by, v)?;
            limit(&$($m)? node.limit, v)?;
            for lock in &$($m)? node.locks {
                for table in &$($m)? lock.of {
                    v.table_name(table, TableRole::Reference);
                }
            }
            if let Some(target) = &$($m)? node.into {
                into(target, v)?;
            }
            Flow::Continue(())
        }

        pub fn with(node: &$($m)? Option<Box<With>>, v: &mut dyn $Trait) -> Flow {
            if let Some(with) = node {
                for table in &$($m)? with.tables {
                    query(&$($m)? table.query, v)?;
                }
            }
            Flow::Continue(())
        }

        fn into(node: &$($m)? Into, v: &mut dyn $Trait) -> Flow {
            match node {
                Into::Variables(variables) => exprs(variables, v),
                Into::DumpFile(path) => {
                    v.literal(path);
                    Flow::Continue(())
                }
                Into::OutFile(file) => {
                    v.literal(&$($m)? file.path);
                    raw(&$($m)? file.options, v)
                }
            }
        }

        fn body(node: &$($m)? QueryBody, v: &mut dyn $Trait) -> Flow {
            match node {
                QueryBody::Select(block) => select(block, v),
                QueryBody::SetOperation(operation) => {
                    body(&$($m)? operation.first, v)?;
                    for operand in &$($m)? operation.rest {
                        body(&$($m)? operand.right, v)?;
                    }
                    Flow::Continue(())
                }
                QueryBody::Values(values) => {
                    for row in &$($m)? values.rows {
                        exprs(row, v)?;
                    }
                    Flow::Continue(())
                }
                QueryBody::Table(name) => {
                    v.table_name(name, TableRole::Table);
                    Flow::Continue(())
                }
                QueryBody::Nested(inner) => query(inner, v),
            }
        }

        pub fn select(node: &$($m)? Select, v: &mut dyn $Trait) -> Flow {
            if answer(v.enter_select(node))? {
                select_parts(node, v)?;
            }
            answer(v.leave_select(node)).map_continue(|_| ())
        }

        fn select_parts(node: &$($m)? Select, v: &mut dyn $Trait) -> Flow {
            for item in &$($m)? node.items {
                match item {
                    SelectItem::Wildcard(Some(table)) => v.table_name(table, TableRole::Reference),
                    SelectItem::Wildcard(None) => {}
                    SelectItem::Expr(item) => expr(&$($m)? item.expr, v)?,
                    SelectItem::Next(count) => opt(count, v)?,
                }
            }
            table_exprs(&$($m)? node.from, v)?;
            opt(&$($m)? node.where_, v)?;
            if let Some(group_by) = &$($m)? node.group_by {
                for item in &$($m)? group_by.exprs {
                    expr(&$($m)? item.expr, v)?;
                }
            }
            opt(&$($m)? node.having, v)?;
            for named in &$($m)? node.windows {
                window(&$($m)? named.spec, v)?;
            }
            opt(&$($m)? node.qualify, v)
        }

        pub fn order_by(nodes: &$($m)? Vec<OrderBy>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                expr(&$($m)? node.expr, v)?;
            }
            Flow::Continue(())
        }

        pub fn limit(node: &$($m)? Option<Limit>, v: &mut dyn $Trait) -> Flow {
            let Some(limit) = node else { return Flow::Continue(()) };
            if limit.comma {
                opt(&$($m)? limit.offset, v)?;
                return expr(&$($m)? limit.count, v);
            }
            expr(&$($m)? limit.count, v)?;
            opt(&$($m)? limit.offset, v)
        }

        pub fn table_exprs(nodes: &$($m)? Vec<TableExpr>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                table_expr(node, v)?;
            }
            Flow::Continue(())
        }

        pub fn table_expr(node: &$($m)? TableExpr, v: &mut dyn $Trait) -> Flow {
            if answer(v.enter_table_expr(node))? {
                table_parts(node, v)?;
            }
            answer(v.leave_table_expr(node)).map_continue(|_| ())
        }

        fn table_parts(node: &$($m)? TableExpr, v: &mut dyn $Trait) -> Flow {
            match node {
                TableExpr::Table(table) => {
                    v.table_name(&$($m)? table.name, TableRole::Table);
                    Flow::Continue(())
                }
                TableExpr::Derived(derived) => query(&$($m)? derived.query, v),
                TableExpr::JsonTable(table) => {
                    expr(&$($m)? table.document, v)?;
                    expr(&$($m)? table.path, v)?;
                    json_columns(&$($m)? table.columns, v)
                }
                TableExpr::Join(join) => {
                    table_expr(&$($m)? join.left, v)?;
                    table_expr(&$($m)? join.right, v)?;
                    match &$($m)? join.condition {
                        Some(JoinCondition::On(condition)) => expr(condition, v),
                        _ => Flow::Continue(()),
                    }
                }
                TableExpr::List(tables) => table_exprs(tables, v),
            }
        }

        fn json_columns(nodes: &$($m)? Vec<JsonTableColumn>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                match node {
                    JsonTableColumn::Ordinality(_) => {}
                    JsonTableColumn::Path(column) => {
                        expr(&$($m)? column.path, v)?;
                        json_on(&$($m)? column.on_empty, v)?;
                        json_on(&$($m)? column.on_error, v)?;
                    }
                    JsonTableColumn::Nested { path, columns } => {
                        expr(path, v)?;
                        json_columns(columns, v)?;
                    }
                }
            }
            Flow::Continue(())
        }
    };
}

super::both!(functions);
