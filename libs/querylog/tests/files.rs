//! The logs on real files: what is written, what happens to what cannot be.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc, time::Duration};

use querylog::{AuditLog, AuditOptions, Line, OnFailure, QueryLog, QueryLogOptions, Reasons};
use servenv::Context;

const LIMIT: Duration = Duration::from_secs(20);

fn line(n: usize) -> Line {
    let mut line = Line::default();
    line.set("N", n);
    line
}

async fn written(path: &Path, expected: &str) {
    testkit::wait_until_async("the lines in the file", LIMIT, tokio::time::sleep, async || {
        let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
        if text == expected { Ok(()) } else { Err(text) }
    })
    .await;
}

fn counter(context: &Context, name: &str) -> u64 {
    context.metrics.to_json()[name].as_u64().unwrap()
}

fn query_log(path: &Path, options: QueryLogOptions) -> (Context, Reasons, Arc<QueryLog>) {
    let (context, reasons) = (Context::new("test"), Reasons::default());
    let options = QueryLogOptions { log_queries_to_file: Some(path.to_owned()), ..options };
    let log = QueryLog::start(&options, &reasons, &context).unwrap();
    (context, reasons, log)
}

#[tokio::test]
async fn lines_are_written_in_order_and_a_rotated_file_is_made_anew() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("queries");
    let (context, reasons, log) = query_log(&path, QueryLogOptions::default());
    assert!(reasons.any() && log.is_on());
    (0..3).for_each(|n| log.write(&line(n)));
    written(&path, "N=0\nN=1\nN=2\n").await;
    let old = dir.path().join("queries.1");
    fs::rename(&path, &old).unwrap();
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).unwrap();
    // The signal comes to its task some time later: until then lines go to the old file.
    let mut n = 3;
    testkit::wait_until_async("a new file", LIMIT, tokio::time::sleep, async || {
        log.write(&line(n));
        n += 1;
        if path.exists() { Ok(()) } else { Err("none yet".to_owned()) }
    })
    .await;
    log.end().await;
    let both = fs::read_to_string(&old).unwrap() + &fs::read_to_string(&path).unwrap();
    assert_eq!(both, (0..n).map(|n| format!("N={n}\n")).collect::<String>());
    assert_eq!(counter(&context, "QueryLogLines"), n as u64);
    assert_eq!(counter(&context, "QueryLogDropped"), 0);
}

/// A pipe that nobody reads takes some lines and then none: whoever writes queries goes on.
#[tokio::test]
async fn a_file_that_does_not_move_holds_nobody_up() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Opened for both: else opening it would wait for the other end.
    let reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let options = QueryLogOptions { querylog_buffer_size: 10, ..QueryLogOptions::default() };
    let (context, _, log) = query_log(&path, options);
    let mut long = line(0);
    long.set("Text", "x".repeat(64 << 10));
    for _ in 0..100 {
        log.write(&long);
    }
    let dropped = counter(&context, "QueryLogDropped");
    assert!(dropped >= 50, "{dropped}");
    drop((log, reader));
}

fn audit_log(path: &Path, on_failure: OnFailure) -> (Context, Arc<AuditLog>) {
    let context = Context::new("test");
    let options = AuditOptions { audit_log_file: Some(path.to_owned()), audit_log_on_failure: on_failure };
    let log = AuditLog::start(&options, &Reasons::default(), &context).unwrap().unwrap();
    (context, log)
}

/// `/dev/full` takes nothing: every write is ENOSPC.
#[tokio::test]
async fn a_file_that_takes_nothing_refuses_statements_until_it_does() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("audit");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let (context, log) = audit_log(&path, OnFailure::Refuse);
    log.check().unwrap();
    let writing = tokio::spawn({
        let log = log.clone();
        async move { log.write(&line(1)).await }
    });
    let refused = testkit::wait_until_async("a refusal", LIMIT, tokio::time::sleep, async || {
        log.check().err().ok_or_else(|| "not refused yet".to_owned())
    })
    .await;
    assert!(refused.message().contains("audit") && refused.message().contains("No space"), "{refused}");
    assert_eq!(counter(&context, "AuditLogFailing"), 1);
    assert!(counter(&context, "AuditLogRefused") >= 1);
    // There is room again: the line that waited is there, and nothing was lost.
    fs::remove_file(&path).unwrap();
    writing.await.unwrap();
    written(&path, "{\"N\":1}\n").await;
    testkit::wait_until_async("no refusal", LIMIT, tokio::time::sleep, async || {
        log.check().map_err(|e| e.to_string())
    })
    .await;
    log.write(&line(2)).await;
    // Who waited for a line finds it in the file.
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"N\":1}\n{\"N\":2}\n");
    assert_eq!(counter(&context, "AuditLogLost"), 0);
}

#[tokio::test]
async fn statements_that_may_go_on_leave_a_count() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("audit");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let (context, log) = audit_log(&path, OnFailure::Continue);
    let first = tokio::spawn({
        let log = log.clone();
        async move { log.write(&line(0)).await }
    });
    testkit::wait_until_async("a fault", LIMIT, tokio::time::sleep, async || {
        if counter(&context, "AuditLogFailing") == 1 { Ok(()) } else { Err("none".to_owned()) }
    })
    .await;
    for n in 0..10_100 {
        log.check().unwrap();
        log.write(&line(n)).await;
    }
    assert!(counter(&context, "AuditLogLost") >= 100);
    first.abort();
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_told_at_once() {
    let options = AuditOptions {
        audit_log_file: Some("/nowhere/audit".into()),
        audit_log_on_failure: OnFailure::Refuse,
    };
    let fault = AuditLog::start(&options, &Reasons::default(), &Context::new("test")).unwrap_err();
    assert!(
        fault.message().contains("--audit-log-file") && fault.message().contains("/nowhere/audit"),
        "{fault}"
    );
}
