//! Precedence, judged by MySQL: an expression and its fully parenthesised form are the same tree.

use sqlast::{ParseOptions, parse_expr, to_sql, to_sql_parenthesised};

#[test]
fn both_columns_are_the_same_tree() {
    let options = ParseOptions::default();
    let mut faults = Vec::new();
    for line in include_str!("data/precedence.tsv").lines() {
        let (plain, full) = line.split_once('\t').unwrap();
        let trees = (parse_expr(plain.as_bytes(), &options), parse_expr(full.as_bytes(), &options));
        let (Ok(plain_tree), Ok(full_tree)) = &trees else {
            faults.push(format!("{plain}: {trees:?}"));
            continue;
        };
        if plain_tree != full_tree {
            let printed = to_sql_parenthesised(plain_tree);
            faults.push(format!("{plain}: {}, not {full}", String::from_utf8_lossy(&printed)));
        }
        for printed in [to_sql(plain_tree), to_sql_parenthesised(plain_tree)] {
            if parse_expr(&printed, &options).as_ref() != Ok(plain_tree) {
                faults.push(format!("{plain}: printed {}", String::from_utf8_lossy(&printed)));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
