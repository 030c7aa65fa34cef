//! Tables for the corpus' planner statements: how they are sharded is written down here, as the statements expect
//! it; their columns are those that the statements name.

use std::collections::{BTreeMap, BTreeSet};

use proto::{query::Type, vschema as pb};
use sqlast::{
    Visit, Visitor, Walk,
    ast::{ColName, Expr, Query, Select, Statement, TableExpr, TableName},
    visit::TableRole,
};
use vschema::{Column, TrackedTable, VSchema, no_files};

/// The VSchema, with the columns that schema tracking would find.
pub fn vschema(statements: &[Statement]) -> VSchema {
    let mut names = Tables::default();
    statements.iter().for_each(|statement| {
        statement.walk(&mut names);
    });
    let bare = VSchema::new(&srv_vschema(&names.0), &no_files);
    assert_eq!(bare.problems(), []);
    let columns = columns(statements);
    ["user", "main"].into_iter().fold(bare, |vschema, keyspace| {
        let own = vschema.keyspace(keyspace).unwrap().clone();
        let tracked: BTreeMap<String, TrackedTable> = own
            .tables
            .iter()
            .map(|(name, table)| {
                let vindex = table.column_vindexes.iter().flat_map(|v| v.columns.iter().cloned());
                let mut all: BTreeSet<String> = vindex.collect();
                all.extend(columns.get(name).into_iter().flatten().cloned());
                all.insert("id".to_owned());
                let columns = all.iter().map(|column| tracked_column(column)).collect();
                (name.clone(), TrackedTable { columns, unique_keys: vec![vec!["id".to_owned()]], view: None })
            })
            .collect();
        vschema.with_tracked(keyspace, &tracked)
    })
}

fn tracked_column(name: &str) -> Column {
    let text = ["name", "text", "str", "val", "comment"].iter().any(|part| name.contains(part));
    let (ty, definition) = match text {
        true => (Type::Varchar, "varchar(64) collate utf8mb4_0900_ai_ci null"),
        false => (Type::Int64, "bigint null"),
    };
    Column {
        name: name.to_owned(),
        ty: Some(ty),
        collation: text.then(|| "utf8mb4_0900_ai_ci".to_owned()),
        invisible: false,
        definition: Some(definition.to_owned()),
        generated: false,
        default: vschema::ColumnDefault::Unknown,
    }
}

/// The names of all tables.
#[derive(Default)]
struct Tables(BTreeSet<(Option<String>, String)>);

impl Visitor for Tables {
    fn table_name(&mut self, name: &TableName, role: TableRole) {
        if role == TableRole::Table && !name.is_dual() {
            let qualifier = name.qualifier.as_ref().map(|q| q.to_lower());
            self.0.insert((qualifier, name.name.to_string_lossy().into_owned()));
        }
    }
}

/// The columns of each table: those with its alias, and those without any where it stands alone or first.
fn columns(statements: &[Statement]) -> BTreeMap<String, BTreeSet<String>> {
    let mut out = Columns::default();
    statements.iter().for_each(|statement| {
        statement.walk(&mut out);
    });
    out.found
}

#[derive(Default)]
struct Columns {
    found: BTreeMap<String, BTreeSet<String>>,
    /// Alias and table of each FROM around the place we are at.
    scopes: Vec<Vec<(String, String)>>,
}

impl Visitor for Columns {
    fn enter_select(&mut self, select: &Select) -> Visit {
        let mut scope = Vec::new();
        select.from.iter().for_each(|table| tables_of(table, &mut scope));
        self.scopes.push(scope);
        Visit::Into
    }

    fn leave_select(&mut self, _select: &Select) -> Visit {
        self.scopes.pop();
        Visit::Into
    }

    fn enter_query(&mut self, _query: &Query) -> Visit {
        Visit::Into
    }

    fn enter_expr(&mut self, expr: &Expr) -> Visit {
        if let Expr::Column(name) = expr {
            self.column(name);
        }
        Visit::Into
    }
}

