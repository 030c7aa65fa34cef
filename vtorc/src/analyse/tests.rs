//! Cases in text: a shard, and what is seen of it at each time. The language:
//!
//! ```text
//! shard none|semi_sync|... [primary=100] [term=5] [disabled]
//! tablet 100 PRIMARY [term=5] [cell=b] [shutdown]
//! policy drain
//! at 0                     everybody is looked at; then findings and actions are printed
//! at 1 100 gone            from now on 100 answers so; 101 io=connecting; several separated by ;
//! done 101                 the action that is first was tried and worked (or `failed 101`)
//! shard ... / tablet ...   later ones replace the records
//! ```
//! What a tablet answers, kept until it is changed: `ok`, `gone`, `silent`, `mysqldgone`, `busy`, `slow`, and
//! `type=REPLICA`, `rw`, `ro`, `semi=on|off`, `io=run|begins|connecting|stopped` (`begins`: to connect, and has not
//! failed; `connecting`: it has), `sql=run|stopped`, `from=100|none`,
//! `recv=x` (what arrived), `gtid=A:1-10`, `ioerror=text_with_underscores`, `blocked`, `disk`, `backup`.

use std::{collections::BTreeMap, fmt::Write, path::Path, sync::Arc, time::Duration};

use proto::{
    replicationdata::{FullStatus, PrimaryStatus, Status},
    topodata::{self, Tablet},
    vttime,
};
use vtmodel::{Durability, parse_tablet_type};

use super::*;
use crate::{
    decide::{Memory, decide_recovery},
    view::{CONNECTING, Fault, FaultKind, Look, RUNNING, STOPPED, ShardRecords},
};

const UUIDS: [(&str, &str); 3] = [
    ("A", "00000000-0000-0000-0000-00000000000a"),
    ("B", "00000000-0000-0000-0000-00000000000b"),
    ("C", "00000000-0000-0000-0000-00000000000c"),
];

/// A tablet and what it answers.
#[derive(Debug, Clone, Default)]
struct Told {
    record: Tablet,
    fault: Option<FaultKind>,
    words: BTreeMap<String, String>,
}

#[derive(Default)]
struct Play {
    durability: Option<Durability>,
    record: topodata::Shard,
    disabled: bool,
    tablets: BTreeMap<u32, Told>,
    view: Option<ShardView>,
    memory: Memory,
    policy: Policy,
    now: Moment,
    last: Vec<crate::decide::Planned>,
    out: String,
}

fn alias(uid: u32, cell: &str) -> topodata::TabletAlias {
    topodata::TabletAlias { cell: cell.into(), uid }
}

fn seconds(text: &str) -> vttime::Time {
    vttime::Time { seconds: text.parse().unwrap(), nanoseconds: 0 }
}

fn options(words: &[&str]) -> BTreeMap<String, String> {
    let split =
        |w: &&str| w.split_once('=').map_or(((*w).to_owned(), String::new()), |(a, b)| (a.into(), b.into()));
    words.iter().map(split).collect()
}

