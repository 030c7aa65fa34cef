use std::collections::BTreeMap;

use planner::LiteralValue;
use sqltypes::BindValue;
use vschema::{Vindex, VindexParams, no_files};

use super::*;

fn hash() -> VindexRef {
    let params = BTreeMap::new();
    let vindex =
        Vindex::new(VindexParams { vindex_type: "hash", params: &params, files: &no_files }).unwrap();
    VindexRef { name: "h".into(), vindex: Arc::new(vindex), columns: vec![Some(Type::Int64.into())] }
}

fn shards() -> Arc<ShardTable> {
    Arc::new(ShardTable::from_names(["-40", "40-80", "80-"]).unwrap())
}

fn binds(values: &[(&str, BindValue)]) -> BindVars {
    values.iter().map(|(name, v)| ((*name).to_owned(), v.clone().into())).collect()
}

fn places(resolved: Resolved) -> Vec<usize> {
    match resolved {
        Resolved::Shards(d) => d.into_iter().map(|d| d.shard).collect(),
        Resolved::PlanAgain => panic!("does not fit"),
    }
}

fn equal(name: &str) -> Routing {
    Routing::EqualUnique { vindex: hash(), values: vec![ValueRef::Bind(name.into())] }
}

/// hash(1) = 166b..., hash(2) = 06e7..., hash(3) = 4eb1..., hash(4) = d2fd... (the vectors of vindexes).
#[test]
fn a_value_finds_its_shard() {
    for (value, place) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        let b = binds(&[("v", BindValue::int64(value))]);
        assert_eq!(places(resolve(&equal("v"), &shards(), &b).unwrap()), [place], "{value}");
    }
}

#[test]
fn a_list_is_dealt_out() {
    let list = [4, 1, 3, 2].map(|v: i64| (Type::Int64, Bytes::from(v.to_string())));
    let with_null = list.into_iter().chain([(Type::NullType, Bytes::new())]).collect();
    let b = binds(&[("l", BindValue::List(with_null))]);
    let routing = Routing::In { vindex: hash(), values: ValueRef::ListBind("l".into()) };
    let Resolved::Shards(d) = resolve(&routing, &shards(), &b).unwrap() else { panic!() };
    let dealt: BTreeMap<usize, Vec<String>> = d
        .into_iter()
        .map(|d| {
            let own = d.list.unwrap().into_iter().map(|(_, v)| String::from_utf8(v.to_vec()).unwrap());
            (d.shard, own.collect())
        })
        .collect();
    let expected = [(0, vec!["1", "2"]), (1, vec!["3"]), (2, vec!["4"])];
    assert_eq!(dealt, expected.map(|(s, l)| (s, l.into_iter().map(str::to_owned).collect())).into());
}

#[test]
fn what_matches_nothing_asks_one_shard() {
    let b = binds(&[("v", BindValue::NULL), ("l", BindValue::List(vec![(Type::NullType, Bytes::new())]))]);
    assert_eq!(places(resolve(&equal("v"), &shards(), &b).unwrap()), [0]);
    let list = Routing::In { vindex: hash(), values: ValueRef::ListBind("l".into()) };
    assert_eq!(places(resolve(&list, &shards(), &b).unwrap()), [0]);
}

/// `id = 'abc'` compares as numbers in MySQL: rows anywhere may match, so a plan for one shard does not fit.
#[test]
fn a_value_of_another_type_is_planned_again() {
    let b = binds(&[("v", BindValue::text("abc"))]);
    assert_eq!(resolve(&equal("v"), &shards(), &b).unwrap(), Resolved::PlanAgain);
}

#[test]
fn parts_on_different_shards_are_planned_again() {
    let part = |v: &str| SameShardPart::Vindex {
        vindex: hash(),
        values: vec![ValueRef::Literal(LiteralValue::Integer(v.into()))],
    };
    let same = Routing::SameShard { parts: vec![part("1"), part("2")] };
    assert_eq!(places(resolve(&same, &shards(), &BindVars::new()).unwrap()), [0]);
    let apart = Routing::SameShard { parts: vec![part("1"), part("4")] };
    assert_eq!(resolve(&apart, &shards(), &BindVars::new()).unwrap(), Resolved::PlanAgain);
}

#[test]
fn a_missing_value_and_a_missing_shard_are_named() {
    let e = resolve(&equal("nope"), &shards(), &BindVars::new()).unwrap_err();
    assert!(e.message().contains("nope"), "{e}");
    let e = resolve(&Routing::ByTarget { shard: "c0-".into() }, &shards(), &BindVars::new()).unwrap_err();
    assert!(e.message().contains("c0-"), "{e}");
    assert!(resolve(&Routing::Unsharded, &shards(), &BindVars::new()).is_err());
}
