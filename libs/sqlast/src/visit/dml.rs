//! Through INSERT, UPDATE, DELETE, LOAD DATA.

macro_rules! functions {
    ($mode:ident $Trait:ident $($m:tt)?) => {
        use crate::ast::*;
        use crate::visit::expr::$mode::{column, expr, exprs, opt};
        use crate::visit::query::$mode::{limit, order_by, query, table_exprs, with};
        use crate::visit::statement::$mode::raw;
        use crate::visit::{$Trait, Flow, TableRole};

        pub fn insert(node: &$($m)? Insert, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.table, TableRole::Table);
            for name in &$($m)? node.columns {
                column(name, v)?;
            }
            match &$($m)? node.source {
                InsertSource::Values(rows) => {
                    for row in rows {
                        exprs(row, v)?;
                    }
                }
                InsertSource::Set(list) => assignments(list, v)?,
                InsertSource::Query(source) => query(source, v)?,
            }
            assignments(&$($m)? node.on_duplicate, v)
        }

        fn assignments(nodes: &$($m)? Vec<Assignment>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                column(&$($m)? node.column, v)?;
                expr(&$($m)? node.value, v)?;
            }
            Flow::Continue(())
        }

        pub fn update(node: &$($m)? Update, v: &mut dyn $Trait) -> Flow {
            with(&$($m)? node.with, v)?;
            table_exprs(&$($m)? node.tables, v)?;
            assignments(&$($m)? node.set, v)?;
            opt(&$($m)? node.where_, v)?;
            order_by(&$($m)? node.order_by, v)?;
            limit(&$($m)? node.limit, v)
        }

        pub fn delete(node: &$($m)? Delete, v: &mut dyn $Trait) -> Flow {
            with(&$($m)? node.with, v)?;
            for target in &$($m)? node.targets {
                v.table_name(target, TableRole::Reference);
            }
            table_exprs(&$($m)? node.tables, v)?;
            opt(&$($m)? node.where_, v)?;
            order_by(&$($m)? node.order_by, v)?;
            limit(&$($m)? node.limit, v)
        }

        pub fn load_data(node: &$($m)? LoadData, v: &mut dyn $Trait) -> Flow {
            raw(&$($m)? node.source, v)?;
            v.literal(&$($m)? node.path);
            v.table_name(&$($m)? node.table, TableRole::Table);
            raw(&$($m)? node.options, v)?;
            exprs(&$($m)? node.columns, v)?;
            assignments(&$($m)? node.set, v)?;
            raw(&$($m)? node.tail, v)
        }
    };
}

super::both!(functions);