impl Play {
    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["shard", durability, rest @ ..] => self.shard(durability, &options(rest)),
            ["tablet", uid, kind, rest @ ..] => self.tablet(uid.parse().unwrap(), kind, &options(rest)),
            ["delete", uid] => drop(self.tablets.remove(&uid.parse().unwrap())),
            ["policy", "drain"] => self.policy.drain_errant = true,
            ["policy", "no_emergency"] => self.policy.allow_emergency_reparent = false,
            ["at", seconds, ..] => {
                self.now = Duration::from_secs_f64(seconds.parse().unwrap());
                let rest = line.split_once(seconds).unwrap().1;
                for change in rest.split(';') {
                    self.change(&change.split_whitespace().collect::<Vec<_>>());
                }
                self.look();
                self.judge();
            }
            ["done"] => self.tried(true),
            ["failed"] => self.tried(false),
            other => panic!("no such line: {other:?}"),
        }
    }

    fn shard(&mut self, durability: &str, options: &BTreeMap<String, String>) {
        self.durability = durability.parse().ok();
        self.disabled = options.contains_key("disabled");
        let uid = options.get("primary").map(|p| p.parse::<u32>().unwrap());
        let cell =
            |uid: u32| self.tablets.get(&uid).map_or("a".into(), |t| t.record.alias.clone().unwrap().cell);
        self.record.primary_alias = uid.map(|uid| alias(uid, &cell(uid)));
        self.record.primary_term_start_time = options.get("term").map(|t| seconds(t));
    }

    fn tablet(&mut self, uid: u32, kind: &str, options: &BTreeMap<String, String>) {
        let told = self.tablets.entry(uid).or_default();
        told.record = Tablet {
            alias: Some(alias(uid, options.get("cell").map_or("a", |c| c))),
            r#type: parse_tablet_type(kind).unwrap() as i32,
            keyspace: "ks".into(),
            shard: "0".into(),
            mysql_hostname: "host".into(),
            mysql_port: i32::try_from(uid).unwrap(),
            primary_term_start_time: options.get("term").map(|t| seconds(t)),
            tablet_shutdown_time: options.contains_key("shutdown").then(|| seconds("1")),
            ..Tablet::default()
        };
    }

    fn change(&mut self, words: &[&str]) {
        let [uid, rest @ ..] = words else { return };
        let told = self.tablets.get_mut(&uid.parse().unwrap()).unwrap();
        for (name, value) in options(rest) {
            let fault = match name.as_str() {
                "gone" => Some(FaultKind::TabletGone),
                "silent" => Some(FaultKind::TabletSilent),
                "mysqldgone" => Some(FaultKind::MysqldGone),
                "busy" => Some(FaultKind::MysqldBusy),
                "slow" => Some(FaultKind::MysqldSlow),
                "hostmute" => Some(FaultKind::HostMute),
                "mute" => Some(FaultKind::MysqldMute),
                "ok" => None,
                _ => {
                    told.words.insert(name, value);
                    continue;
                }
            };
            told.fault = fault;
        }
    }

    fn records(&self) -> ShardRecords {
        ShardRecords {
            keyspace: "ks".into(),
            shard: "0".into(),
            durability: self.durability,
            emergency_disabled: self.disabled,
            record: self.record.clone(),
            tablets: self.tablets.values().map(|t| Arc::new(t.record.clone())).collect(),
            silent_cells: Vec::new(),
        }
    }

    fn look(&mut self) {
        let records = self.records();
        let view = self.view.get_or_insert_with(|| ShardView::new(&records));
        view.take_records(&records);
        let answered = self.now + Duration::from_millis(5);
        for told in self.tablets.values() {
            let result = match told.fault {
                Some(kind) => Err(Fault { kind, text: format!("{kind:?}") }),
                None => Ok(Arc::new(status(told, self.durability, &self.record))),
            };
            let alias = crate::view::alias_of(&told.record).unwrap();
            view.take_look(&alias, Look { asked: self.now, answered, result });
        }
    }

    fn judge(&mut self) {
        let view = self.view.as_ref().unwrap();
        let now = self.now + Duration::from_millis(5);
        let findings = analyse(view, now, &self.policy);
        self.memory.saw(view, &findings, now);
        self.last = decide_recovery(view, &findings, &self.memory, now, &self.policy);
        let _ = write!(self.out, "at {}:", self.now.as_secs_f64());
        if findings.is_empty() {
            self.out.push_str(if leader(view) == Leader::Stale { " records are stale" } else { " well" });
        }
        self.out.push('\n');
        for finding in &findings {
            let _ = writeln!(self.out, "  {finding}");
        }
        for planned in &self.last {
            let _ = writeln!(self.out, "  -> {}", describe(&planned.action));
        }
    }

    fn tried(&mut self, done: bool) {
        let planned = self.last.first().expect("an action to try");
        self.memory.began(&planned.action, self.now);
        self.memory.tried(&planned.action, done, self.now);
    }
}

