//! The troubles of a shard's primary.

use proto::{replicationdata::FullStatus, topodata::TabletType};

use super::evidence::{Verdict, weigh};
use crate::{
    finding::{Analysis, Finding},
    policy::Policy,
    view::{Moment, RUNNING, ShardView, TabletView},
};

pub(super) fn analyse(view: &ShardView, primary: &TabletView, now: Moment, policy: &Policy) -> Vec<Finding> {
    let Some(status) = primary.status() else { return silent(view, primary, now, policy) };
    let mut findings = answering(view, primary, status);
    findings.extend(stale(view, primary));
    findings
}

/// Of a primary that does not answer. Never heard of at all counts from its first failing look.
fn silent(view: &ShardView, primary: &TabletView, now: Moment, policy: &Policy) -> Vec<Finding> {
    let Some(failing) = &primary.failing else { return Vec::new() };
    let evidence = weigh(view, primary, now, policy);
    let analysis = match evidence.verdict {
        Verdict::Well => return Vec::new(),
        Verdict::Dead => Analysis::DeadPrimary,
        Verdict::DeadAndSomeReplicas => Analysis::DeadPrimaryAndSomeReplicas,
        Verdict::DeadAndReplicas => Analysis::DeadPrimaryAndReplicas,
        Verdict::DeadWithoutReplicas => Analysis::DeadPrimaryWithoutReplicas,
        Verdict::Saturated => Analysis::PrimarySaturated,
        Verdict::Unreachable => Analysis::UnreachablePrimary,
    };
    vec![Finding::of(analysis, &primary.alias, evidence.describe(failing))]
}

fn answering(view: &ShardView, primary: &TabletView, status: &FullStatus) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |analysis, text: String| findings.push(Finding::of(analysis, &primary.alias, text));
    if primary.tablet_type() != TabletType::Primary {
        let says = primary.tablet_type().as_str_name();
        add(
            Analysis::PrimaryCurrentTypeMismatch,
            format!("the shard's record names it as primary; it says it is {says}"),
        );
        return findings;
    }
    if status.disk_stalled {
        add(Analysis::PrimaryDiskStalled, "its disk takes no writes".into());
    }
    if status.semi_sync_blocked {
        let clients = status.semi_sync_primary_clients;
        add(
            Analysis::PrimarySemiSyncBlocked,
            format!("commits wait for acknowledgements; {clients} replicas that acknowledge are connected"),
        );
    }
    if let Some(source) = primary.replication().filter(|s| s.io_state == RUNNING || s.sql_state == RUNNING) {
        add(
            Analysis::PrimaryHasPrimary,
            format!("it replicates from {}:{}", source.source_host, source.source_port),
        );
    }
    if status.read_only {
        add(Analysis::PrimaryIsReadOnly, "read_only is on".into());
    }
    match (view.durability.map(|d| d.primary_waits()), status.semi_sync_primary_enabled) {
        (Some(true), false) => {
            add(
                Analysis::PrimarySemiSyncMustBeSet,
                "the durability policy wants acknowledgements; it does not wait for any".into(),
            );
        }
        (Some(false), true) => {
            add(
                Analysis::PrimarySemiSyncMustNotBeSet,
                "the durability policy wants no acknowledgements; it waits for them".into(),
            );
        }
        _ => {}
    }
    findings
}

/// Other tablets that say they are primary, of an older term.
fn stale<'a>(view: &'a ShardView, primary: &'a TabletView) -> impl Iterator<Item = Finding> + 'a {
    let others = view.tablets.iter().filter(|t| t.alias != primary.alias && t.status().is_some());
    others.filter(|t| t.tablet_type() == TabletType::Primary && t.term() < primary.term()).map(|t| {
        Finding::of(
            Analysis::StaleTopoPrimary,
            &t.alias,
            format!("it says it is primary; {} is, of a newer term", primary.alias),
        )
    })
}
