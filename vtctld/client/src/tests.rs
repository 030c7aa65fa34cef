use std::sync::Arc;

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
    // A shard's name may begin with a hyphen.
    assert_eq!(run(&["GetTablets", "--keyspace", "ks", "--shard", "-80"]).await.unwrap(), "");
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
async fn a_server_that_is_not_there_is_named_with_its_flag() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let e = run_args(["--server", &format!("127.0.0.1:{port}"), "GetKeyspaces"]).await.unwrap_err();
    for part in [&format!("vtctld at 127.0.0.1:{port}"), "--server is 127.0.0.1", "--grpc-port"] {
        assert!(e.message().contains(part), "{e}");
    }
    let address = format!("127.0.0.1:{port}");
    let flags =
        ["--server=internal", "--remote-operation-timeout=2s", "--topo-global-server-address", &address];
    let e = run_args(flags.into_iter().chain(["GetKeyspaces"])).await.unwrap_err();
    assert!(e.message().contains(&format!("--topo-global-server-address is {address}")), "{e}");
}

#[tokio::test]
async fn an_unknown_command_gives_the_nearest() {
    let e = run(&["GetTablts"]).await.unwrap_err();
    assert!(
        e.message().contains("there is no command \"GetTablts\"; did you mean GetTablets, or GetTablet?"),
        "{e}"
    );
    let e = run(&["xyzzy"]).await.unwrap_err();
    assert!(e.message().contains("no command \"xyzzy\"\n"), "{e}");
}

/// The texts that scripts look for stay; what is there instead comes behind them.
#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let e = run(&["GetKeyspace", "none"]).await.unwrap_err();
    assert!(e.message().starts_with("keyspace none: node doesn't exist"), "{e}");
    assert!(e.message().ends_with("\nthere is no keyspace none; there is none yet"), "{e}");
    let e = run(&["GetTablet", "zone1-1"]).await.unwrap_err();
    assert!(e.message().ends_with("\nthere is no cell zone1; there is none yet"), "{e}");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let text = run(&["CreateKeyspace", "--dry-run", "ks"]).await.unwrap();
    assert_eq!(
        text,
        "--- DRY RUN ---\n\
         + keyspace ks: NORMAL, durability_policy none, sidecar_db_name _vt\n\
         + VSchema of ks: empty\n"
    );
    let text = run(&["AddCellInfo", "--dry-run", "--root", "/a", "a"]).await.unwrap();
    assert_eq!(text, "--- DRY RUN ---\n+ cell a: server_address \"\", root \"/a\"\n");
}

/// Each command that changes records is among those with a dry run.
#[test]
fn changes_have_a_dry_run() {
    let command = Cli::command();
    let help = command.get_after_help().unwrap().to_string();
    let listed = help.split("--dry-run").last().unwrap();
    for name in ops::dry_run::Change::NAMES {
        assert!(listed.split_whitespace().any(|word| word == *name), "{name}: {help}");
    }
}

#[tokio::test]
async fn lists_have_tables() {
    assert_eq!(
        run(&["GetCellInfoNames", "--format", "table"]).await.unwrap(),
        "+------+\n| cell |\n+------+\n"
    );
    assert_eq!(run(&["GetCellInfoNames", "--format", "json"]).await.unwrap(), "[]\n");
    assert!(run(&["GetTablets", "--format", "table"]).await.unwrap().contains("| tablet |"));
    assert_eq!(
        run(&["GetKeyspaces", "--format", "json"]).await.unwrap(),
        run(&["GetKeyspaces"]).await.unwrap()
    );
}

/// A server is not needed, nor asked for.
#[tokio::test]
async fn scripts_complete_commands_and_flags() {
    for (shell, parts) in [
        ("bash", ["_vtctlclient()", "PlannedReparentShard", "--new-primary"]),
        ("zsh", ["#compdef vtctlclient", "PlannedReparentShard", "--new-primary"]),
        ("fish", ["complete -c vtctlclient", "PlannedReparentShard", "-l new-primary"]),
    ] {
        let script = run_args(["completion", shell, "--program", "vtctlclient"]).await.unwrap();
        for part in parts {
            assert!(script.contains(part), "{shell}: {part}");
        }
    }
    assert!(run_args(["completion", "cmd"]).await.is_err());
}

#[test]
fn what_a_command_line_names_is_known() {
    let subject = |args: &[&str]| {
        let all = ["vtctldclient"].iter().chain(args);
        Subject::of(&Cli::command().try_get_matches_from(all).unwrap())
    };
    let moved = subject(&["PlannedReparentShard", "ks/-80", "--new-primary", "zone1-7"]);
    assert_eq!(
        (moved.command.as_str(), moved.target().as_str()),
        ("PlannedReparentShard", "ks/-80, zone1-0000000007")
    );
    let tablets = subject(&["GetTablets", "--keyspace", "ks", "--shard", "0", "--cell", "a,b"]);
    assert_eq!((tablets.keyspaces, tablets.shards.len()), (vec!["ks".to_owned()], 1));
    assert_eq!(tablets.cells, ["a", "b"]);
    assert_eq!(subject(&["GetKeyspaces"]).target(), "");
}

#[tokio::test]
async fn a_vtctld_that_cannot_tell_a_reparents_steps_is_not_asked_to_reparent() {
    let e = run(&["PlannedReparentShard", "--dry-run", "ks/0"]).await.unwrap_err();
    assert!(e.message().contains("node doesn't exist"), "{e}");

    // A server with gRPC's own services alone, as Vitess's is to the question.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let routes = rpc::routes().await.unwrap();
    tokio::spawn(rpc::serve(listener, routes, Arc::from([]), std::future::pending()));
    for command in ["PlannedReparentShard", "EmergencyReparentShard"] {
        let e = run_args(["--server", &server, command, "--dry-run", "ks/0"]).await.unwrap_err();
        assert!(e.message().contains("does not tell the steps of a reparent; use --server internal"), "{e}");
        let e = run_args(["--server", "127.0.0.1:1", command, "--dry-run", "ks/0"]).await.unwrap_err();
        assert!(e.message().contains("vtctld at 127.0.0.1:1"), "{e}");
    }
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
