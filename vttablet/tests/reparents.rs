//! The manager over gRPC: initialising, demoting, promoting, restarting; two real mysqlds.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{sync::Arc, time::Duration};

use harness::*;
use proto::{query::*, tabletmanagerdata as tm, topodata::TabletType};
use tabletclient::{QueryService, TabletManagerClient};
use vterrors::Code;
use vtmodel::TabletAlias;

/// A primary (100) and a replica (101) that follows it.
struct Shard {
    topo: topo::Server,
    a: Running,
    b: Running,
}

/// Marks a reparent in the journal.
const CREATED_NS: i64 = 1_795_000_000_000_000_001;

impl Shard {
    async fn start() -> Self {
        let (one, two) = tokio::join!(Server::start(100), Server::start(101));
        Self::on(one, two).await
    }

    async fn on(one: Server, two: Server) -> Self {
        let topo = memory_topo().await;
        let a = start_tablet(&topo, &Arc::new(one), &[]).await;
        let b = start_tablet(&topo, &Arc::new(two), &[]).await;
        assert_eq!(b.record().r#type(), TabletType::Replica);
        a.init_primary().await;
        let shard = Self { topo, a, b };
        shard.follow(&shard.b, &shard.a, CREATED_NS, true).await;
        shard.wait_primary(&shard.a).await;
        shard
    }

    /// Points `replica` at `primary`, which writes the journal meanwhile.
    async fn follow(&self, replica: &Running, primary: &Running, created_ns: i64, start: bool) {
        let source = tm::SetReplicationSourceRequest {
            parent: primary.record().alias,
            time_created_ns: created_ns,
            force_start_replication: start,
            ..Default::default()
        };
        let journal = tm::PopulateReparentJournalRequest {
            time_created_ns: created_ns,
            action_name: "test".into(),
            primary_alias: primary.record().alias,
            ..Default::default()
        };
        let (replica_record, primary_record) = (replica.record(), primary.record());
        let (followed, written) = tokio::join!(
            replica.manager.set_replication_source(&replica_record, source),
            primary.manager.populate_reparent_journal(&primary_record, journal)
        );
        followed.unwrap();
        written.unwrap();
    }

    /// The shard's record names it, and it says so itself.
    async fn wait_primary(&self, primary: &Running) {
        let alias = primary.tablet.config.alias.clone();
        eventually("the shard's record names the primary", async || {
            match self.topo.get_shard("ks", "0").await.unwrap().primary() {
                Some(found) if found == alias => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(self.topo.get_tablet(&alias).await.unwrap().r#type(), TabletType::Primary);
    }
}

async fn replica_rows(t: &Running, sql: &str) -> Result<Vec<String>, String> {
    let request = ExecuteRequest { target: replica_target(), query: bound(sql), ..Default::default() };
    let answer = t.query.execute(request).await.map_err(|e| e.to_string())?;
    Ok(rows(&answer.result.unwrap_or_default()))
}

async fn wait_for_rows(t: &Running, sql: &str, expected: &[&str]) {
    eventually("the replica has the rows", async || match replica_rows(t, sql).await {
        Ok(rows) if rows == expected => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[test]
fn demote_promote_and_back() {
    RUNTIME.block_on(async {
        let shard = Shard::start().await;
        let Shard { a, b, topo } = &shard;
        a.run("create table t (id int primary key)").await.unwrap();
        a.run("insert into t values (1)").await.unwrap();
        wait_for_rows(b, "select id from t", &["1"]).await;
        // A replica does not write.
        let request = ExecuteRequest {
            target: replica_target(),
            query: bound("insert into t values (9)"),
            ..Default::default()
        };
        let e = b.query.execute(request).await.unwrap_err();
        assert_eq!((e.code(), e.errno()), (Code::ClusterEvent, 1290));

        // What the control plane sees.
        let status =
            b.manager.replication_status(&b.record(), Default::default()).await.unwrap().status.unwrap();
        assert_eq!((status.io_state, status.sql_state), (3, 3));
        let e = a.manager.replication_status(&a.record(), Default::default()).await.unwrap_err();
        assert!(e.message().contains("no replication status"), "{e}");
        let full = a.manager.full_status(&a.record(), Default::default()).await.unwrap().status.unwrap();
        assert!(!full.super_read_only && full.log_bin_enabled && full.gtid_mode == "ON", "{full:?}");
        assert_eq!(full.tablet_type(), TabletType::Primary);
        let full = b.manager.full_status(&b.record(), Default::default()).await.unwrap().status.unwrap();
        assert!(full.super_read_only && full.replication_status.is_some() && !full.disk_stalled);
        let heartbeat = full.replication_configuration.unwrap_or_default().heartbeat_interval;
        assert_eq!(heartbeat, 30.0, "half of the replica_net_timeout");

        // Demote: an open transaction has its grace, then all is refused with the text vtgate knows.
        let target = primary_target();
        let begun =
            a.query.begin(BeginRequest { target: target.clone(), ..Default::default() }).await.unwrap();
        a.run_in(begun.transaction_id, "insert into t values (2)").await.unwrap();
        let record = a.record();
        let (demoted, committed) =
            tokio::join!(a.manager.demote_primary(&record, Default::default()), async {
                eventually("it shuts down", async || match a.run("select 1").await {
                    Err(e) if e.message() == "operation not allowed in state SHUTTING_DOWN" => Ok(()),
                    other => Err(format!("{other:?}")),
                })
                .await;
                a.query
                    .commit(CommitRequest {
                        target,
                        transaction_id: begun.transaction_id,
                        ..Default::default()
                    })
                    .await
            });
        committed.unwrap();
        let position = demoted.unwrap().primary_status.unwrap().position;
        let e = a.run("select 1").await.unwrap_err();
        assert_eq!(
            (e.code(), e.message()),
            (Code::ClusterEvent, "operation not allowed in state NOT_SERVING")
        );

        // Undone.
        a.manager.undo_demote_primary(&a.record(), Default::default()).await.unwrap();
        a.run("insert into t values (3)").await.unwrap();
        let position_before = position;
        let position = a
            .manager
            .demote_primary(&a.record(), Default::default())
            .await
            .unwrap()
            .primary_status
            .unwrap()
            .position;
        assert_ne!(position, position_before);

        // Promote the other.
        b.manager.wait_for_position(&b.record(), tm::WaitForPositionRequest { position }).await.unwrap();
        b.manager.promote_replica(&b.record(), Default::default()).await.unwrap();
        shard.follow(a, b, CREATED_NS + 1, true).await;
        shard.wait_primary(b).await;
        b.run("insert into t values (4)").await.unwrap();
        wait_for_rows(a, "select id from t order by id", &["1", "2", "3", "4"]).await;
        assert_eq!(topo.get_tablet(&a.tablet.config.alias).await.unwrap().r#type(), TabletType::Replica);
        assert_eq!(a.record().primary_term_start_time, None);
        let length =
            b.manager.read_reparent_journal_info(&b.record(), Default::default()).await.unwrap().length;
        assert_eq!(length, 2);
    });
}

#[test]
fn an_alias_is_not_taken_from_a_tablet_that_runs() {
    RUNTIME.block_on(async {
        let (one, two) = tokio::join!(Server::start(100), Server::start(100));
        let topo = memory_topo().await;
        let a = start_tablet(&topo, &Arc::new(one), &[]).await;
        a.init_primary().await;
        let two = Arc::new(two);
        let Err(e) = try_start_tablet(&topo, &two, &[]).await else { panic!("it started") };
        assert!(e.message().contains("is its uid used twice?"), "{e}");
        assert_eq!(
            topo.get_tablet(&a.tablet.config.alias).await.unwrap().value.port_map,
            a.record().port_map
        );
        a.run("create table still_there (id int)").await.unwrap();
    });
}

#[test]
fn restarts() {
    RUNTIME.block_on(async {
        let Shard { topo, a, b } = Shard::start().await;
        a.run("create table t (id int primary key)").await.unwrap();
        let term = a.record().primary_term_start_time;
        // The primary's agent: back as the primary, with its term.
        let server = Arc::clone(&a.server);
        a.tablet.stop_serving("restart").await.unwrap();
        drop(a);
        let a = start_tablet(&topo, &server, &[]).await;
        assert_eq!(a.record().r#type(), TabletType::Primary);
        assert_eq!(a.record().primary_term_start_time, term);
        a.run("insert into t values (1)").await.unwrap();
        // The primary's mysqld: it starts read-only and is made writable again.
        a.server.kill();
        eventually("queries are refused", async || match a.run("select 1").await {
            Err(e) if e.code() == Code::ClusterEvent => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        eventually("the tablet sees it", async || match &a.context.metrics.to_json()["TabletStateName"] {
            state if state == "NOT_SERVING" => Ok(()),
            state => Err(state.to_string()),
        })
        .await;
        a.server.mysqld.start(&[], LIMIT).await.unwrap();
        eventually("the primary is writable again", async || {
            a.run("insert into t values (2)").await.map_err(|e| e.to_string())
        })
        .await;
        // The replica's agent, with replication stopped and forgotten: it follows the shard's primary again.
        let server = Arc::clone(&b.server);
        b.manager.reset_replication_parameters(&b.record(), Default::default()).await.unwrap();
        eventually("a replica that does not replicate does not serve", async || {
            match replica_rows(&b, "select 1").await {
                Err(e) if e.contains("NOT_SERVING") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        drop(b);
        let b = start_tablet(&topo, &server, &[]).await;
        wait_for_rows(&b, "select id from t order by id", &["1", "2"]).await;
    });
}

#[test]
fn a_primary_that_reads_of_a_newer_one_steps_down() {
    RUNTIME.block_on(async {
        let Shard { topo, a, b } = Shard::start().await;
        a.run("create table t (id int primary key)").await.unwrap();
        let lock = topo.lock_shard("ks", "0", "as a reparent has it").await.unwrap();
        // The replica is promoted while the primary knows of nothing, as after a network fault.
        b.manager.stop_replication(&b.record(), Default::default()).await.unwrap();
        let e = b.manager.promote_replica(&b.record(), Default::default()).await.unwrap_err();
        assert!(e.message().contains("is the shard's primary and accepts writes"), "{e}");
        b.manager.reset_replication_parameters(&b.record(), Default::default()).await.unwrap();
        b.manager.replica_was_promoted(&b.record(), Default::default()).await.unwrap();
        eventually("the old primary steps down", async || {
            let record = topo.get_tablet(&a.tablet.config.alias).await.unwrap();
            let read_only = a.dba("select @@super_read_only").await;
            if record.r#type() == TabletType::Replica && read_only == ["1"] {
                Ok(())
            } else {
                Err(format!("{:?}", record.r#type()))
            }
        })
        .await;
        let primary: Option<TabletAlias> = topo.get_shard("ks", "0").await.unwrap().primary();
        assert_eq!(primary.as_ref(), Some(&b.tablet.config.alias));
        b.run("insert into t values (5)").await.unwrap();
        // Whom it follows is the reparent's to say, as long as that is at work.
        let e = a.tablet.repair_replication().await.unwrap_err();
        assert!(e.message().contains("ks/0 is locked"), "{e}");
        assert!(a.tablet.dba.replica_status().await.unwrap().is_none());
        lock.unlock().await.unwrap();
        wait_for_rows(&a, "select id from t", &["5"]).await;
        let e = a.run("select 1").await.unwrap_err();
        assert!(e.message().contains("wrong tablet type"), "{e}");
    });
}

#[test]
fn a_demotion_behind_commits_that_nobody_acknowledges() {
    RUNTIME.block_on(async {
        let Shard { a, b, .. } = Shard::start().await;
        a.run("create table t (id int primary key)").await.unwrap();
        let position = a.manager.primary_position(&a.record(), Default::default()).await.unwrap().position;
        b.manager.wait_for_position(&b.record(), tm::WaitForPositionRequest { position }).await.unwrap();
        // With acknowledgements: both halves are switched by the calls.
        let on = tm::SetReplicationSourceRequest {
            parent: a.record().alias,
            semi_sync: true,
            ..Default::default()
        };
        b.manager.set_replication_source(&b.record(), on).await.unwrap();
        a.manager
            .undo_demote_primary(&a.record(), tm::UndoDemotePrimaryRequest { semi_sync: true })
            .await
            .unwrap();
        eventually("the replica acknowledges", async || {
            let status = a.tablet.dba.semi_sync().await.unwrap();
            if status.clients == 1 { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
        a.run("insert into t values (1)").await.unwrap();
        // The replica goes away: a commit waits.
        b.manager.stop_replication(&b.record(), Default::default()).await.unwrap();
        let query = a.query.clone();
        let waiting = tokio::spawn(async move {
            let request = ExecuteRequest {
                target: primary_target(),
                query: bound("insert into t values (2)"),
                ..Default::default()
            };
            query.execute(request).await
        });
        eventually("the commit waits", async || {
            let status = a.tablet.dba.semi_sync().await.unwrap();
            if status.waiting_sessions > 0 { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
        let e = a.manager.demote_primary(&a.record(), Default::default()).await.unwrap_err();
        assert!(e.message().contains("wait for a replica's acknowledgement"), "{e}");
        // Nothing was changed: it is still writable, and semi-sync is on.
        assert_eq!(a.dba("select @@super_read_only").await, ["0"]);
        assert!(a.tablet.dba.semi_sync().await.unwrap().source_enabled);
        // By force.
        let force = tm::DemotePrimaryRequest { force: true };
        tokio::time::timeout(Duration::from_secs(40), a.manager.demote_primary(&a.record(), force))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(a.dba("select @@super_read_only").await, ["1"]);
        // Whatever its end, the caller of the commit gets an answer.
        let _answered = tokio::time::timeout(LIMIT, waiting).await.unwrap().unwrap();
    });
}

#[test]
fn administration() {
    RUNTIME.block_on(async {
        let Shard { a, b, topo } = Shard::start().await;
        let (m, record) = (&a.manager, a.record());
        let fetch = |sql: &str| tm::ExecuteFetchAsDbaRequest {
            query: sql.as_bytes().to_vec(),
            db_name: "vt_ks".into(),
            max_rows: 10,
            reload_schema: true,
            ..Default::default()
        };
        m.execute_fetch_as_dba(&record, fetch("create table adm (id int primary key, v varchar(5))"))
            .await
            .unwrap();
        m.execute_fetch_as_dba(&record, fetch("create view adm_view as select id from adm")).await.unwrap();
        let schema = tm::GetSchemaRequest { include_views: true, ..Default::default() };
        let schema = m.get_schema(&record, schema).await.unwrap().schema_definition.unwrap();
        let names: Vec<_> =
            schema.table_definitions.iter().map(|t| (t.name.as_str(), t.r#type.as_str())).collect();
        assert_eq!(names, [("adm", "BASE TABLE"), ("adm_view", "VIEW")]);
        let table = &schema.table_definitions[0];
        assert_eq!(
            (table.columns.as_slice(), table.primary_key_columns.as_slice()),
            (&["id".to_owned(), "v".to_owned()][..], &["id".to_owned()][..])
        );
        assert!(schema.table_definitions[1].schema.contains("{{.DatabaseName}}"));
        let e = m.execute_fetch_as_dba(&record, fetch("select * from nosuch")).await.unwrap_err();
        assert_eq!(e.errno(), 1146);
        let app = tm::ExecuteFetchAsAppRequest { query: b"select 1".to_vec(), max_rows: 1 };
        assert_eq!(rows(&m.execute_fetch_as_app(&record, app).await.unwrap().result.unwrap()), ["1"]);
        let multi = tm::ExecuteMultiFetchAsDbaRequest {
            sql: b"insert into adm values (1, 'a;b'); select count(*) from adm".to_vec(),
            db_name: "vt_ks".into(),
            max_rows: 10,
            ..Default::default()
        };
        let results = m.execute_multi_fetch_as_dba(&record, multi).await.unwrap().results;
        assert_eq!((results.len(), rows(&results[1])), (2, vec!["1".to_owned()]));
        let apply = tm::ApplySchemaRequest {
            sql: "alter table adm add column w int".into(),
            allow_replication: true,
            ..Default::default()
        };
        let applied = m.apply_schema(&record, apply).await.unwrap();
        let columns = |s: Option<tm::SchemaDefinition>| s.unwrap().table_definitions[0].columns.len();
        assert_eq!((columns(applied.before_schema), columns(applied.after_schema)), (2, 3));
        let permissions = m.get_permissions(&record, Default::default()).await.unwrap().permissions.unwrap();
        assert!(permissions.user_permissions.iter().any(|u| u.user == "vt_app"));

        // Locks.
        m.lock_tables(&record, Default::default()).await.unwrap();
        assert!(m.lock_tables(&record, Default::default()).await.is_err());
        m.unlock_tables(&record, Default::default()).await.unwrap();
        assert!(m.unlock_tables(&record, Default::default()).await.is_err());

        // Types.
        let change = |t: TabletType| tm::ChangeTypeRequest { tablet_type: t as i32, ..Default::default() };
        let e = m.change_type(&record, change(TabletType::Replica)).await.unwrap_err();
        assert!(e.message().contains("PlannedReparentShard"), "{e}");
        b.manager.change_type(&b.record(), change(TabletType::Drained)).await.unwrap();
        eventually("the record says so", async || {
            let t = topo.get_tablet(&b.tablet.config.alias).await.unwrap().r#type();
            if t == TabletType::Drained { Ok(()) } else { Err(format!("{t:?}")) }
        })
        .await;
        assert!(replica_rows(&b, "select 1").await.unwrap_err().contains("wrong tablet type"));
        b.manager.change_type(&b.record(), change(TabletType::Replica)).await.unwrap();
        replica_rows(&b, "select 1").await.unwrap();

        // Sidecar and serving graph.
        let tables = a.dba("select count(*) from information_schema.tables where table_schema = '_vt'").await;
        assert_eq!(tables, ["20"]);
        eventually("the serving graph is built", async || {
            topo.get_srv_keyspace("zone1", "ks").await.map_err(|e| e.to_string())?;
            let srv = topo.get_srv_vschema("zone1").await.map_err(|e| e.to_string())?;
            if srv.value.keyspaces.contains_key("ks") { Ok(()) } else { Err("no keyspace".into()) }
        })
        .await;

        // Going down: the record says so.
        b.tablet.stop_serving("test").await.unwrap();
        b.tablet.unpublish().await.unwrap();
        let gone = topo.get_tablet(&b.tablet.config.alias).await.unwrap();
        assert!(gone.hostname.is_empty() && gone.port_map.is_empty() && gone.tablet_shutdown_time.is_some());
    });
}

#[test]
fn mariadb() {
    RUNTIME.block_on(async {
        let (Some(one), Some(two)) = tokio::join!(Server::start_mariadb(100), Server::start_mariadb(101))
        else {
            eprintln!("not run: there is no MariaDB server on this machine");
            return;
        };
        let shard = Shard::on(one, two).await;
        let Shard { a, b, .. } = &shard;
        a.run("create table t (id int primary key)").await.unwrap();
        let begun =
            a.query.begin(BeginRequest { target: primary_target(), ..Default::default() }).await.unwrap();
        a.run_in(begun.transaction_id, "insert into t values (1)").await.unwrap();
        let commit = CommitRequest {
            target: primary_target(),
            transaction_id: begun.transaction_id,
            ..Default::default()
        };
        a.query.commit(commit).await.unwrap();
        wait_for_rows(b, "select id from t", &["1"]).await;
        let request = ExecuteRequest {
            target: replica_target(),
            query: bound("insert into t values (9)"),
            ..Default::default()
        };
        let e = b.query.execute(request).await.unwrap_err();
        assert_eq!((e.code(), e.errno()), (Code::ClusterEvent, 1290));
        let full = b.manager.full_status(&b.record(), Default::default()).await.unwrap().status.unwrap();
        assert!(full.read_only && full.version.contains("MariaDB"), "{full:?}");

        let demoted = a.manager.demote_primary(&a.record(), Default::default()).await.unwrap();
        let position = demoted.primary_status.unwrap().position;
        assert!(position.starts_with("MariaDB/"), "{position}");
        b.manager.wait_for_position(&b.record(), tm::WaitForPositionRequest { position }).await.unwrap();
        b.manager.promote_replica(&b.record(), Default::default()).await.unwrap();
        shard.follow(a, b, CREATED_NS + 1, true).await;
        shard.wait_primary(b).await;
        b.run("insert into t values (2)").await.unwrap();
        wait_for_rows(a, "select id from t order by id", &["1", "2"]).await;
    });
}
