//! Every table and every literal can be changed through the tree: nothing is printed from the source text.

use sqlast::ast::{ColName, Literal, Statement, TableName};
use sqlast::visit::TableRole;
use sqlast::{ParseOptions, Rewriter, Visitor, Walk, parse, to_sql};
use testkit::corpus::{corpus, text};

/// Numbers what it changes, so that a name or literal that was forgotten or swapped shows.
#[derive(Default)]
struct Rename {
    tables: usize,
    literals: usize,
}

impl Rewriter for Rename {
    fn table_name(&mut self, name: &mut TableName, _: TableRole) {
        self.tables += 1;
        name.name = format!("zz_table_{}", self.tables).into();
        name.qualifier = name.qualifier.take().map(|_| "zz_db".into());
    }
    fn literal(&mut self, literal: &mut Literal) {
        self.literals += 1;
        let number = self.literals;
        match literal {
            Literal::Integer(digits) => *digits = (1_000_000 + number).to_string().into(),
            Literal::String(value) => *value = format!("zz'\\_{number}").into(),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Seen {
    tables: Vec<Vec<u8>>,
    columns: usize,
    literals: Vec<Literal>,
}

impl Visitor for Seen {
    fn table_name(&mut self, name: &TableName, _: TableRole) {
        self.tables.push(name.name.as_bytes().to_vec());
    }
    fn column_name(&mut self, _: &ColName) {
        self.columns += 1;
    }
    fn literal(&mut self, literal: &Literal) {
        self.literals.push(literal.clone());
    }
}

fn seen(statement: &Statement) -> Seen {
    let mut seen = Seen::default();
    assert!(statement.walk(&mut seen));
    seen
}

#[test]
fn renamed_printed_and_read_again_it_is_the_renamed_tree() {
    let options = ParseOptions::default();
    let (mut tables, mut literals) = (0, 0);
    for case in corpus() {
        let Ok(original) = parse(&case.sql, &options) else {
            assert!(!case.mysql_accepts, "refused: {}", text(&case.sql));
            continue;
        };
        let mut renamed = original.clone();
        let mut rename = Rename::default();
        renamed.rewrite(&mut rename);
        let printed = to_sql(&renamed);
        let again = parse(&printed, &options).unwrap_or_else(|error| panic!("{}: {error}", text(&printed)));
        assert!(again == renamed, "{}\n{}", text(&case.sql), text(&printed));
        let (before, after) = (seen(&original), seen(&again));
        assert_eq!(
            (before.tables.len(), before.columns, before.literals.len()),
            (after.tables.len(), after.columns, after.literals.len())
        );
        assert!(after.tables.iter().all(|table| table.starts_with(b"zz_table_")), "{}", text(&printed));
        assert_eq!((rename.tables, rename.literals), (after.tables.len(), after.literals.len()));
        tables += rename.tables;
        literals += rename.literals;
    }
    println!("{tables} tables and {literals} literals renamed");
}

#[test]
fn walks_go_in_the_order_of_the_text() {
    let cases = [
        "with c as (select 1 from t where a = 2) select 3, f(4, 5) over (partition by 6 order by 7) from u join v on \
         a = 8 where b in (9, 10) and c between 11 and 12 or d like '13' escape '14' group by 15 having e > 16 \
         order by 17 limit 18, 19",
        "select 1 limit 2 offset 3",
        "select interval 1 day + 2, 3 + interval 4 day, date_sub(5, interval 6 second), trim(7 from 8), cast(9 as char)",
        "select case 1 when 2 then 3 else 4 end, case when 5 then 6 end, substring(7 from 8 for 9), position(10 in 11)",
        "insert into t(a, b) values (1, 2), (3, 4) on duplicate key update a = 5, b = values(b) + 6",
        "insert into t set a = 1, b = 2",
        "update t set a = 1, b = 2 where c = 3 order by 4 limit 5",
        "delete a from a join b on 1 = 2 where 3 in (select 4 union select 5 order by 6 limit 7)",
        "select group_concat(1 order by 2 separator '3'), timestampdiff(day, 4, 5), extract(day from 6), match(a) against (7)",
        "select * from (select 1) x, json_table(2, '3' columns (a int path '4' default '5' on empty)) y, lateral (select 6) z",
    ];
    for sql in cases {
        let statement =
            parse(sql.as_bytes(), &ParseOptions::default()).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let numbers: Vec<String> = seen(&statement)
            .literals
            .iter()
            .map(|literal| String::from_utf8(literal.value_bytes().unwrap()).unwrap())
            .collect();
        let expected: Vec<String> = (1..=numbers.len()).map(|number| number.to_string()).collect();
        assert_eq!(numbers, expected, "{sql}");
    }
}
