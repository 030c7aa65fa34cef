use sqlast::{ParseOptions, ast::Statement};
use vschema::{ColumnDefault, TableKind, TrackedTable};

use super::*;

fn table() -> Table {
    let column = |name: &str, ty: Type, definition: &str| Column {
        name: name.to_owned(),
        ty: Some(ty),
        collation: None,
        invisible: false,
        definition: Some(definition.to_owned()),
        generated: name == "g",
        default: match definition.ends_with(" not null") {
            true => ColumnDefault::Missing,
            false => ColumnDefault::Unknown,
        },
    };
    let tracked = TrackedTable {
        columns: vec![
            column("id", Type::Int64, "bigint not null"),
            column("name", Type::Varchar, "varchar(9) null"),
            column("born", Type::Date, "date not null"),
            column("g", Type::Int64, "bigint null"),
            column("seen", Type::Timestamp, "timestamp not null"),
        ],
        ..TrackedTable::default()
    };
    Table {
        keyspace: "ks".into(),
        name: "t".into(),
        sharded: false,
        kind: TableKind::Normal,
        column_vindexes: Vec::new(),
        auto_increment: None,
        columns: tracked.columns,
        column_list_authoritative: true,
        unique_keys: Vec::new(),
        pinned: None,
    }
}

fn shape_of(clauses: &str) -> Result<Shape> {
    let sql = format!("load data local infile 'x' into table t {clauses}");
    match sqlast::parse(sql.as_bytes(), &ParseOptions::default()).unwrap() {
        Statement::LoadData(load) => Shape::new(&load, &table(), Charset::Utf8mb4),
        other => panic!("{other:?}"),
    }
}

/// The statement of one row, and the warnings' numbers.
fn statement(clauses: &str, fields: &[Option<&str>]) -> (String, Vec<u32>) {
    let shape = shape_of(clauses).unwrap();
    let mut batch = Batch::default();
    let fields = fields.iter().map(|f| f.map(|text| text.as_bytes().to_vec())).collect();
    let warnings = shape.add(&mut batch, FileRow { fields, cut: false }, 1).unwrap();
    let (insert, binds) = shape.insert(batch);
    let mut text = String::from_utf8(sqlast::to_sql(&Statement::Insert(Box::new(insert)))).unwrap();
    for (name, value) in binds {
        let shown = match value.r#type() {
            Type::NullType => "null".to_owned(),
            Type::Int64 => String::from_utf8_lossy(&value.value).into_owned(),
            _ => format!("'{}'", String::from_utf8_lossy(&value.value)),
        };
        text = text.replace(&format!(":{name}"), &shown);
    }
    (text, warnings.into_iter().map(|w| w.0).collect())
}

#[test]
fn fields_and_what_is_missing() {
    let all = [Some("007"), Some("x"), Some("2020-01-02"), Some("9"), None];
    assert_eq!(
        statement("", &all),
        (
            "insert ignore into t(id, name, born, seen) values (7, 'x', '2020-01-02', current_timestamp())"
                .into(),
            vec![]
        )
    );
    assert_eq!(
        statement("", &[Some("x")]),
        (
            "insert ignore into t(id, name, born, seen) values ('x', if(default(name) is null, null, ''), \
             '0000-00-00', current_timestamp())"
                .into(),
            vec![1261; 4]
        )
    );
}

#[test]
fn variables_and_set() {
    let clauses = "replace_ (@a, id, @B) set name = concat(@A, @b, @c), born = now(), born = @a";
    let clauses = clauses.replace("replace_ ", "");
    assert_eq!(
        statement(&clauses, &[Some("p"), None]).0,
        "insert ignore into t(id, name, born) values (null, concat('p', null, @c), 'p')"
    );
    // A number that has no default is zero, a date is left to mysqld.
    assert_eq!(statement("(name)", &[None]).0, "insert ignore into t(name, id) values (null, 0)");
    let shape = shape_of(&clauses).unwrap();
    let row = FileRow { fields: vec![Some(b"p".to_vec()), None], cut: false };
    let expected = [("a".to_owned(), BindValue::text("p")), ("b".to_owned(), BindValue::NULL)];
    assert_eq!(shape.variables_of(&row), expected);
}

#[test]
fn what_cannot_be_loaded() {
    assert_eq!(shape_of("(id, nope)").unwrap_err().errno(), 1054);
    assert_eq!(shape_of("(id) set id = id + 1").unwrap_err().errno(), 1235);
    let shape = shape_of("(name)").unwrap();
    let bad = FileRow { fields: vec![Some(vec![0xff])], cut: false };
    assert_eq!(shape.add(&mut Batch::default(), bad, 1).unwrap_err().errno(), 1300);
}
