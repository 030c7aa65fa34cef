//! The corpus of statements that MySQL was asked about: what it accepts is parsed, printed and equal again.
//!
//! The corpus is not part of the repository's own data; without it these tests say so and pass.

use std::collections::BTreeMap;

use sqlast::ast::Statement;
use sqlast::{ParseOptions, StatementKind, parse, preview, to_sql, to_sql_parenthesised};
use testkit::corpus::{Statement as Case, corpus, text};

/// Kinds that must be taken apart: nothing of them may fall to [`Statement::Other`].
fn must_be_taken_apart(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Select
            | StatementKind::Insert
            | StatementKind::Replace
            | StatementKind::Update
            | StatementKind::Delete
            | StatementKind::Set
            | StatementKind::Show
            | StatementKind::Explain
            | StatementKind::Begin
            | StatementKind::Commit
            | StatementKind::Rollback
            | StatementKind::Savepoint
            | StatementKind::ReleaseSavepoint
    )
}

fn fault(case: &Case) -> Option<String> {
    let options = ParseOptions::default();
    let statement = match parse(&case.sql, &options) {
        Ok(statement) => statement,
        Err(error) => return Some(format!("refused: {error}")),
    };
    let other = matches!(statement, Statement::Other(_));
    if other && must_be_taken_apart(preview(&case.sql)) {
        return Some("not taken apart".to_owned());
    }
    for printed in [to_sql(&statement), to_sql_parenthesised(&statement)] {
        match parse(&printed, &options) {
            Ok(again) if again == statement => {}
            Ok(_) => return Some(format!("another tree from: {}", text(&printed))),
            Err(error) => return Some(format!("cannot read {}: {error}", text(&printed))),
        }
    }
    None
}

#[test]
fn what_mysql_accepts_is_parsed_printed_and_equal_again() {
    let mut faults = Vec::new();
    for case in corpus().iter().filter(|case| case.mysql_accepts) {
        if let Some(fault) = fault(case) {
            faults.push(format!("{}\n    {fault}", text(&case.sql)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn what_is_taken_apart_by_kind() {
    let mut kinds: BTreeMap<StatementKind, (usize, usize)> = BTreeMap::new();
    for case in corpus().iter().filter(|case| case.mysql_accepts) {
        let whole = matches!(parse(&case.sql, &ParseOptions::default()), Ok(Statement::Other(_)));
        let entry = kinds.entry(preview(&case.sql)).or_default();
        entry.0 += 1;
        entry.1 += usize::from(whole);
    }
    for (kind, (all, whole)) in &kinds {
        println!("{:<20} {all:>5}, kept whole {whole}", kind.name());
    }
    // Of definitions only those of programs, users and the like are kept whole.
    if let Some((all, whole)) = kinds.get(&StatementKind::Ddl) {
        assert!(whole * 5 < *all, "{whole} of {all} definitions are not taken apart");
    }
}

#[test]
fn nothing_panics_and_what_is_printed_can_be_read() {
    let options = ParseOptions::default();
    for case in corpus() {
        if let Ok(statement) = parse(&case.sql, &options) {
            let printed = to_sql(&statement);
            assert_eq!(parse(&printed, &options).as_ref(), Ok(&statement), "{}", text(&printed));
        }
        // Every prefix ends somewhere in a token.
        for end in 0..case.sql.len().min(200) {
            let _ = parse(&case.sql[..end], &options);
        }
    }
}
