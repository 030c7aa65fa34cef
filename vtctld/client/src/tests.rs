use clap::CommandFactory;

use super::*;

/// Runs a command line on a topology in memory, which is empty each time.
async fn run(args: &[&str]) -> Result<String> {
    let mut all = vec!["--server", "internal", "--topo-implementation", "memory"];
    all.extend(args);
    run_args(all).await
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[tokio::test]
async fn flags_stand_on_either_side_and_commands_may_be_in_lower_case() {
    assert_eq!(run(&["GetKeyspaces"]).await.unwrap(), "[]\n");
    assert_eq!(
        run_args(["getkeyspaces", "--server=internal", "--topo_implementation=memory"]).await.unwrap(),
        "[]\n"
    );
    assert_eq!(run(&["GetTablets", "--format", "JSON"]).await.unwrap(), "[]\n");
    assert_eq!(run(&["GetCellInfoNames"]).await.unwrap(), "");
}

#[tokio::test]
async fn faults_are_told_together() {
    let e = run(&["PlannedReparentShard", "--new-primary", "x", "--nonsense", "ks/0"]).await.unwrap_err();
    for word in ["invalid tablet alias \"x\"", "--nonsense"] {
        assert!(e.message().contains(word), "{word}: {e}");
    }
    let e = run(&["GetShard", "ks"]).await.unwrap_err();
    assert!(e.message().contains("expected <keyspace>/<shard>"), "{e}");
    let e = run_args(["GetKeyspaces"]).await.unwrap_err();
    assert!(e.message().contains("--server"), "{e}");
}

#[tokio::test]
async fn commands_of_former_days_name_todays() {
    for (former, now) in [("InitShardMaster", "InitShardPrimary"), ("ListAllTablets", "GetTablets")] {
        let e = run(&[former, "ks/0"]).await.unwrap_err();
        assert!(e.message().contains(now), "{e}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let e = run_args(["--server", &format!("127.0.0.1:{port}"), "GetKeyspaces"]).await.unwrap_err();
    assert!(e.message().contains(&format!("vtctld at 127.0.0.1:{port}")), "{e}");
}

#[tokio::test]
async fn a_dry_run_needs_the_operations_in_this_process() {
    let e =
        run_args(["--server", "127.0.0.1:1", "PlannedReparentShard", "--dry-run", "ks/0"]).await.unwrap_err();
    assert!(e.message().contains("--server internal"), "{e}");
    let e = run(&["PlannedReparentShard", "--dry-run", "ks/0"]).await.unwrap_err();
    assert!(e.message().contains("node doesn't exist"), "{e}");
}

mod printing {
    use proto::{
        query::{Field, QueryResult, Row, Type},
        topodata::{Tablet, TabletType},
    };

    use crate::{print, table};

    fn result() -> QueryResult {
        let field = |name: &str, t: Type| Field { name: name.into(), r#type: t as i32, ..Default::default() };
        QueryResult {
            fields: vec![field("id", Type::Int64), field("name", Type::Varchar)],
            rows: vec![
                Row { lengths: vec![1, 3], values: b"1abc".as_slice().into() },
                Row { lengths: vec![2, -1], values: b"12".as_slice().into() },
            ],
            ..Default::default()
        }
    }

    #[test]
    fn results_are_tables() {
        let text = "+----+------+\n\
                    | id | name |\n\
                    +----+------+\n\
                    |  1 | abc  |\n\
                    | 12 | NULL |\n\
                    +----+------+\n";
        assert_eq!(table::table(&result()).unwrap(), text);
        assert_eq!(table::table(&QueryResult::default()).unwrap(), "");
    }

    #[test]
    fn or_json_with_numbers_text_and_null() {
        let json: serde_json::Value = serde_json::from_str(&table::json(&result()).unwrap()).unwrap();
        assert_eq!(json["rows"], serde_json::json!([[1, "abc"], [12, null]]));
        assert_eq!(json["fields"][1]["name"], "name");
    }

    #[test]
    fn a_row_that_lies_about_its_length_is_an_error() {
        let mut broken = result();
        broken.rows[0].lengths = vec![1, 30];
        assert!(table::table(&broken).is_err());
    }

    #[test]
    fn tablets_are_lines_for_awk() {
        let mut tablet = Tablet {
            alias: Some(proto::topodata::TabletAlias { cell: "zone1".into(), uid: 100 }),
            hostname: "host".into(),
            port_map: [("vt".to_owned(), 15100), ("grpc".to_owned(), 16100)].into(),
            keyspace: "ks".into(),
            shard: "-80".into(),
            r#type: TabletType::Primary as i32,
            mysql_hostname: "host".into(),
            mysql_port: 17100,
            tags: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
            ..Default::default()
        };
        let line = "zone1-0000000100 ks -80 primary host:15100 host:17100 [a: \"1\" b: \"2\"]";
        assert_eq!(print::tablet_line(&tablet), format!("{line} <null>"));
        tablet.primary_term_start_time = Some(proto::vttime::Time { seconds: 1_700_000_000, nanoseconds: 7 });
        assert_eq!(print::tablet_line(&tablet), format!("{line} 2023-11-14T22:13:20Z"));
    }
}
