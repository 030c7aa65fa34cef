//! The troubles of a shard's replicas. While the primary does not answer nothing is said of how they replicate.

use proto::replicationdata::{FullStatus, Status};

use crate::{
    finding::{Analysis, Finding},
    policy::Policy,
    view::{CONNECTING, Moment, RUNNING, ShardView, TabletView},
};

pub(super) fn analyse(view: &ShardView, primary: &TabletView, now: Moment, policy: &Policy) -> Vec<Finding> {
    let others = view.tablets.iter().filter(|t| t.alias != primary.alias && !t.is_shut_down());
    others.flat_map(|t| of_tablet(view, primary, t, now, policy)).collect()
}

fn of_tablet(
    view: &ShardView,
    primary: &TabletView,
    tablet: &TabletView,
    now: Moment,
    policy: &Policy,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(failing) = tablet.failing.as_ref().filter(|f| f.count > policy.confirm_looks) {
        let text = format!("{} looks in a row: {}", failing.count, failing.fault.text);
        findings.push(Finding::of(Analysis::InvalidReplica, &tablet.alias, text));
    }
    let Some(status) = tablet.status() else { return findings };
    if !tablet.should_replicate() {
        return findings;
    }
    if writable(status) {
        let text = format!("read_only is {}, super_read_only {}", status.read_only, status.super_read_only);
        findings.push(Finding::of(Analysis::ReplicaIsWritable, &tablet.alias, text));
    }
    // What follows rests on a primary that is one and is well.
    if primary.status().is_none() || primary.tablet_type() != proto::topodata::TabletType::Primary {
        return findings;
    }
    if let Some(errant) = &tablet.errant {
        let text = format!("it has executed what {} has not: {errant}", primary.alias);
        findings.push(Finding::of(Analysis::ErrantGTIDDetected, &tablet.alias, text));
    }
    let broken = replication(primary, tablet, status, now, policy);
    match broken {
        Some(finding) => findings.push(finding),
        None => findings.extend(semi_sync(view, primary, tablet, status)),
    }
    findings
}

/// MariaDB before 12 has no super_read_only.
fn writable(status: &FullStatus) -> bool {
    let mariadb = status.version.contains("MariaDB");
    !status.read_only || (!mariadb && !status.super_read_only)
}

fn replication(
    primary: &TabletView,
    tablet: &TabletView,
    status: &FullStatus,
    now: Moment,
    policy: &Policy,
) -> Option<Finding> {
    let found = |analysis, text: String| Some(Finding::of(analysis, &tablet.alias, text));
    let Some(source) = tablet.replication() else {
        return found(Analysis::NotConnectedToPrimary, "it has no source".into());
    };
    if !tablet.follows(primary) {
        return found(
            Analysis::ConnectedToWrongPrimary,
            format!(
                "it replicates from {}:{}, the primary is {} at {}:{}",
                source.source_host,
                source.source_port,
                primary.alias,
                primary.record.mysql_hostname,
                primary.record.mysql_port
            ),
        );
    }
    // A backup that stops replication starts it again.
    let backup = status.replication_status.as_ref().is_some_and(|s| s.backup_running);
    if !backup && (!matches!(source.io_state, RUNNING | CONNECTING) || source.sql_state != RUNNING) {
        return found(Analysis::ReplicationStopped, stopped(source));
    }
    let since = tablet.receiving.connecting_since.filter(|_| source.io_state == CONNECTING)?;
    let long = now.saturating_sub(since) >= policy.settle && primary_was_well(primary, since);
    if !long {
        return None;
    }
    found(
        Analysis::NotConnectedToPrimary,
        format!("it cannot connect to {}: {}", primary.alias, source.last_io_error),
    )
}

/// Whether the primary's last word is younger than the replica's trouble.
fn primary_was_well(primary: &TabletView, since: Moment) -> bool {
    primary.good.as_ref().is_some_and(|g| g.asked >= since)
}

fn stopped(status: &Status) -> String {
    let state = |n| match n {
        RUNNING => "runs",
        CONNECTING => "connects",
        _ => "is stopped",
    };
    let mut text = format!(
        "the fetching thread {}, the applying thread {}",
        state(status.io_state),
        state(status.sql_state)
    );
    for error in [&status.last_io_error, &status.last_sql_error] {
        if !error.is_empty() {
            text.push_str(": ");
            text.push_str(error);
        }
    }
    text
}

fn semi_sync(
    view: &ShardView,
    primary: &TabletView,
    tablet: &TabletView,
    status: &FullStatus,
) -> Option<Finding> {
    let wanted = view.durability?.replica_acknowledges(&primary.alias.cell, &tablet.record);
    let (analysis, text) = match (wanted, status.semi_sync_replica_enabled) {
        (true, false) => (Analysis::ReplicaSemiSyncMustBeSet, "it has to acknowledge commits and does not"),
        (false, true) => {
            (Analysis::ReplicaSemiSyncMustNotBeSet, "it acknowledges commits, which it must not")
        }
        _ => return None,
    };
    Some(Finding::of(analysis, &tablet.alias, text))
}
