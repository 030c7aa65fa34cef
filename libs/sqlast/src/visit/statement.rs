//! Through statements.

macro_rules! functions {
    ($mode:ident $Trait:ident $($m:tt)?) => {
        use crate::ast::*;
        use crate::visit::ddl::$mode as ddl;
        use crate::visit::dml::$mode as dml;
        use crate::visit::expr::$mode::{expr, exprs};
        use crate::visit::query::$mode::{limit, query};
        use crate::visit::{$Trait, Flow, TableRole};

        pub fn statement(node: &$($m)? Statement, v: &mut dyn $Trait) -> Flow {
            match node {
                Statement::Query(node) => query(node, v),
                Statement::Insert(node) => dml::insert(node, v),
                Statement::Update(node) => dml::update(node, v),
                Statement::Delete(node) => dml::delete(node, v),
                Statement::LoadData(node) => dml::load_data(node, v),
                Statement::Set(node) => set(node, v),
                Statement::Show(node) => show(node, v),
                Statement::Explain(node) => explain(node, v),
                Statement::Vexplain(node) => statement(&$($m)? node.statement, v),
                Statement::Call(node) => exprs(&$($m)? node.args, v),
                Statement::Do(nodes) => exprs(nodes, v),
                Statement::Kill(node) => expr(&$($m)? node.id, v),
                Statement::LockTables(locks) => {
                    for lock in locks {
                        v.table_name(&$($m)? lock.table, TableRole::Table);
                    }
                    Flow::Continue(())
                }
                other => definition(other, v),
            }
        }

        fn definition(node: &$($m)? Statement, v: &mut dyn $Trait) -> Flow {
            match node {
                Statement::CreateTable(node) => ddl::create_table(node, v),
                Statement::AlterTable(node) => ddl::alter_table(node, v),
                Statement::DropTable(node) => tables(&$($m)? node.tables, v),
                Statement::TruncateTable(table) => {
                    v.table_name(table, TableRole::Table);
                    Flow::Continue(())
                }
                Statement::RenameTable(pairs) => {
                    for pair in pairs {
                        v.table_name(&$($m)? pair.from, TableRole::Table);
                        v.table_name(&$($m)? pair.to, TableRole::Table);
                    }
                    Flow::Continue(())
                }
                Statement::CreateView(node) => ddl::create_view(node, v),
                Statement::DropView(node) => tables(&$($m)? node.views, v),
                Statement::CreateIndex(node) => ddl::create_index(node, v),
                Statement::DropIndex(node) => ddl::drop_index(node, v),
                Statement::CreateDatabase(node) | Statement::AlterDatabase(node) => {
                    raw(&$($m)? node.options, v)
                }
                Statement::TableMaintenance(node) => ddl::maintenance(node, v),
                Statement::AlterVschema(node) => ddl::alter_vschema(node, v),
                Statement::Migration(node) => raw(&$($m)? node.command, v),
                // Nothing in them to visit.
                _ => Flow::Continue(()),
            }
        }

        pub fn tables(nodes: &$($m)? Vec<TableName>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                v.table_name(node, TableRole::Table);
            }
            Flow::Continue(())
        }

        pub fn raw(nodes: &$($m)? Raw, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                match node {
                    RawToken::Literal(literal) => v.literal(literal),
                    RawToken::Table(table) => v.table_name(table, TableRole::Table),
                    _ => {}
                }
            }
            Flow::Continue(())
        }

        fn set(node: &$($m)? Set, v: &mut dyn $Trait) -> Flow {
            for item in &$($m)? node.items {
                match item {
                    SetItem::UserVar(_, value) | SetItem::SysVar(_, value) => expr(value, v)?,
                    SetItem::Other(tokens) => raw(tokens, v)?,
                    _ => {}
                }
            }
            Flow::Continue(())
        }

        fn show(node: &$($m)? Show, v: &mut dyn $Trait) -> Flow {
            match &$($m)? node.kind {
                ShowKind::Columns { table, .. }
                | ShowKind::Indexes { table, .. }
                | ShowKind::CreateTable(table)
                | ShowKind::CreateView(table) => v.table_name(table, TableRole::Table),
                ShowKind::Vitess(ShowVitess::VschemaVindexes { table: Some(table) }) => {
                    v.table_name(table, TableRole::Table);
                }
                ShowKind::Warnings { limit: rows, .. } | ShowKind::Errors { limit: rows, .. } => limit(rows, v)?,
                ShowKind::Other(tokens) => raw(tokens, v)?,
                _ => {}
            }
            match &$($m)? node.filter {
                Some(ShowFilter::Where(condition)) => expr(condition, v),
                _ => Flow::Continue(()),
            }
        }

        fn explain(node: &$($m)? Explain, v: &mut dyn $Trait) -> Flow {
            match &$($m)? node.target {
                ExplainTarget::Statement(inner) => statement(inner, v),
                ExplainTarget::Table { name, .. } => {
                    v.table_name(name, TableRole::Table);
                    Flow::Continue(())
                }
                ExplainTarget::Connection(id) => expr(id, v),
            }
        }
    };
}

super::both!(functions);
