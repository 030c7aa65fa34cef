//! `status`: what runs, where, with how much memory, and how to connect.

use std::fs;

use mysqlctl::binaries::SearchPath;
use vterrors::{Condition, Error, Result};

use crate::{
    options::DataDir,
    plan::Plan,
    state::{Recorded, State},
    supervise,
    up::{names, say},
};

/// Prints the table. Errors when there is no cluster, or when a part of it does not run.
pub async fn run(dir: &DataDir) -> Result<()> {
    let data_dir = dir.absolute()?;
    let mut state = State::read(&data_dir)?
        .ok_or_else(|| Error::new(Condition::NotFound, format!("no cluster in {}", data_dir.display())))?;
    let plan = Plan::new(&state.spec, &data_dir);
    state.find_mysqlds(&plan);
    print(&plan, &state).await;
    let down: Vec<String> = names(&plan).into_iter().filter(|n| state.running(n).is_none()).collect();
    match down.is_empty() {
        true => Ok(()),
        false => Err(Error::new(Condition::FailedPrecondition, format!("not running: {}", down.join(", ")))),
    }
}

/// The table of processes and the line to connect with.
pub(crate) async fn print(plan: &Plan, state: &State) {
    let mut rows = vec![["process", "what", "pid", "memory", "ports"].map(str::to_owned)];
    for name in names(plan) {
        let process = state.running(&name);
        rows.push([
            name.clone(),
            describe(plan, &name).await,
            process.map_or("-".to_owned(), |p| p.pid.to_string()),
            process.and_then(memory).unwrap_or_else(|| "-".to_owned()),
            process.map_or("not running".to_owned(), ports),
        ]);
    }
    say(None, "");
    for line in table(&rows) {
        say(None, &line);
    }
    say(None, &format!("\nlogs: {}", plan.data_dir.join("logs").display()));
    let client = SearchPath::from_env().find(&["mysql", "mariadb"]);
    let client = match client {
        Some(found) if supervise::on_path("mysql").is_none() => found.display().to_string(),
        _ => "mysql".to_owned(),
    };
    for cell in plan.cells.iter().filter(|c| state.running(&c.vtgate.name).is_some()) {
        let where_ = if plan.cells.len() > 1 { format!(" in cell {}", cell.name) } else { String::new() };
        let line = plan.connect_line(&client, cell);
        say(None, &format!("connect{where_} with: {line}"));
    }
    if state.running(&plan.vtctld.name).is_some() {
        say(None, &format!("web pages: {}", plan.pages_line()));
    }
}

/// What a process is for: a tablet's keyspace, shard and present type, and its cell where there are several.
async fn describe(plan: &Plan, name: &str) -> String {
    let Some(tablet) = plan.tablets.iter().find(|t| t.process.name == name) else { return String::new() };
    let kind = crate::up::tablet_type(&tablet.process).await;
    let cell = if plan.cells.len() > 1 { format!("{} ", tablet.cell) } else { String::new() };
    format!("{cell}{}/{} {}", tablet.keyspace, tablet.shard, kind.as_deref().unwrap_or("-"))
}

fn ports(process: &Recorded) -> String {
    process.ports.iter().map(|(what, port)| format!("{what} {port}")).collect::<Vec<_>>().join(", ")
}

/// Resident memory.
fn memory(process: &Recorded) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{}/status", process.pid)).ok()?;
    let kib: u64 =
        text.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    Some(format!("{} MB", kib / 1024))
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 5]]) -> Vec<String> {
    let mut widths = [0usize; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().zip(widths).map(|(cell, w)| format!("{cell:<w$}")).collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [["a", "bb", "c", "d", "e"], ["aaa", "b", "c", "d", "e"]].map(|r| r.map(str::to_owned));
        assert_eq!(table(&rows), ["a    bb  c  d  e", "aaa  b   c  d  e"]);
    }
}
