use super::*;

#[test]
fn kinds_by_their_first_words() {
    for (sql, kind) in [
        ("select 1", Kind::Select),
        ("  /* lead */ SELECT 1", Kind::Select),
        ("-- comment\nselect 1", Kind::Select),
        ("(select 1) union (select 2)", Kind::Select),
        ("with a as (select 1) select * from a", Kind::Select),
        ("with a as (select 1) update t set x = 1", Kind::Update),
        ("with a as (select 1), b as (select 2) delete from t", Kind::Delete),
        ("insert into t values (1)", Kind::Insert),
        ("replace into t values (1)", Kind::Insert),
        ("update t set a = 1", Kind::Update),
        ("delete from t", Kind::Delete),
        ("create table t (a int)", Kind::Ddl),
        ("truncate t", Kind::Ddl),
        ("create temporary table t (a int)", Kind::Temporary),
        ("DROP /* now */ TEMPORARY TABLE t", Kind::Temporary),
        ("set @@sql_mode = ''", Kind::Set),
        ("show tables", Kind::Show),
        ("explain select 1", Kind::OtherRead),
        ("savepoint a", Kind::Savepoint),
        ("rollback to a", Kind::Savepoint),
        ("rollback work to savepoint a", Kind::Savepoint),
        ("rollback", Kind::Transaction),
        ("begin", Kind::Transaction),
        ("call p()", Kind::CallProc),
        ("lock tables t read", Kind::Lock),
        ("", Kind::Empty),
        ("/* only */", Kind::Empty),
    ] {
        assert_eq!(Kind::of(sql), kind, "{sql}");
    }
}

#[test]
fn sequences() {
    let seq = |table: &str, step| Kind::NextVal(Sequence { table: table.into(), step });
    for (sql, kind) in [
        ("select next value from seq", seq("seq", Step::Number(1))),
        ("SELECT NEXT 5 VALUES FROM `a seq`", seq("a seq", Step::Number(5))),
        ("select next :n values from commerce.seq", seq("seq", Step::Bind("n".into()))),
        ("select /* c */ next :n values from `commerce`.`seq`", seq("seq", Step::Bind("n".into()))),
        ("select next from t", Kind::Select),
        ("select next, value from t", Kind::Select),
    ] {
        assert_eq!(Kind::of(sql), kind, "{sql}");
    }
}

#[test]
fn the_cache_keeps_its_bound_and_what_is_used() {
    let cache = PlanCache::new(64 * 1024);
    let hot = "select hot";
    for i in 0..2000 {
        cache.get(&format!("select {i} from a_table_with_a_long_name where id = :id"));
        assert!(std::ptr::eq(&*cache.get(hot), &*cache.get(hot)), "round {i}");
    }
    let stats = cache.stats();
    assert!(stats.bytes <= 64 * 1024, "{stats:?}");
    assert!(stats.plans > 20, "{stats:?}");
    // A text over the bound is planned, not kept.
    let long = format!("select '{}'", "x".repeat(100_000));
    assert_eq!(cache.get(&long).kind, Kind::Select);
    assert!(cache.stats().bytes <= 64 * 1024);
}
