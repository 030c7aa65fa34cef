//! The VSchema of the golden cases.

use proto::{query::Type, vschema as pb};

pub fn srv_vschema() -> pb::SrvVSchema {
    let rule = |from: &str, to: &str| pb::RoutingRule { from_table: from.into(), to_tables: vec![to.into()] };
    pb::SrvVSchema {
        keyspaces: [("commerce".to_owned(), commerce()), ("customer".to_owned(), customer())].into(),
        routing_rules: Some(pb::RoutingRules {
            rules: vec![
                rule("old_customer", "customer.customer"),
                rule("customer.old_customer", "customer.customer"),
            ],
        }),
        ..Default::default()
    }
}

/// Unsharded: products, sequences, the source of a reference table.
fn commerce() -> pb::Keyspace {
    let of_type = |ty: &str| pb::Table { r#type: ty.into(), ..Default::default() };
    let auto = pb::AutoIncrement { column: "id".into(), sequence: "product_seq".into() };
    pb::Keyspace {
        tables: [
            ("product".to_owned(), pb::Table { auto_increment: Some(auto), ..Default::default() }),
            ("region".to_owned(), pb::Table::default()),
            ("product_seq".to_owned(), of_type("sequence")),
            ("customer_seq".to_owned(), of_type("sequence")),
            ("order_seq".to_owned(), of_type("sequence")),
        ]
        .into(),
        ..Default::default()
    }
}

fn vindex(ty: &str, params: &[(&str, &str)], owner: &str) -> pb::Vindex {
    let params = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    pb::Vindex { r#type: ty.into(), params, owner: owner.into() }
}

fn on(columns: &[&str], name: &str) -> pb::ColumnVindex {
    match columns {
        [only] => pb::ColumnVindex { column: (*only).into(), name: name.into(), columns: vec![] },
        more => pb::ColumnVindex {
            column: String::new(),
            name: name.into(),
            columns: more.iter().map(|c| (*c).to_owned()).collect(),
        },
    }
}

fn table(vindexes: Vec<pb::ColumnVindex>) -> pb::Table {
    pb::Table { column_vindexes: vindexes, ..Default::default() }
}

fn column(name: &str, ty: Type, collation: &str) -> pb::Column {
    pb::Column {
        name: name.into(),
        r#type: ty as i32,
        collation_name: collation.into(),
        ..Default::default()
    }
}

/// Sharded by the customer's id.
fn customer() -> pb::Keyspace {
    let auto = |column: &str, sequence: &str| {
        Some(pb::AutoIncrement { column: column.into(), sequence: sequence.into() })
    };
    let lookup = [("table", "commerce.corder_lookup"), ("from", "order_id"), ("to", "keyspace_id")];
    pb::Keyspace {
        sharded: true,
        vindexes: [
            ("hash".to_owned(), vindex("hash", &[], "")),
            ("xxhash".to_owned(), vindex("xxhash", &[], "")),
            (
                "pair".to_owned(),
                vindex("multicol", &[("column_count", "2"), ("column_vindex", "hash,xxhash")], ""),
            ),
            ("corder_lookup".to_owned(), vindex("consistent_lookup_unique", &lookup, "corder")),
        ]
        .into(),
        tables: [
            // No columns listed: types and names are for MySQL to know.
            (
                "customer".to_owned(),
                pb::Table {
                    auto_increment: auto("customer_id", "commerce.customer_seq"),
                    ..table(vec![on(&["customer_id"], "hash")])
                },
            ),
            (
                "corder".to_owned(),
                pb::Table {
                    auto_increment: auto("order_id", "commerce.order_seq"),
                    ..table(vec![on(&["customer_id"], "hash"), on(&["order_id"], "corder_lookup")])
                },
            ),
            ("typed".to_owned(), typed()),
            ("pairs".to_owned(), table(vec![on(&["a", "b"], "pair")])),
            (
                "region".to_owned(),
                pb::Table {
                    r#type: "reference".into(),
                    source: "commerce.region".into(),
                    ..Default::default()
                },
            ),
            ("country".to_owned(), pb::Table { r#type: "reference".into(), ..Default::default() }),
            ("pin".to_owned(), pb::Table { pinned: "80".into(), ..Default::default() }),
        ]
        .into(),
        ..Default::default()
    }
}

/// All columns listed.
fn typed() -> pb::Table {
    pb::Table {
        columns: vec![
            column("id", Type::Int64, ""),
            column("name", Type::Varchar, "utf8mb4_0900_ai_ci"),
            column("note", Type::Text, ""),
            column("price", Type::Decimal, ""),
            column("ratio", Type::Float32, ""),
            column("kind", Type::Enum, ""),
            column("doc", Type::Json, ""),
            column("born", Type::Date, ""),
            column("code", Type::Varbinary, ""),
        ],
        column_list_authoritative: true,
        ..table(vec![on(&["id"], "xxhash")])
    }
}