fn describe(action: &crate::decide::Action) -> String {
    use crate::decide::Action as A;
    let more = match action {
        A::SetSource { source, semi_sync, .. } => format!(" from {source}, semi-sync {semi_sync}"),
        A::UndoDemote { semi_sync, .. }
        | A::StartReplication { semi_sync, .. }
        | A::RestartReplication { semi_sync, .. } => format!(", semi-sync {semi_sync}"),
        _ => String::new(),
    };
    format!("{} {}{more}", action.name(), action.tablet())
}

fn position(text: &str) -> String {
    let full = UUIDS
        .iter()
        .fold(text.to_owned(), |t, (short, long)| t.replace(&format!("{short}:"), &format!("{long}:")));
    format!("MySQL56/{full}")
}

fn status(told: &Told, durability: Option<Durability>, shard: &topodata::Shard) -> FullStatus {
    let word = |name: &str| told.words.get(name).map(String::as_str);
    let has = |name: &str| told.words.contains_key(name);
    let tablet_type = word("type").map_or(told.record.r#type(), |t| parse_tablet_type(t).unwrap());
    let primary = tablet_type == TabletType::Primary;
    let waits = durability.is_some_and(Durability::primary_waits);
    let source_cell = shard.primary_alias.as_ref().map_or("a", |a| a.cell.as_str());
    let acknowledges = durability.is_some_and(|d| d.replica_acknowledges(source_cell, &told.record));
    let semi = word("semi").map(|s| s == "on");
    let read_only = if primary { has("ro") && !has("rw") } else { !has("rw") };
    let thread = |text: Option<&str>| match text {
        Some("begins" | "connecting") => CONNECTING,
        Some("stopped") => STOPPED,
        _ => RUNNING,
    };
    let from = match word("from") {
        Some("none") => None,
        Some(uid) => Some(uid.parse::<i32>().unwrap()),
        None if primary => None,
        None => shard.primary_alias.as_ref().map(|a| i32::try_from(a.uid).unwrap()),
    };
    let replication_status = from.map(|port| Status {
        source_host: "host".into(),
        source_port: port,
        io_state: thread(word("io")),
        sql_state: thread(word("sql")),
        last_io_error: match word("ioerror") {
            Some(text) => text.replace('_', " "),
            None if word("io") == Some("connecting") => "Can't connect to MySQL server".into(),
            None => String::new(),
        },
        relay_log_position: word("recv").unwrap_or_default().into(),
        backup_running: has("backup"),
        ..Status::default()
    });
    FullStatus {
        server_uuid: UUIDS[0].1.into(),
        version: "9.7.0".into(),
        primary_status: Some(PrimaryStatus {
            position: position(word("gtid").unwrap_or("A:1-10")),
            ..PrimaryStatus::default()
        }),
        replication_status,
        read_only,
        super_read_only: read_only,
        semi_sync_primary_enabled: primary && semi.unwrap_or(waits),
        semi_sync_replica_enabled: !primary && semi.unwrap_or(acknowledges),
        semi_sync_blocked: has("blocked"),
        disk_stalled: has("disk"),
        tablet_type: tablet_type as i32,
        ..FullStatus::default()
    }
}

fn play(input: &str) -> String {
    let mut play = Play::default();
    input.lines().for_each(|line| play.line(line));
    play.out
}

fn cases(file: &str) {
    testkit::run_cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file), play);
}

#[test]
fn primaries_that_do_not_answer() {
    cases("dead_primary.txt");
}

#[test]
fn primaries_that_answer() {
    cases("primary.txt");
}

#[test]
fn replicas() {
    cases("replica.txt");
}

#[test]
fn attempts() {
    cases("attempts.txt");
}

/// Every analysis there is comes up in some case.
#[test]
fn every_analysis_has_a_case() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let texts: String = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for analysis in Analysis::ALL {
        let told = [format!("  {analysis}:"), format!("  {analysis} ")];
        assert!(told.iter().any(|t| texts.contains(t)), "{analysis} is in no case");
    }
}
