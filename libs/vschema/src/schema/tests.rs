use super::*;
use crate::no_files;
use proto::vschema as pb;

fn schema() -> VSchema {
    let plain = |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), pb::Table::default())).collect();
    let sharded = |names: &[&str]| pb::Keyspace {
        sharded: true,
        vindexes: [("hash".to_owned(), pb::Vindex { r#type: "hash".into(), ..Default::default() })].into(),
        tables: names
            .iter()
            .map(|n| {
                let v = pb::ColumnVindex { column: "id".into(), name: "hash".into(), columns: vec![] };
                ((*n).to_owned(), pb::Table { column_vindexes: vec![v], ..Default::default() })
            })
            .collect(),
        ..Default::default()
    };
    let rule = |from: &str, to: &[&str]| pb::RoutingRule {
        from_table: from.into(),
        to_tables: to.iter().map(|t| (*t).to_owned()).collect(),
    };
    let keyspaces = [
        ("commerce".to_owned(), pb::Keyspace { tables: plain(&["product", "both"]), ..Default::default() }),
        ("customer".to_owned(), sharded(&["customer", "both", "moved"])),
        ("hidden".to_owned(), pb::Keyspace { require_explicit_routing: true, ..sharded(&["secret"]) }),
    ];
    let rules = vec![
        rule("commerce.moved", &["customer.moved"]),
        rule("commerce.moved@replica", &["commerce.moved"]),
        rule("off", &[]),
        rule("commerce.twice", &["a.b", "c.d"]),
    ];
    VSchema::new(
        &pb::SrvVSchema {
            keyspaces: keyspaces.into(),
            routing_rules: Some(pb::RoutingRules { rules }),
            ..Default::default()
        },
        &no_files,
    )
}

fn find(qualifier: Option<&str>, name: &str, session: Option<&str>, ty: TabletType) -> String {
    match schema().table(qualifier, name, session, ty) {
        Ok(table) => table.full_name(),
        Err(e) => format!("{} {}", e.errno(), e.message()),
    }
}

#[test]
fn tables_are_found_as_mysql_would() {
    let p = TabletType::Primary;
    assert_eq!(find(None, "customer", Some("customer"), p), "customer.customer");
    assert_eq!(find(Some("customer"), "customer", Some("commerce"), p), "customer.customer");
    assert_eq!(find(None, "anything", Some("commerce"), p), "commerce.anything");
    assert_eq!(find(None, "nothing", Some("customer"), p), "1146 Table 'customer.nothing' doesn't exist");
    assert_eq!(find(Some("nowhere"), "t", None, p), "1049 Unknown database 'nowhere'");
}

#[test]
fn a_unique_name_needs_no_keyspace() {
    let p = TabletType::Primary;
    assert_eq!(find(None, "product", None, p), "commerce.product");
    assert!(find(None, "both", None, p).starts_with("1066 Table 'both' is in several keyspaces"));
    assert!(find(None, "secret", None, p).starts_with("1046 "));
    assert_eq!(find(Some("hidden"), "secret", None, p), "hidden.secret");
}

#[test]
fn routing_rules_move_tables() {
    assert_eq!(find(None, "moved", Some("commerce"), TabletType::Primary), "customer.moved");
    assert_eq!(find(None, "moved", Some("commerce"), TabletType::Replica), "commerce.moved");
    assert!(find(None, "off", None, TabletType::Primary).starts_with("1146 Table 'off' has been disabled"));
    assert!(find(Some("commerce"), "twice", None, TabletType::Primary).starts_with("1066 "));
}

#[test]
fn tracked_columns_fill_tables_that_have_none() {
    let column = Column {
        name: "id".into(),
        ty: Some(ColumnType::Int64),
        collation: None,
        invisible: false,
        definition: Some("bigint not null".into()),
        generated: false,
        default: crate::ColumnDefault::Unknown,
    };
    let found = TrackedTable { columns: vec![column], unique_keys: vec![vec!["id".into()]], view: None };
    let found = [("product".to_owned(), found.clone()), ("new".to_owned(), found)].into();
    let schema = schema().with_tracked("commerce", &found);
    let table = schema.table(None, "product", None, TabletType::Primary).unwrap();
    assert_eq!(table.column_type("ID"), Some(ColumnType::Int64));
    assert!(schema.table(None, "new", None, TabletType::Primary).unwrap().column_list_authoritative);
}

#[test]
fn a_key_that_is_compared_loosely_and_placed_exactly_is_told() {
    let loose = |vindex: &str, collation: &str| {
        let vindexes = [("v".to_owned(), pb::Vindex { r#type: vindex.into(), ..Default::default() })].into();
        let column = pb::Column {
            name: "id".into(),
            r#type: ColumnType::Varchar as i32,
            collation_name: collation.into(),
            ..Default::default()
        };
        let placed = pb::ColumnVindex { column: "id".into(), name: "v".into(), columns: vec![] };
        let table = pb::Table { column_vindexes: vec![placed], columns: vec![column], ..Default::default() };
        let tables = [("t".to_owned(), table)].into();
        let keyspace = pb::Keyspace { sharded: true, vindexes, tables, ..Default::default() };
        let source = pb::SrvVSchema { keyspaces: [("k".to_owned(), keyspace)].into(), ..Default::default() };
        let schema = VSchema::new(&source, &no_files);
        let table = schema.table(Some("k"), "t", None, TabletType::Primary).unwrap();
        table.loosely_compared_key().is_some()
    };
    assert!(loose("xxhash", "utf8mb4_0900_ai_ci"));
    assert!(loose("binary_md5", "utf8mb4_0900_as_cs"));
    assert!(!loose("xxhash", "utf8mb4_0900_bin"));
    assert!(!loose("xxhash", "binary"));
    assert!(!loose("xxhash", ""));
    assert!(!loose("unicode_loose_xxhash", "utf8mb4_0900_ai_ci"));
    assert!(!loose("hash", "utf8mb4_0900_ai_ci"));
}
