//! Reading the schema: a look costs what changed, and sees whatever changed.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{sync::Arc, time::Duration};

use harness::*;
use proto::tabletmanagerdata as tm;
use tabletclient::TabletManagerClient;
use vterrors::Condition;
use vttablet::query::schema::{Changes, Schema};

/// A primary with a mysqld of its own: the tests here count what that one is asked.
async fn primary() -> Running {
    let server = Arc::new(Server::start(100).await);
    let running = start_tablet(&memory_topo().await, &server, &[]).await;
    running.init_primary().await;
    running
}

fn schema(t: &Running, limit: Duration) -> Schema {
    Schema::new(&t.tablet.config.db_name, t.tablet.dba.pool.clone(), limit)
}

async fn look(schema: &Schema) -> Changes {
    schema.reload().await.unwrap_or_else(|e| panic!("{e}"))
}

/// How many CREATE statements mysqld was asked for.
async fn asked(t: &Running) -> u64 {
    let row = t.dba("show global status like 'Com_show_create_table'").await;
    row[0].split('|').nth(1).unwrap().parse().unwrap()
}

/// Waits until the server's clock has left the second it is in: what changed in it may change again.
async fn next_second(t: &Running) {
    let now = t.dba("select unix_timestamp()").await;
    eventually("the next second", async || match t.dba("select unix_timestamp()").await {
        later if later != now => Ok(()),
        _ => Err(String::new()),
    })
    .await;
}

#[test]
fn a_look_costs_what_changed() {
    RUNTIME.block_on(async {
        let t = primary().await;
        for i in 0..20 {
            t.dba(&format!("create table vt_ks.t{i} (id int primary key auto_increment, a int)")).await;
        }
        t.dba("create view vt_ks.v as select id from vt_ks.t0").await;
        next_second(&t).await;
        let schema = schema(&t, LIMIT);
        let all = look(&schema).await;
        assert_eq!((all.tables.len(), all.views.len()), (20, 1));

        // Nothing changed: the view alone is read.
        t.dba("insert into vt_ks.t1 (a) values (1), (2)").await;
        let before = asked(&t).await;
        assert_eq!(look(&schema).await, Changes::default());
        assert_eq!(asked(&t).await - before, 1);

        // One did; and one that changed with its text staying as it was is no change.
        t.dba("alter table vt_ks.t1 add index (a)").await;
        t.dba("alter table vt_ks.t2 force").await;
        let before = asked(&t).await;
        assert_eq!(look(&schema).await.tables, ["t1"]);
        assert_eq!(asked(&t).await - before, 3);
        assert!(schema.definitions()["t1"].create.contains("KEY `a`"));

        // Changes within one second, with a look between them.
        for i in 0..6 {
            t.dba(&format!("alter table vt_ks.t3 comment 'number {i}'")).await;
            assert_eq!(look(&schema).await.tables, ["t3"]);
        }
        t.dba("drop table vt_ks.t4").await;
        t.dba("create or replace view vt_ks.v as select a from vt_ks.t0").await;
        assert_eq!(look(&schema).await, Changes { tables: vec!["t4".into()], views: vec!["v".into()] });
    });
}

#[test]
fn tables_of_the_same_age_that_swap_their_names_are_seen() {
    RUNTIME.block_on(async {
        let t = primary().await;
        let age = "set timestamp = 1700000000";
        let script = format!(
            "{age}; create table vt_ks.a (id int primary key); create table vt_ks.b (id bigint primary key)"
        );
        let request = tm::ExecuteMultiFetchAsDbaRequest { sql: script.into(), ..Default::default() };
        t.manager.execute_multi_fetch_as_dba(&t.record(), request).await.unwrap();
        let schema = schema(&t, LIMIT);
        look(&schema).await;
        t.dba("rename table vt_ks.a to vt_ks.c, vt_ks.b to vt_ks.a, vt_ks.c to vt_ks.b").await;
        assert_eq!(look(&schema).await.tables, ["a", "b"]);
        assert!(schema.definitions()["a"].create.contains("bigint"));
    });
}

