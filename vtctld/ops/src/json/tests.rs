use proto::{topodata, vschema};

use super::*;

#[test]
fn fields_without_a_value_are_shown_unless_compact() {
    let shard = topodata::Shard { is_primary_serving: true, ..Default::default() };
    assert_eq!(
        to_json("topodata.Shard", &shard, Style::default()).unwrap(),
        r#"{
  "primary_alias": null,
  "primary_term_start_time": null,
  "key_range": null,
  "source_shards": [],
  "tablet_controls": [],
  "is_primary_serving": true,
  "vtorc_state": null
}"#
    );
    assert_eq!(
        to_value("topodata.Shard", &shard, Style { compact: true }).unwrap(),
        serde_json::json!({"is_primary_serving": true})
    );
}

#[test]
fn enums_are_names_and_large_numbers_text() {
    let tablet = topodata::Tablet {
        r#type: topodata::TabletType::Primary as i32,
        primary_term_start_time: Some(proto::vttime::Time { seconds: 1_700_000_000, nanoseconds: 5 }),
        key_range: Some(topodata::KeyRange { start: vec![0x80], end: vec![] }),
        port_map: [("vt".to_owned(), 1), ("grpc".to_owned(), 2)].into(),
        ..Default::default()
    };
    let json = to_value("topodata.Tablet", &tablet, Style { compact: true }).unwrap();
    assert_eq!(
        json.to_string(),
        r#"{"port_map":{"grpc":2,"vt":1},"key_range":{"start":"gA=="},"type":"PRIMARY","primary_term_start_time":{"seconds":"1700000000","nanoseconds":5}}"#
    );
}

#[test]
fn an_unset_optional_is_left_out() {
    let column = vschema::Column { name: "c".into(), ..Default::default() };
    let json = to_value("vschema.Column", &column, Style::default()).unwrap();
    assert!(json.get("nullable").is_none(), "{json}");
    assert_eq!(json["type"], "NULL_TYPE");
}

#[test]
fn reading_takes_both_spellings_and_refuses_unknown_fields() {
    for text in [
        r#"{"column_vindexes":[{"column":"id","name":"x"}]}"#,
        r#"{"columnVindexes":[{"column":"id","name":"x"}]}"#,
    ] {
        let table: vschema::Table = from_json("vschema.Table", text).unwrap();
        assert_eq!(table.column_vindexes[0].name, "x");
    }
    for text in [r#"{"colum_vindexes":[]}"#, "{", "{} x", r#"{"type": 3}"#] {
        let e = from_json::<vschema::Table>("vschema.Table", text).unwrap_err();
        assert!(e.message().starts_with("invalid JSON for vschema.Table: "), "{e}");
    }
}
