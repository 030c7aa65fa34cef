//! What a reparent would do: asked of the operations where they are in this process, else of a vtctld of ours.

use ops::Ops;
use proto::{logutil::Event, vtctldata::*};
use rpc::{DRY_RUN_EMERGENCY_REPARENT, DRY_RUN_PLANNED_REPARENT};
use vterrors::{Condition, Error, Result};

use crate::connect::Remote;

/// Who knows.
pub(crate) enum Plans {
    Here(Ops),
    There(Box<Remote>),
}

impl Plans {
    /// The steps, a line each.
    ///
    /// # Errors
    /// What the operation would refuse; a vtctld that cannot tell, with what to do instead.
    pub(crate) async fn planned(&self, r: &PlannedReparentShardRequest) -> Result<String> {
        match self {
            Self::Here(ops) => Ok(ops.plan_planned_reparent(r).await?.to_string()),
            Self::There(vtctld) => {
                let answer = vtctld.ask(DRY_RUN_PLANNED_REPARENT, r).await.map_err(unknown);
                answer.map(|a: PlannedReparentShardResponse| lines(&a.events))
            }
        }
    }

    /// As [`Plans::planned`].
    pub(crate) async fn emergency(&self, r: &EmergencyReparentShardRequest) -> Result<String> {
        match self {
            Self::Here(ops) => Ok(ops.plan_emergency_reparent(r).await?.to_string()),
            Self::There(vtctld) => {
                let answer = vtctld.ask(DRY_RUN_EMERGENCY_REPARENT, r).await.map_err(unknown);
                answer.map(|a: EmergencyReparentShardResponse| lines(&a.events))
            }
        }
    }
}

fn lines(events: &[Event]) -> String {
    events.iter().map(|event| format!("{}\n", event.value)).collect()
}

/// Vitess's vtctld, and older ones, do not have the call.
fn unknown(e: Error) -> Error {
    if e.condition() != Condition::Unsupported {
        return e;
    }
    let text = format!(
        "this vtctld does not tell the steps of a reparent; use --server internal with --topo-global-server-address \
         and --topo-global-root, which asks the tablets itself: {}",
        e.message()
    );
    e.with_message(text)
}
