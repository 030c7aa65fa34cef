//! Through definitions.

macro_rules! functions {
    ($mode:ident $Trait:ident $($m:tt)?) => {
        use crate::ast::*;
        use crate::visit::expr::$mode::expr;
        use crate::visit::query::$mode::query;
        use crate::visit::statement::$mode::{raw, tables};
        use crate::visit::{$Trait, Flow, TableRole};

        pub fn create_table(node: &$($m)? CreateTable, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.name, TableRole::Table);
            if let Some(like) = &$($m)? node.like {
                v.table_name(like, TableRole::Table);
            }
            elements(&$($m)? node.elements, v)?;
            for option in &$($m)? node.options {
                raw(&$($m)? option.value, v)?;
            }
            raw(&$($m)? node.partition, v)?;
            match &$($m)? node.query {
                Some(source) => query(source, v),
                None => Flow::Continue(()),
            }
        }

        fn elements(nodes: &$($m)? Vec<TableElement>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                match node {
                    TableElement::Column(column) => column_def(column, v)?,
                    TableElement::Index(index) => {
                        key_parts(&$($m)? index.columns, v)?;
                        raw(&$($m)? index.options, v)?;
                    }
                    TableElement::ForeignKey(key) => {
                        key_parts(&$($m)? key.columns, v)?;
                        references(&$($m)? key.references, v)?;
                    }
                    TableElement::Check(check) => expr(&$($m)? check.expr, v)?,
                }
            }
            Flow::Continue(())
        }

        fn key_parts(nodes: &$($m)? Vec<KeyPart>, v: &mut dyn $Trait) -> Flow {
            for node in nodes {
                if let Key::Expr(key) = &$($m)? node.key {
                    expr(key, v)?;
                }
            }
            Flow::Continue(())
        }

        fn references(node: &$($m)? References, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.table, TableRole::Table);
            raw(&$($m)? node.actions, v)
        }

        fn column_def(node: &$($m)? ColumnDef, v: &mut dyn $Trait) -> Flow {
            for value in &$($m)? node.data_type.values {
                v.literal(value);
            }
            for attribute in &$($m)? node.attributes {
                match attribute {
                    ColumnAttribute::Default(value)
                    | ColumnAttribute::DefaultExpr(value)
                    | ColumnAttribute::OnUpdate(value) => expr(value, v)?,
                    ColumnAttribute::Comment(comment) => v.literal(comment),
                    ColumnAttribute::Generated(generated) => expr(&$($m)? generated.expr, v)?,
                    ColumnAttribute::References(target) => references(target, v)?,
                    ColumnAttribute::Check(check) => expr(&$($m)? check.expr, v)?,
                    ColumnAttribute::Other(tokens) => raw(tokens, v)?,
                    _ => {}
                }
            }
            Flow::Continue(())
        }

        pub fn alter_table(node: &$($m)? AlterTable, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.table, TableRole::Table);
            for action in &$($m)? node.actions {
                match action {
                    AlterAction::Add(list, _) => elements(list, v)?,
                    AlterAction::Modify(column, _) | AlterAction::Change(_, column, _) => column_def(column, v)?,
                    AlterAction::AlterColumn(_, tokens) | AlterAction::Other(tokens) => raw(tokens, v)?,
                    AlterAction::RenameTo(table) => v.table_name(table, TableRole::Table),
                    AlterAction::ExchangePartition(_, table, tokens) => {
                        v.table_name(table, TableRole::Table);
                        raw(tokens, v)?;
                    }
                    AlterAction::Option(option) => raw(&$($m)? option.value, v)?,
                    _ => {}
                }
            }
            raw(&$($m)? node.partition, v)
        }

        pub fn create_view(node: &$($m)? CreateView, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.name, TableRole::Table);
            query(&$($m)? node.query, v)
        }

        pub fn create_index(node: &$($m)? CreateIndex, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.table, TableRole::Table);
            key_parts(&$($m)? node.columns, v)?;
            raw(&$($m)? node.options, v)
        }

        pub fn drop_index(node: &$($m)? DropIndex, v: &mut dyn $Trait) -> Flow {
            v.table_name(&$($m)? node.table, TableRole::Table);
            raw(&$($m)? node.options, v)
        }

        pub fn maintenance(node: &$($m)? TableMaintenance, v: &mut dyn $Trait) -> Flow {
            tables(&$($m)? node.tables, v)?;
            raw(&$($m)? node.options, v)
        }

        pub fn alter_vschema(node: &$($m)? AlterVschema, v: &mut dyn $Trait) -> Flow {
            match node {
                AlterVschema::CreateVindex { .. } | AlterVschema::DropVindex { .. } => {}
                AlterVschema::AddTable(table)
                | AlterVschema::DropTable(table)
                | AlterVschema::AddSequence(table)
                | AlterVschema::DropSequence(table)
                | AlterVschema::AddColVindex { table, .. }
                | AlterVschema::DropColVindex { table, .. }
                | AlterVschema::DropAutoIncrement { table } => v.table_name(table, TableRole::Table),
                AlterVschema::AddAutoIncrement { table, sequence, .. } => {
                    v.table_name(table, TableRole::Table);
                    v.table_name(sequence, TableRole::Table);
                }
            }
            Flow::Continue(())
        }
    };
}

super::both!(functions);
