use super::*;
use crate::{ParseOptions, parse};

/// Statements in canonical form: printed as they are.
#[test]
fn canonical_text_stays_as_it_is() {
    for sql in [
        "select /*vt+ ALLOW_SCATTER */ distinct straight_join a, b as x, t.* from t as u, (select 1) as v(c) where a = 1",
        "select a from t left join u on t.a = u.b natural join v straight_join w using (x) group by a with rollup",
        "select a from t join (u join v on u.a = v.a) on t.a = u.a order by a asc, b desc limit 1 offset 2 for update of t nowait",
        "with recursive c(a) as (select 1 union all select a + 1 from c) select * from c limit 3, 4",
        "select 1 union (select 2 order by 1 asc limit 1) except select 3 intersect all select 4 order by 1 asc",
        "(select 1 union select 2) intersect select 3",
        "select count(distinct a, b), group_concat(a order by b desc separator ', '), nth_value(a, 2) from last over w, sum(a) over (partition by b order by c asc rows between 1 preceding and current row) from t window w as (w2 order by a asc)",
        "select case a when 1 then 2 else 3 end, cast(a as decimal(10, 2)), convert(a using utf8mb4), a collate utf8mb4_bin, char(77 using latin1)",
        "select a not in (1, 2), a is not null, a not like 'x' escape '!', a regexp 'y', a between 1 and 2, a member of ('[1]'), a sounds like b",
        "select (a or b) and c, a or b and c, not a = b, (not a) = b, -(a + b), - -a, a - (b - c), a = b is true, (a is true) = b",
        "select a + interval 1 day, date_sub(a, interval '1:2' minute_second), interval 1 day + a, extract(year from a), trim(leading 'x' from a)",
        "select @a := b + 1, @@session.sql_mode, @`a b`, :v1, ::list, ?",
        "select json_value(a, '$.x' returning char(5) default 'y' on empty error on error), a -> '$.x', a ->> '$.y'",
        "select `a b`, `select`, `a``b`, `1a`, `count`, key_, `_binary` from t",
        "select 'a\\'b\\\\\\n', N'x', X'4D', 0x4D, B'01', date'2024-01-01', _latin1 'x', 1.50, 1e3, null, true",
        "insert into t(a, b) values (1, default), (2, 'x') as new(c, d) on duplicate key update a = values(b), b = new.c",
        "insert low_priority ignore into db.t partition (p0, p1) set a = 1",
        "replace into t select * from u",
        "update low_priority ignore t as a, u set a.b = 1, c = default where d = e order by f asc limit 1",
        "delete quick a, b from a join b on a.c = b.c where a.d = 1",
        "delete from t as x where a = 1 order by b asc limit 1",
        "set @a = 1, @@global.b = default, @@c = on, names 'utf8mb4' collate 'utf8mb4_bin'",
        "set session transaction isolation level read committed, read only",
        "start transaction with consistent snapshot, read only",
        "commit and no chain release",
        "rollback to `a b`",
        "show full columns from db.t like 'a%'",
        "show vschema vindexes on ks.t",
        "explain format = json select 1",
        "vexplain queries select 1",
        "alter vschema on ks.t add vindex hash (id) using hash with owner = 't'",
        "lock tables t as x read local, u low_priority write",
        "load data local infile 'x' replace into table t fields terminated by ',' lines terminated by '\\n' (a, @b) set c = @b + 1",
        "create table t (a int unsigned not null auto_increment, b enum('x','y') character set utf8mb4 collate utf8mb4_bin default 'x' comment 'c', primary key (a), unique index u using btree (b(3) desc), constraint fk foreign key (a) references db.u (c) on delete set null) engine = InnoDB, charset = utf8mb4",
        "alter table t add column a int first, drop index b, rename column c to d, rename to e",
        "create or replace algorithm = merge view v(a) as select 1 with local check option",
        "call db.p(1, @a)",
        "kill query 5",
    ] {
        let options = ParseOptions::default();
        // ENUM's list has no spaces in MySQL's own output; ours has.
        let sql = sql.replace("('x','y')", "('x', 'y')");
        let statement = parse(sql.as_bytes(), &options).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(String::from_utf8(to_sql(&statement)).unwrap(), sql);
    }
}

#[test]
fn strings_are_safe_in_the_mode_of_the_reader() {
    let literal = Literal::String("it's \\ a\n".into());
    assert_eq!(to_sql(&literal), b"'it\\'s \\\\ a\\n'");
    let options = PrintOptions { sql_mode: SqlMode::NO_BACKSLASH_ESCAPES, parenthesised: false };
    assert_eq!(to_sql_with(&literal, options), b"'it''s \\ a\n'");
}

#[test]
fn trees_that_no_text_gives_are_printed_safely() {
    let number = |text: &str| Expr::Literal(Literal::Integer(text.into()));
    let minus = |expr| Expr::Unary(Box::new(Unary { op: UnaryOp::Minus, expr }));
    assert_eq!(to_sql(&minus(number("-5"))), b"- -5");
    let or = Expr::Or(vec![number("1"), Expr::Or(vec![number("2"), number("3")])]);
    assert_eq!(to_sql(&or), b"1 or (2 or 3)");
    assert_eq!(to_sql(&Ident::from("")), b"``");
    assert_eq!(to_sql(&Ident::from("\u{e9}")), "`\u{e9}`".as_bytes());
}
