use super::*;
use crate::ast::*;

fn statement(sql: &str) -> Statement {
    parse(sql.as_bytes(), &ParseOptions::default()).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn same(a: &str, b: &str) {
    assert_eq!(statement(a), statement(b), "{a}");
}

fn query(sql: &str) -> Query {
    match statement(sql) {
        Statement::Query(query) => *query,
        other => panic!("{other:?}"),
    }
}

fn select(sql: &str) -> Select {
    match query(sql).body {
        QueryBody::Select(select) => *select,
        other => panic!("{other:?}"),
    }
}

#[test]
fn joins_lean_as_in_mysql() {
    same("select 1 from a join b join c on x on y", "select 1 from a join (b join c on x) on y");
    same("select 1 from a join b join c on x", "select 1 from (a join b) join c on x");
    same("select 1 from a left join b join c on x on y", "select 1 from a left join (b join c on x) on y");
    same("select 1 from a join b left join c on x", "select 1 from (a join b) left join c on x");
    same(
        "select 1 from a join b right join c on x right join d on y",
        "select 1 from ((a join b) right join c on x) right join d on y",
    );
    same("select 1 from a cross join b natural join c", "select 1 from (a inner join b) natural join c");
    same("select 1 from ((a, b)) join c", "select 1 from (a, b) join c");
    same(
        "select 1 from ((select 1) x join ((select 2)) y)",
        "select 1 from (select 1) as x join (select 2) as y",
    );
    same("select 1 from { oj a left outer join b on c }", "select 1 from a left join b on c");
}

#[test]
fn set_operations_bind_as_in_mysql() {
    same("select 1 union select 2 intersect select 3", "select 1 union (select 2 intersect select 3)");
    same("(select 1 union select 2) union select 3", "select 1 union distinct select 2 union select 3");
    assert_ne!(
        statement("select 1 union (select 2 union all select 3)"),
        statement("select 1 union select 2 union all select 3")
    );
    same("((select 1)) order by 1", "select 1 order by 1");
    same("select * from ((select 1) union (select 2)) x", "select * from (select 1 union select 2) x");
    same("select ((select 1) union (select 2) limit 1)", "select (select 1 union select 2 limit 1)");
    same("select a in ((select 1 union select 2))", "select a in (select 1 union select 2)");
    assert!(matches!(query("(select 1 limit 1) limit 2").body, QueryBody::Nested(_)));
    assert!(query("(select 1 limit 1)").limit.is_some());
}

#[test]
fn words_that_are_not_reserved_are_names() {
    for word in [
        "value",
        "date",
        "time",
        "end",
        "begin",
        "offset",
        "quarter",
        "member",
        "escape",
        "next",
        "count",
        "json_value",
        "position",
        "cast_",
        "any",
        "full",
        "local",
        "sql_cache",
    ] {
        let items =
            select(&format!("select {word}, t.{word} as {word} from {word} as {word} where {word} = 1"))
                .items;
        assert_eq!(items.len(), 2, "{word}");
    }
    for word in ["select", "key", "order", "rank", "window", "intersect"] {
        assert!(
            parse(format!("select {word} from t").as_bytes(), &ParseOptions::default()).is_err(),
            "{word}"
        );
        select(&format!("select t.{word}, `{word}` from t"));
    }
    same("select a member from t", "select a as member from t");
    same("select date 'x', date, time('1') from t", "select date 'x', `date`, time('1') from t");
}

/// As MySQL 9.7, which answers 1064 to each of them.
#[test]
fn frames_have_plain_bounds() {
    for bound in ["-1", "+1", "a", "1 + 1"] {
        let sql = format!("select sum(a) over (order by b rows {bound} preceding) from t");
        assert!(parse(sql.as_bytes(), &ParseOptions::default()).is_err(), "{bound}");
    }
    select("select sum(a) over (order by b rows between 1 preceding and ? following) from t");
}

/// As MySQL 9.7, which answers 1064 to each of them; older ones read the name behind the dot.
#[test]
fn names_begin_with_no_dot() {
    for sql in
        ["select * from .t", "select .a", "select .a.b from t", "delete from .t", "insert into .t values (1)"]
    {
        assert!(parse(sql.as_bytes(), &ParseOptions::default()).is_err(), "{sql}");
    }
}

#[test]
fn modes_change_the_grammar() {
    let with = |mode| ParseOptions { sql_mode: mode, ..ParseOptions::default() };
    let read = |sql: &str, mode| parse_expr(sql.as_bytes(), &with(mode)).unwrap();
    let plain = SqlMode::default();
    assert_eq!(read("a || b", plain), read("a or b", plain));
    assert_eq!(read("a || b || c", SqlMode::PIPES_AS_CONCAT), read("concat(concat(a, b), c)", plain));
    assert_eq!(read("-a || b * c", SqlMode::PIPES_AS_CONCAT), read("concat(-a, b) * c", plain));
    assert_eq!(read("not a = b", SqlMode::HIGH_NOT_PRECEDENCE), read("(not a) = b", plain));
    assert_eq!(read("\"a\" = 'a'", SqlMode::ANSI_QUOTES), read("`a` = 'a'", plain));
}

#[test]
fn ambiguous_parentheses() {
    same(
        "select interval(1, 2), a + interval (1) day, a + interval (select b from t, u) day",
        "select interval (1, 2), a + interval 1 day, a + interval (select b from t, u) day",
    );
    same("insert into t (select 1)", "insert into t select 1");
    same("insert into t ((select 1) union (select 2))", "insert into t select 1 union select 2");
    same("create table t (select 1)", "create table t as select 1");
    same("select (((1))), ((1, 2)) = row(1, 2)", "select 1, (1, 2) = (1, 2)");
    same(
        "insert into t select 1 from a join b on duplicate key update c = 1",
        "insert into t select 1 from (a join b) on duplicate key update c = 1",
    );
}

#[test]
fn comments_after_the_verb_stay_and_others_go() {
    let sql = "/* lead */ select /*vt+ ALLOW_SCATTER */ /*+ hint */ -- line\n a /* in */ from t /* trail */";
    let comments = select(sql).comments.0;
    assert_eq!(comments, ["/*vt+ ALLOW_SCATTER */".into(), "/*+ hint */".into()]);
}

#[test]
fn spans_are_the_text_of_the_items() {
    let sql = b"select  a +  1 , ( b ), c as d, -- x\n f( x ) y from t";
    let Ok(Statement::Query(query)) = parse(sql, &ParseOptions::default()) else { panic!() };
    let QueryBody::Select(select) = query.body else { panic!() };
    let texts: Vec<&[u8]> = select
        .items
        .iter()
        .map(|item| match item {
            SelectItem::Expr(item) => item.span.of(sql),
            _ => b"",
        })
        .collect();
    assert_eq!(texts, [&b"a +  1"[..], b"( b )", b"c", b"f( x )"]);
}

#[test]
fn use_takes_vitess_targets() {
    for (sql, target) in [
        ("use ks", "ks"),
        ("use `ks/-80`", "ks/-80"),
        ("use ks:-80@replica", "ks:-80@replica"),
        ("USE @primary ;", "@primary"),
        ("use ks@rdonly", "ks@rdonly"),
        ("use `ks:80-@replica`", "ks:80-@replica"),
    ] {
        assert_eq!(statement(sql), Statement::Use(Some(target.into())), "{sql}");
    }
    assert_eq!(statement("use"), Statement::Use(None));
}

#[test]
fn set_takes_every_form() {
    let Statement::Set(set) = statement(
        "set global a = 1, b = on, @@session.c := default, @d = @@e, local f = g, charset 'x', names default",
    ) else {
        panic!()
    };
    let scopes: Vec<Option<VarScope>> = set
        .items
        .iter()
        .filter_map(|item| match item {
            SetItem::SysVar(var, _) => Some(var.scope),
            _ => None,
        })
        .collect();
    assert_eq!(scopes, [Some(VarScope::Global), None, Some(VarScope::Session), Some(VarScope::Session)]);
    assert_eq!(set.items.len(), 7);
    same("set transaction = 1", "set @@transaction = 1");
    assert!(matches!(statement("set @@vitess_metadata.x = '1'"), Statement::Set(_)));
}

#[test]
fn definitions_tell_what_changes() {
    let Statement::CreateTable(table) = statement(
        "create table if not exists db.t (a integer(11) unsigned default -1 primary key, b national varchar(10) collate x, \
         key (a, (b + 1)), check (a > 0) not enforced) engine innodb default character set = utf8 partition by hash (a) partitions 4",
    ) else {
        panic!()
    };
    assert_eq!(table.name, TableName::qualified("db", "t"));
    assert_eq!(table.elements.len(), 4);
    assert_eq!(table.options.iter().map(|o| o.name.to_string()).collect::<Vec<_>>(), ["engine", "charset"]);
    assert!(!table.partition.is_empty());
    let Statement::AlterTable(alter) = statement(
        "alter table t add (a int, b int), modify c text after d, drop e, algorithm = inplace, engine = x",
    ) else {
        panic!()
    };
    assert_eq!(alter.actions.len(), 5);
}

#[test]
fn what_is_not_taken_apart_is_kept_whole() {
    let sql = "CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN SELECT 1; END ;";
    let Statement::Other(other) = statement(sql) else { panic!() };
    assert_eq!(other.kind, crate::StatementKind::Ddl);
    assert_eq!(other.text.as_bytes(), sql.trim_end_matches([' ', ';']).as_bytes());
    assert!(parse(b"frobnicate the table", &ParseOptions::default()).is_err());
}
