use proto::query::{
    ExecuteOptions,
    execute_options::{TransactionAccessMode as Access, TransactionIsolation as Isolation},
};

use super::{begin_statements, shorter};
use std::time::Duration;

fn options(isolation: Isolation, modes: &[Access]) -> ExecuteOptions {
    ExecuteOptions {
        transaction_isolation: isolation as i32,
        transaction_access_mode: modes.iter().map(|m| *m as i32).collect(),
        ..ExecuteOptions::default()
    }
}

#[test]
fn what_opens_a_transaction() {
    let begin = |isolation, modes: &[Access], read_only| {
        begin_statements(Some(&options(isolation, modes)), read_only).join("; ")
    };
    assert_eq!(begin_statements(None, false), ["begin"]);
    assert_eq!(begin_statements(None, true), ["start transaction read only"]);
    assert_eq!(
        begin(Isolation::ReadCommitted, &[], false),
        "set transaction isolation level read committed; begin"
    );
    assert_eq!(
        begin(Isolation::ConsistentSnapshotReadOnly, &[], false),
        "set transaction isolation level repeatable read; start transaction with consistent snapshot, read only"
    );
    assert_eq!(begin(Isolation::Default, &[Access::ReadWrite], false), "start transaction read write");
    assert_eq!(begin(Isolation::Default, &[Access::ReadWrite], true), "start transaction read only");
    assert_eq!(begin(Isolation::Autocommit, &[], false), "");
}

#[test]
fn the_shorter_limit_counts_and_zero_is_none() {
    let s = Duration::from_secs;
    assert_eq!(shorter(s(0), s(5)), s(5));
    assert_eq!(shorter(s(3), s(0)), s(3));
    assert_eq!(shorter(s(3), s(5)), s(3));
}
