use proto::vschema as pb;
use sqlast::{ParseOptions, ast::Statement};

use super::{alter, named_keyspace};

/// Carries statements out on the keyspace `ks`; the last one's error text, or nothing.
fn run(vschema: &mut pb::Keyspace, statements: &[&str]) -> String {
    let mut last = String::new();
    for sql in statements {
        let parsed = sqlast::parse(sql.as_bytes(), &ParseOptions::default()).unwrap();
        let Statement::AlterVschema(parsed) = parsed else { panic!("{sql}") };
        let before = vschema.clone();
        last = alter("ks", vschema, &parsed).err().map(|e| e.message().to_owned()).unwrap_or_default();
        assert!(last.is_empty() || before == *vschema, "an error changes nothing: {sql}");
    }
    last
}

#[test]
fn vindexes_come_and_go() {
    let mut ks = pb::Keyspace::default();
    assert_eq!(run(&mut ks, &["alter vschema create vindex v using hash"]), "");
    assert!(ks.sharded, "the first vindex makes it sharded");
    let again = "alter vschema create vindex ks.v using hash";
    assert_eq!(run(&mut ks, &[again]), "vindex v already exists in keyspace ks");
    assert_eq!(run(&mut ks, &["alter vschema on t add vindex v (id)"]), "");
    assert_eq!(ks.tables["t"].column_vindexes[0].columns, ["id"]);
    let dropped = run(&mut ks, &["alter vschema drop vindex v"]);
    assert_eq!(dropped, "can not drop vindex cause v still defined on table t");
    assert_eq!(run(&mut ks, &["alter vschema on t drop vindex v", "alter vschema drop vindex v"]), "");
    assert!(ks.tables.is_empty() && ks.vindexes.is_empty());
    assert_eq!(run(&mut ks, &["alter vschema drop vindex v"]), "vindex v does not exists in keyspace ks");
}

#[test]
fn a_table_gets_vindexes() {
    let mut ks = pb::Keyspace::default();
    let lookup =
        "alter vschema on t add vindex l (a, b) using lookup with owner=`t`, from=`a,b`, table=l, to=k";
    assert_eq!(run(&mut ks, &["alter vschema on t add vindex v (id) using hash", lookup]), "");
    assert_eq!(ks.vindexes["l"].owner, "t");
    assert_eq!(ks.vindexes["l"].params["from"], "a,b");
    assert_eq!(ks.tables["t"].column_vindexes[1].columns, ["a", "b"]);
    let mut says = |sql: &str| run(&mut ks, &[sql]);
    assert_eq!(says(lookup), "vindex l already defined on table t");
    assert_eq!(says(&lookup.replace("on t ", "on t2 ")), "");
    assert_eq!(says("alter vschema on u add vindex n (a)"), "vindex n does not exist in keyspace ks");
    assert_eq!(
        says("alter vschema on u add vindex v (a) using lookup"),
        "vindex v defined with type hash not lookup"
    );
    let other = "alter vschema on u add vindex l (a) using lookup with owner=xyz";
    assert_eq!(says(other), "vindex l defined with owner t not xyz");
    let other = "alter vschema on u add vindex l (a) using lookup with owner=t, foo=bar";
    assert_eq!(says(other), "vindex l defined with different parameters");
    assert_eq!(says("alter vschema on x drop vindex l"), "table ks.x not defined in vschema");
    assert_eq!(says("alter vschema on t2 drop vindex v"), "vindex v not defined in table ks.t2");
}

#[test]
fn tables_and_sequences_of_an_unsharded_keyspace() {
    let mut ks = pb::Keyspace::default();
    let all = ["alter vschema add table t", "alter vschema add sequence s"];
    assert_eq!(run(&mut ks, &all), "");
    assert_eq!(ks.tables["s"].r#type, "sequence");
    assert_eq!(run(&mut ks, &all[..1]), "vschema already contains table t in keyspace ks");
    assert_eq!(run(&mut ks, &all[1..]), "vschema already contains sequence s in keyspace ks");
    assert_eq!(run(&mut ks, &["alter vschema on t add auto_increment id using other.s"]), "");
    assert_eq!(ks.tables["t"].auto_increment.as_ref().unwrap().sequence, "other.s");
    let again = run(&mut ks, &["alter vschema on t add auto_increment id using s"]);
    assert_eq!(again, "vschema already contains auto inc id on table t in keyspace ks");
    assert_eq!(run(&mut ks, &["alter vschema on t drop auto_increment"]), "");
    let none = run(&mut ks, &["alter vschema on t drop auto_increment"]);
    assert_eq!(none, "vschema does not contain auto increment on table t in keyspace ks");
    let not = run(&mut ks, &["alter vschema drop sequence t"]);
    assert_eq!(not, "vschema does not contain sequence t in keyspace ks");
    assert_eq!(run(&mut ks, &["alter vschema drop sequence s", "alter vschema drop table t"]), "");
    assert_eq!(
        run(&mut ks, &["alter vschema drop table t"]),
        "vschema does not contain table t in keyspace ks"
    );
    ks.sharded = true;
    assert_eq!(run(&mut ks, &all[..1]), "add vschema table: unsupported on sharded keyspace ks");
    assert_eq!(run(&mut ks, &all[1..]), "add sequence table: unsupported on sharded keyspace ks");
}

#[test]
fn the_keyspace_that_is_named() {
    let of = |sql: &str| match sqlast::parse(sql.as_bytes(), &ParseOptions::default()).unwrap() {
        Statement::AlterVschema(parsed) => named_keyspace(&parsed),
        _ => panic!("{sql}"),
    };
    assert_eq!(of("alter vschema create vindex a.v using hash").as_deref(), Some("a"));
    assert_eq!(of("alter vschema on a.t drop vindex v").as_deref(), Some("a"));
    assert_eq!(of("alter vschema add table t"), None);
}
