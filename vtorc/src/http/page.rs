//! vtorc's part of the status page: what is wrong now, what was done.

use std::{fmt::Write, sync::Arc};

use servenv::{Context, html_escape};

use crate::Board;

/// Rows of a table; the API has the rest.
const MAX_ROWS: usize = 200;

pub(super) fn add_sections(context: &Context, board: &Arc<Board>, cell: &str) {
    let (now, done, watched) = (board.clone(), board.clone(), board.clone());
    let cell = cell.to_owned();
    context.pages.add_section("What is wrong", move || wrong(&now));
    context.pages.add_section("What was done", move || history(&done));
    context.pages.add_section("Watched", move || summary(&watched, &cell));
}

fn summary(board: &Board, cell: &str) -> String {
    let reports = board.reports();
    let tablets: usize = reports.iter().map(|r| r.view.tablets.len()).sum();
    let mut text = format!("<p>{} shards, {tablets} tablets", reports.len());
    if !cell.is_empty() {
        let _ = write!(text, "; in cell {}", html_escape(cell));
    }
    text.push_str(match board.is_disabled() {
        true => "; <b>recoveries are switched off</b> (<code>/api/enable-global-recoveries</code>)</p>",
        false => "; recoveries are on (<code>/api/disable-global-recoveries</code> stops them)</p>",
    });
    if let Some(fault) = board.topology_fault() {
        let _ = write!(text, "<p><b>The topology cannot be read</b>: {}</p>", html_escape(&fault));
    }
    text
}

fn wrong(board: &Board) -> String {
    let mut rows = String::new();
    let mut count = 0;
    for report in board.reports() {
        for (finding, age) in report.findings.iter().zip(&report.ages) {
            count += 1;
            if count > MAX_ROWS {
                continue;
            }
            let tablet = finding.tablet.as_ref().map(ToString::to_string).unwrap_or_default();
            let _ = write!(
                rows,
                "<tr><td>{}<td>{}<td>{}<td>{:.0} s<td>{}",
                html_escape(&report.view.name()),
                html_escape(&tablet),
                finding.analysis,
                age.as_secs_f64(),
                html_escape(&finding.description)
            );
        }
    }
    match count {
        0 => "<p>Nothing.</p>".to_owned(),
        _ => table(&["shard", "tablet", "analysis", "for", "seen"], &rows, count),
    }
}

fn history(board: &Board) -> String {
    let entries = board.history();
    if entries.is_empty() {
        return "<p>Nothing yet.</p>".to_owned();
    }
    let mut rows = String::new();
    for entry in entries.iter().take(MAX_ROWS) {
        let result = if entry.successful { "done" } else { "<b>failed</b>" };
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td>{}<td>{} {}<td>{result}, {} ms<td>{}",
            html_escape(&entry.time),
            html_escape(&format!("{}/{}", entry.keyspace, entry.shard)),
            html_escape(&entry.finding.to_string()),
            entry.action.name(),
            html_escape(&entry.action.tablet().to_string()),
            entry.took_ms,
            html_escape(&entry.text)
        );
    }
    table(&["time", "shard", "because of", "action", "result", ""], &rows, entries.len())
}

fn table(heads: &[&str], rows: &str, count: usize) -> String {
    let heads: String = heads.iter().map(|h| format!("<th>{h}")).collect();
    let more = match count > MAX_ROWS {
        true => format!("<p>{count} in all; the first {MAX_ROWS} are shown.</p>"),
        false => String::new(),
    };
    format!("<table><tr>{heads}{rows}</table>{more}")
}
