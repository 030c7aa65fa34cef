use super::*;
use crate::{ParseOptions, parse};

fn statement(sql: &str) -> Statement {
    parse(sql.as_bytes(), &ParseOptions::default()).unwrap()
}

/// Writes down what it is told, and stops or passes over at a column of that name.
#[derive(Default)]
struct Log(Vec<String>);

impl Visitor for Log {
    fn enter_expr(&mut self, expr: &Expr) -> Visit {
        match expr {
            Expr::Column(column) if column.name.is(b"stop") => Visit::Stop,
            Expr::Func(call) if call.name.is(b"over_it") => Visit::Over,
            _ => Visit::Into,
        }
    }
    fn enter_query(&mut self, _: &Query) -> Visit {
        self.0.push("(".to_owned());
        Visit::Into
    }
    fn leave_query(&mut self, _: &Query) -> Visit {
        self.0.push(")".to_owned());
        Visit::Into
    }
    fn table_name(&mut self, name: &TableName, role: TableRole) {
        self.0.push(format!("{}{}", name.name, if role == TableRole::Table { "" } else { "?" }));
    }
    fn column_name(&mut self, name: &ColName) {
        self.0.push(format!(".{}", name.name));
    }
}

fn log(sql: &str) -> (String, bool) {
    let mut log = Log::default();
    let whole = statement(sql).walk(&mut log);
    (log.0.join(" "), whole)
}

#[test]
fn names_are_seen_with_their_role() {
    let (seen, whole) =
        log("select t.*, u.a from t join u on t.b = u.b where exists (select 1 from db.v) for update of t");
    assert_eq!(seen, "( t? .a u? t u .b t? .b u? ( v ) t? )");
    assert!(whole);
    assert_eq!(log("delete x from t as x where a = 1").0, "x? t .a");
    assert_eq!(
        log("insert into t(a) select b from u on duplicate key update c = values(d)").0,
        "t .a ( .b u ) .c .d"
    );
    assert_eq!(log("create table t (a int, foreign key (a) references u (b)) union = (v, w)").0, "t u v w");
    assert_eq!(log("alter table a rename to b, exchange partition p with table c").0, "a b c");
    assert_eq!(log("lock tables a read, b as x write").0, "a b");
    assert_eq!(log("explain select 1 from t").0, "( t )");
    assert_eq!(log("show columns from t").0, "t");
}

#[test]
fn a_visitor_stops_and_passes_over() {
    assert_eq!(log("select a, stop, b from t"), ("( .a".to_owned(), false));
    assert_eq!(log("select a, over_it(b, c), d from t"), ("( .a .d t )".to_owned(), true));
}

#[test]
fn a_rewriter_sees_what_it_put_there() {
    struct Double;
    impl Rewriter for Double {
        fn leave_expr(&mut self, expr: &mut Expr) {
            if let Expr::Column(column) = expr {
                column.name = format!("{0}{0}", column.name).into();
            }
        }
        fn enter_query(&mut self, query: &mut Query) -> bool {
            query.limit = None;
            true
        }
    }
    let mut tree = statement("select a from t where (b, c) in (select d from u limit 1) limit 2");
    tree.rewrite(&mut Double);
    assert_eq!(tree, statement("select aa from t where (bb, cc) in (select dd from u)"));
}
