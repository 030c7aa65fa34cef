//! Faults of Vitess's parser that must not come back here, by the number of their pull request.

use sqlast::ast::{Statement, TableName};
use sqlast::{ParseOptions, parse, split, to_sql};

fn statement(sql: &str) -> Statement {
    parse(sql.as_bytes(), &ParseOptions::default()).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[cfg(test)]
fn printed(sql: &str) -> String {
    String::from_utf8(to_sql(&statement(sql))).unwrap()
}

#[cfg(test)]
fn pieces(sql: &str) -> Vec<&str> {
    split(sql.as_bytes(), &ParseOptions::default())
        .into_iter()
        .map(|p| std::str::from_utf8(p).unwrap())
        .collect()
}

/// A rename has to print both names of every pair.
#[test]
fn vitess_3774_rename_table_is_printed_whole() {
    assert_eq!(printed("RENAME TABLE a TO b"), "rename table a to b");
    assert_eq!(printed("rename tables a to b, ks.c to ks.`d e`"), "rename table a to b, ks.c to ks.`d e`");
    let Statement::RenameTable(pairs) = statement("rename table a to b, c to x.d") else { panic!() };
    assert_eq!(pairs[1].to, TableName::qualified("x", "d"));
    assert_eq!(printed("alter table a rename to x.b"), "alter table a rename to x.b");
    assert_eq!(printed("alter table a rename b"), "alter table a rename to b");
}

/// What stands in `/*! */` is part of the statement for versions that are new enough, alone or among others.
#[test]
fn vitess_3801_special_comments_are_read() {
    assert_eq!(printed("/*!40101 SET NAMES utf8mb4 */"), "set names 'utf8mb4'");
    assert_eq!(printed("/*!40000 DROP DATABASE IF EXISTS `d`*/;"), "drop database if exists d");
    assert_eq!(printed("select /*!40001 SQL_NO_CACHE */ * from t"), "select sql_no_cache * from t");
    assert_eq!(printed("select 1 /*! + 1 */ /*!99999 + 1 */"), "select 1 + 1");
    assert_eq!(printed("SELECT /*!99999 nonsense /* in */ it */ a FROM t"), "select a from t");
    assert_eq!(
        printed("CREATE TABLE t (a INT /*!50606 STORAGE DISK */) /*!50100 ENGINE=InnoDB */"),
        "create table t (a int STORAGE DISK) engine = InnoDB"
    );
    assert_eq!(statement("/*!*/"), Statement::Empty);
    assert_eq!(statement("/* only a comment */"), Statement::Empty);
    let old = ParseOptions { mysql_version: 50_700, ..ParseOptions::default() };
    assert_eq!(to_sql(&parse(b"select 1 /*!80000 + 1 */", &old).unwrap()), b"select 1");
    assert!(parse(b"select 1 /*!40000 + 1", &old).is_err());
}

/// Semicolons in strings, names, comments and bodies of programs do not split.
#[test]
fn vitess_3807_statements_are_split() {
    assert_eq!(pieces("select 1; select 2"), ["select 1", "select 2"]);
    assert_eq!(
        pieces(" ; ;; select ';' , \";\" ,`;` /* ; */ -- ;\n ; # ;\n ; select 2 ;; "),
        ["select ';' , \";\" ,`;` /* ; */ -- ;", "select 2"]
    );
    assert_eq!(pieces("select 'it''s; \\'; x'; select 2"), ["select 'it''s; \\'; x'", "select 2"]);
    assert_eq!(
        pieces("/*!40101 set names utf8 */; insert into t values (1);"),
        ["/*!40101 set names utf8 */", "insert into t values (1)"]
    );
    assert_eq!(pieces(""), [""; 0]);
    assert_eq!(pieces("select 'open; select 2"), ["select 'open; select 2"]);
    let program = "create definer = a@b procedure p(in x int) begin declare y int; if x = if(1, 2, 3) then \
                   select case x when 1 then ';' end; else set y = 1; end if; while y < 3 do set y = y + 1; \
                   end while; case y when 1 then begin end; end case; end";
    assert_eq!(pieces(&format!("{program}; select 2")), [program, "select 2"]);
    let trigger = "create trigger t before insert on u for each row set new.a = 1";
    assert_eq!(pieces(&format!("{trigger}; begin; select 1; end")), [trigger, "begin", "select 1", "end"]);
}

/// A word directly before a dot and a letter is a name, also a reserved one; MySQL 9.7 takes these.
#[test]
fn a_reserved_word_before_a_dot_is_a_name() {
    for (sql, printed) in [
        ("select order.id from t as `order`", "select `order`.id from t as `order`"),
        (
            "select a from t where group.x = 1 and select.y > -1",
            "select a from t where `group`.x = 1 and `select`.y > -1",
        ),
        ("select * from order.items", "select * from `order`.items"),
        ("select @@global.sql_mode", "select @@global.sql_mode"),
    ] {
        let statement = parse(sql.as_bytes(), &ParseOptions::default()).unwrap();
        assert_eq!(String::from_utf8(to_sql(&statement)).unwrap(), printed);
    }
    for sql in ["select order .id from t", "select order.* from t", "select order.`id` from t"] {
        assert!(parse(sql.as_bytes(), &ParseOptions::default()).is_err(), "{sql}");
    }
}
