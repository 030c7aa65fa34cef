use super::*;
use crate::{no_files, validate};

fn column_vindex(column: &str, name: &str) -> pb::ColumnVindex {
    pb::ColumnVindex { column: column.into(), name: name.into(), columns: vec![] }
}

fn vindex(ty: &str) -> pb::Vindex {
    pb::Vindex { r#type: ty.into(), ..Default::default() }
}

fn problems(edit: impl FnOnce(&mut pb::Keyspace)) -> Vec<String> {
    let mut keyspace = pb::Keyspace { sharded: true, ..Default::default() };
    keyspace.vindexes.insert("hash".into(), vindex("hash"));
    let table = pb::Table { column_vindexes: vec![column_vindex("id", "hash")], ..Default::default() };
    keyspace.tables.insert("t".into(), table);
    edit(&mut keyspace);
    validate("ks", &keyspace, &no_files).iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_keyspace_has_no_problems() {
    assert_eq!(problems(|_| {}), [""; 0]);
}

#[test]
fn problems_name_the_thing() {
    assert_eq!(
        problems(|ks| ks.tables.get_mut("t").unwrap().column_vindexes[0].name = "hesh".into()),
        ["keyspace ks: table t: its vindex hesh is not in the keyspace"]
    );
    assert_eq!(
        problems(|ks| ks.tables.get_mut("t").unwrap().column_vindexes.clear()),
        ["keyspace ks: table t: it has no vindex, and its keyspace is sharded"]
    );
    assert_eq!(
        problems(|ks| drop(ks.vindexes.insert("x".into(), vindex("nope")))),
        ["keyspace ks: vindex x: unknown vindex type \"nope\""]
    );
    assert_eq!(
        problems(|ks| drop(ks.vindexes.insert("l".into(), vindex("lookup")))),
        ["keyspace ks: vindex l: lookup: the parameter table is missing"]
    );
    assert_eq!(
        problems(|ks| ks.tables.get_mut("t").unwrap().r#type = "sequence".into()),
        ["keyspace ks: table t: a sequence in a sharded keyspace must be pinned"]
    );
    assert_eq!(
        problems(|ks| ks.vindexes.get_mut("hash").unwrap().owner = "other".into()),
        ["keyspace ks: vindex hash: its owner other is no table that uses it"]
    );
    assert_eq!(
        problems(|ks| ks.tables.get_mut("t").unwrap().pinned = "8".into()),
        ["keyspace ks: table t: pinned: \"8\" is not a keyspace id in hex"]
    );
}

#[test]
fn a_lookup_cannot_be_the_first_vindex() {
    let got = problems(|ks| {
        let params = [("table", "ks.l"), ("from", "a"), ("to", "b")];
        let params = params.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        ks.vindexes
            .insert("l".into(), pb::Vindex { r#type: "lookup_unique".into(), params, owner: String::new() });
        ks.tables.get_mut("t").unwrap().column_vindexes[0].name = "l".into();
    });
    assert_eq!(got, ["keyspace ks: table t: its first vindex l is a lookup"]);
}

#[test]
fn a_bad_table_is_left_out_and_the_others_stay() {
    let mut keyspace = pb::Keyspace { sharded: true, ..Default::default() };
    keyspace.vindexes.insert("hash".into(), vindex("hash"));
    let good = pb::Table { column_vindexes: vec![column_vindex("id", "hash")], ..Default::default() };
    keyspace.tables.insert("good".into(), good);
    keyspace.tables.insert("bad".into(), pb::Table::default());
    let srv = pb::SrvVSchema { keyspaces: [("ks".to_owned(), keyspace)].into(), ..Default::default() };
    let schema = VSchema::new(&srv, &no_files);
    assert_eq!(schema.problems().len(), 1);
    let keyspace = schema.keyspace("ks").unwrap();
    assert_eq!(keyspace.tables.keys().collect::<Vec<_>>(), ["good"]);
}

#[test]
fn a_sequence_is_found_in_its_keyspace() {
    let sequence = pb::Table { r#type: "sequence".into(), ..Default::default() };
    let commerce = pb::Keyspace { tables: [("seq".to_owned(), sequence)].into(), ..Default::default() };
    let mut customer = pb::Keyspace { sharded: true, ..Default::default() };
    customer.vindexes.insert("hash".into(), vindex("hash"));
    let auto = |sequence: &str| pb::AutoIncrement { column: "id".into(), sequence: sequence.into() };
    let table = |sequence| pb::Table {
        column_vindexes: vec![column_vindex("id", "hash")],
        auto_increment: Some(auto(sequence)),
        ..Default::default()
    };
    customer.tables.insert("a".into(), table("commerce.seq"));
    customer.tables.insert("b".into(), table("seq"));
    customer.tables.insert("c".into(), table("nowhere"));
    let keyspaces = [("commerce".to_owned(), commerce), ("customer".to_owned(), customer)].into();
    let schema = VSchema::new(&pb::SrvVSchema { keyspaces, ..Default::default() }, &no_files);
    let tables = &schema.keyspace("customer").unwrap().tables;
    for name in ["a", "b"] {
        let auto = tables[name].auto_increment.as_ref().unwrap();
        assert_eq!((auto.sequence_keyspace.as_str(), auto.sequence_table.as_str()), ("commerce", "seq"));
    }
    assert_eq!(
        schema.problems()[0].to_string(),
        "keyspace customer: table c: auto_increment: no keyspace has the sequence nowhere"
    );
}
