use clap::Parser;

use super::*;
use crate::options::{Cli, Command};

fn up(flags: &[&str]) -> UpOptions {
    let args = ["vtlocal", "up"].iter().chain(flags);
    match Cli::try_parse_from(args).unwrap().command {
        Command::Up(options) => options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn shards_come_by_number_or_by_name() {
    let shards = |text: &str| KeyspaceSpec::parse(text).unwrap().shards;
    assert_eq!(shards("a=1"), ["0"]);
    assert_eq!(shards("a=2"), ["-80", "80-"]);
    assert_eq!(shards("a=4"), ["-40", "40-80", "80-c0", "c0-"]);
    assert_eq!(shards("a=3"), ["-5555", "5555-aaaa", "aaaa-"]);
    assert_eq!(shards("a=-80,80-C0,c0-"), ["-80", "80-c0", "c0-"]);
    assert_eq!(shards("a=-"), ["-"]);
}

#[test]
fn bad_keyspaces_are_refused_by_name() {
    for (text, word) in
        [("a", "NAME=SHARDS"), ("a b=1", "a b"), ("a=8-", "\"8-\""), ("a=300", "256"), ("=1", "name")]
    {
        let error = KeyspaceSpec::parse(text).unwrap_err();
        assert!(error.message().contains(word), "{text}: {error}");
    }
}

#[test]
fn no_flags_bring_back_what_is_recorded() {
    let first = ClusterSpec::from_options(&up(&["--keyspace", "a=2", "--base-port", "9000"]), None).unwrap();
    assert!(!first.sample);
    assert_eq!(ClusterSpec::from_options(&up(&[]), Some(&first)).unwrap(), first);
    assert_eq!(ClusterSpec::from_options(&up(&["--keyspace", "a=2"]), Some(&first)).unwrap(), first);
    let error = ClusterSpec::from_options(&up(&["--keyspace", "a=4"]), Some(&first)).unwrap_err();
    assert!(error.message().contains("vtlocal clean"), "{error}");
}

#[test]
fn the_default_is_the_sample_cluster() {
    let spec = ClusterSpec::from_options(&up(&[]), None).unwrap();
    assert_eq!((spec.tablets(), spec.sample), (6, true));
    let error = ClusterSpec::from_options(&up(&["--replicas", "90"]), None).unwrap_err();
    assert!(error.message().contains("273 tablets"), "{error}");
    let error =
        ClusterSpec::from_options(&up(&["--keyspace", "a=1", "--keyspace", "a=2"]), None).unwrap_err();
    assert!(error.message().contains("twice"), "{error}");
}

#[test]
fn several_cells_have_a_replica_in_each() {
    let spec = |flags: &[&str]| ClusterSpec::from_options(&up(flags), None);
    let three = spec(&["--cell=a", "--cell=b", "--cell=c"]).unwrap();
    assert_eq!((three.cells.len(), three.replicas), (3, 2));
    assert_eq!(ClusterSpec::from_options(&up(&[]), Some(&three)).unwrap(), three);
    assert_eq!(spec(&["--cell=a", "--cell=b", "--replicas=3"]).unwrap().replicas, 3);
    let refused = |flags: &[&str], word: &str| {
        let error = spec(flags).unwrap_err();
        assert!(error.message().contains(word), "{flags:?}: {error}");
    };
    refused(&["--cell=a", "--cell=a"], "twice");
    refused(&["--cell=a/b"], "a/b");
    refused(&["--cell=global"], "global");
    refused(&["--durability-policy=some"], "some");
    let many: Vec<String> = (0..9).map(|n| format!("--cell=c{n}")).collect();
    refused(&many.iter().map(String::as_str).collect::<Vec<_>>(), "at most 8");
}

#[test]
fn a_cell_may_be_in_a_place_of_its_own() {
    let flags =
        ["--cell=a", "--cell=b", "--host=10.0.0.1", "--cell-host=b=10.0.0.2", "--cell-launcher=b=in b"];
    let spec = ClusterSpec::from_options(&up(&flags), None).unwrap();
    assert_eq!((spec.place_of("a").host.as_str(), spec.place_of("a").launcher.len()), ("10.0.0.1", 0));
    assert_eq!(spec.place_of("b").host, "10.0.0.2");
    assert_eq!(spec.place_of("b").launcher, ["in", "b"]);
    // The record brings it back.
    assert_eq!(ClusterSpec::from_options(&up(&[]), Some(&spec)).unwrap(), spec);
}

#[test]
fn bad_places_are_refused_by_name() {
    for (flags, word) in [
        (&["--host=here"][..], "--host: \"here\""),
        (&["--host=0.0.0.0"], "0.0.0.0"),
        (&["--cell-host=zone1=::1"], "--cell-host zone1"),
        (&["--cell-host=other=10.0.0.2"], "no such cell, but zone1"),
        (&["--cell-launcher=zone1=in b"], "--cell-host zone1=ADDRESS"),
    ] {
        let error = ClusterSpec::from_options(&up(flags), None).unwrap_err();
        assert!(error.to_string().contains(word), "{flags:?}: {error}");
    }
}