#[test]
fn a_look_that_was_cut_off_is_gone_on_with() {
    RUNTIME.block_on(async {
        const TABLES: u64 = 100;
        let t = primary().await;
        for i in 0..TABLES {
            t.dba(&format!("create table vt_ks.t{i} (id int primary key)")).await;
        }
        next_second(&t).await;
        let (schema, before) = (schema(&t, LIMIT), asked(&t).await);
        let cut_off = tokio::spawn({
            let schema = schema.clone();
            async move { schema.reload().await }
        });
        eventually("a part of the look", async || match asked(&t).await - before {
            n if n >= 10 => Ok(()),
            n => Err(n.to_string()),
        })
        .await;
        // As the limit does: the future is dropped where it is.
        cut_off.abort();
        let _cut_off_or_done = cut_off.await;
        look(&schema).await;
        assert_eq!(schema.definitions().len() as u64, TABLES);
        // The statement that was cut off, and perhaps one that was not counted yet.
        let asked = asked(&t).await - before;
        assert!(asked <= TABLES + 2, "{asked} statements for {TABLES} tables");

        // And the limit is there.
        let e = self::schema(&t, Duration::from_micros(1)).reload().await.unwrap_err();
        assert_eq!(e.condition(), Condition::Timeout);
        assert!(e.message().contains("the next look goes on from there"), "{e}");
    });
}

#[test]
fn get_schema_answers_all_that_is_asked_for() {
    RUNTIME.block_on(async {
        let t = primary().await;
        t.dba("create table vt_ks.t (id int, name varchar(20), primary key (id, name))").await;
        t.dba("create view vt_ks.v as select name from vt_ks.t").await;
        let ask = async |request: tm::GetSchemaRequest| {
            let answer = t.manager.get_schema(&t.record(), request).await.unwrap();
            answer.schema_definition.unwrap().table_definitions
        };
        let views = tm::GetSchemaRequest { include_views: true, ..Default::default() };
        for _ in 0..2 {
            let all = ask(views.clone()).await;
            assert_eq!(all.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["t", "v"]);
            assert_eq!(
                (&all[0].columns[..], &all[1].columns[..]),
                (&["id".into(), "name".into()][..], &["name".into()][..])
            );
            assert_eq!(all[0].primary_key_columns, ["id", "name"]);
            assert!(all[1].schema.contains("{{.DatabaseName}}"), "{}", all[1].schema);
        }
        // At once after a change that nobody told the tablet of, a view's columns with it.
        t.dba("alter table vt_ks.t add column more int").await;
        t.dba("create or replace view vt_ks.v as select * from vt_ks.t").await;
        let all = ask(views).await;
        assert_eq!((all[0].columns.len(), all[1].columns.len()), (3, 3));
        assert!(all[0].schema.contains("`more` int"), "{}", all[0].schema);
        let only =
            tm::GetSchemaRequest { table_schema_only: true, tables: vec!["t".into()], ..Default::default() };
        let only = ask(only).await;
        assert!(only.len() == 1 && only[0].columns.is_empty() && only[0].schema == all[0].schema);

        // By name, and by what mysqld takes for a regular expression.
        t.dba("create table vt_ks.t10 (id int)").await;
        for (tables, exclude, found) in [
            (&["t", "none"][..], &[][..], &["t"][..]),
            (&["/^t[0-9]+$/"], &[], &["t10"]),
            (&["/T/"], &[], &[]),
            (&[], &["/^T|v$/", "t"], &["t10"]),
        ] {
            let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
            let (tables, exclude_tables) = (names(tables), names(exclude));
            let request =
                tm::GetSchemaRequest { tables, exclude_tables, table_schema_only: true, include_views: true };
            let asked = format!("{request:?}");
            let answer: Vec<String> = ask(request).await.into_iter().map(|t| t.name).collect();
            assert_eq!(answer, found, "{asked}");
        }
        let wrong = tm::GetSchemaRequest { tables: vec!["/(/".into()], ..Default::default() };
        let e = t.manager.get_schema(&t.record(), wrong).await.unwrap_err();
        assert!(e.message().to_lowercase().contains("regular expression"), "{e}");
        t.dba("drop table vt_ks.t10").await;

        // More than a message holds is refused, not cut: each definition has 1 MiB of comments.
        let comment = "x".repeat(1000);
        let columns: Vec<String> = (0..1000).map(|i| format!("c{i} tinyint comment '{comment}'")).collect();
        for i in 0..17 {
            t.dba(&format!("create table vt_ks.large{i} ({})", columns.join(", "))).await;
        }
        let request = tm::GetSchemaRequest { table_schema_only: true, ..Default::default() };
        let e = t.manager.get_schema(&t.record(), request.clone()).await.unwrap_err();
        assert!(
            e.message().contains("the schema of 18 tables has") && e.message().contains("ask for fewer"),
            "{e}"
        );
        let fewer = tm::GetSchemaRequest { exclude_tables: vec!["/large1/".into()], ..request };
        assert_eq!(ask(fewer).await.len(), 10);
    });
}