impl Columns {
    fn column(&mut self, name: &ColName) {
        let column = name.name.to_lower();
        let table = match name.qualifier.as_deref() {
            Some(alias) => {
                let alias = alias.name.to_lower();
                self.scopes.iter().rev().flatten().find(|(own, _)| *own == alias).map(|(_, t)| t.clone())
            }
            None => {
                let own = self.scopes.last().map(Vec::as_slice).unwrap_or_default();
                let known = |table: &str| self.found.get(table).is_some_and(|c| c.contains(&column));
                match own.iter().any(|(_, table)| known(table)) {
                    true => None,
                    false => own.first().map(|(_, table)| table.clone()),
                }
            }
        };
        if let Some(table) = table {
            self.found.entry(table).or_default().insert(column);
        }
    }
}

fn tables_of(table: &TableExpr, out: &mut Vec<(String, String)>) {
    match table {
        TableExpr::Table(table) => {
            let alias = table.alias.as_ref().unwrap_or(&table.name.name).to_lower();
            out.push((alias, table.name.name.to_lower()));
        }
        TableExpr::Join(join) => {
            tables_of(&join.left, out);
            tables_of(&join.right, out);
        }
        TableExpr::List(tables) => tables.iter().for_each(|t| tables_of(t, out)),
        TableExpr::Derived(_) | TableExpr::JsonTable(_) => {}
    }
}

/// Tables as the corpus' statements expect them: `user` sharded, `main` not.
fn srv_vschema(named: &BTreeSet<(Option<String>, String)>) -> pb::SrvVSchema {
    let vindex = |ty: &str, params: &[(&str, &str)]| pb::Vindex {
        r#type: ty.into(),
        params: params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        owner: String::new(),
    };
    let sharded = |columns: &[&str], name: &str| pb::Table {
        column_vindexes: vec![pb::ColumnVindex {
            column: String::new(),
            name: name.into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        }],
        ..Default::default()
    };
    let by_hash = [
        ("user", "id"),
        ("user_extra", "user_id"),
        ("user_metadata", "user_id"),
        ("music", "user_id"),
        ("music_extra", "user_id"),
        ("authoritative", "user_id"),
        ("u_tbl", "id"),
        ("customer", "id"),
        ("orders", "o_custkey"),
        ("lineitem", "l_orderkey"),
        ("t", "id"),
        ("tbl", "id"),
        ("sbtest", "id"),
        ("warehouse", "w_id"),
        ("district", "d_w_id"),
        ("stock", "s_w_id"),
        ("order_line", "ol_w_id"),
        ("new_orders", "no_w_id"),
        ("history", "h_c_w_id"),
    ];
    let mut user = pb::Keyspace {
        sharded: true,
        vindexes: [
            ("user_index".to_owned(), vindex("hash", &[])),
            ("multicol".to_owned(), vindex("multicol", &[("column_count", "2")])),
        ]
        .into(),
        ..Default::default()
    };
    user.tables.extend(by_hash.map(|(table, column)| (table.to_owned(), sharded(&[column], "user_index"))));
    user.tables.insert("multicol_tbl".into(), sharded(&["cola", "colb"], "multicol"));
    user.tables.insert("u_multicol_tbl".into(), sharded(&["a", "b"], "multicol"));
    user.tables.insert("ref".into(), pb::Table { r#type: "reference".into(), ..Default::default() });
    let of_type = |ty: &str| pb::Table { r#type: ty.into(), ..Default::default() };
    let unsharded =
        ["unsharded", "unsharded_a", "unsharded_b", "unsharded_auto", "unsharded_src", "source_of_ref"];
    let other_keys = [("supplier", "s_suppkey"), ("part", "p_partkey"), ("partsupp", "ps_partkey")];
    user.tables
        .extend(other_keys.map(|(table, column)| (table.to_owned(), sharded(&[column], "user_index"))));
    let mut main = pb::Keyspace::default();
    main.tables.extend(unsharded.map(|table| (table.to_owned(), of_type(""))));
    // A table that is not known here is sharded by its id, unless its name says that it is not.
    for (qualifier, table) in named {
        let known = user.tables.contains_key(table) || main.tables.contains_key(table);
        if known || table.contains("unsharded") {
            continue;
        }
        match qualifier.as_deref() {
            None | Some("user") => {
                user.tables.insert(table.clone(), sharded(&["id"], "user_index"));
            }
            Some("main") => {
                main.tables.insert(table.clone(), of_type(""));
            }
            Some(_) => {}
        }
    }
    main.tables.insert("seq".into(), of_type("sequence"));
    pb::SrvVSchema {
        keyspaces: [("user".to_owned(), user), ("main".to_owned(), main)].into(),
        ..Default::default()
    }
}
