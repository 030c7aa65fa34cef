//! One look at a tablet: FullStatus within a limit; where that brings nothing, what exactly is away.
//!
//! A tablet that answers Ping is alive, so that the trouble is its mysqld's. One that does not may be gone for
//! certain: when the machine says that nobody listens at its address.

use std::{sync::Arc, time::Duration};

use proto::{replicationdata::FullStatus, tabletmanagerdata as tm, topodata::Tablet};
use tabletclient::TabletManagerClient;
use tokio::time::timeout;
use vterrors::{Condition, Error, Result};

use crate::view::{Fault, FaultKind};

/// mysqld's numbers for "too many connections", of the server and of a user.
const TOO_MANY: [u16; 2] = [1040, 1203];
/// mysqld's numbers for a server that is not there, or went away.
const AWAY: [u16; 4] = [2002, 2003, 2006, 2013];

/// Looks at a tablet; ends within `limit`, give or take.
pub async fn look(
    manager: &dyn TabletManagerClient,
    tablet: &Tablet,
    limit: Duration,
) -> Result<Arc<FullStatus>, Fault> {
    if tablet.tablet_shutdown_time.is_some() {
        return Err(fault(FaultKind::TabletGone, "it was shut down"));
    }
    let asked = manager.full_status(tablet, tm::FullStatusRequest {});
    tokio::pin!(asked);
    // What has not come at half time may be mysqld's fault: the tablet is asked meanwhile.
    if let Ok(answer) = timeout(limit / 2, &mut asked).await {
        return match full(answer) {
            Ok(status) => Ok(status),
            Err(e) => Err(why(manager, tablet, e, limit / 2).await),
        };
    }
    let (answer, alive) = tokio::join!(timeout(limit / 2, asked), pings(manager, tablet, limit / 2));
    match (answer.map(full), alive) {
        (Ok(Ok(status)), _) => Ok(status),
        (Ok(Err(e)), alive) => Err(of_error(&e, alive)),
        (Err(_), true) => {
            Err(fault(FaultKind::MysqldSlow, format!("its mysqld did not answer within {limit:?}")))
        }
        (Err(_), false) => Err(fault(FaultKind::TabletSilent, format!("no answer within {limit:?}"))),
    }
}

fn full(answer: Result<tm::FullStatusResponse>) -> Result<Arc<FullStatus>> {
    let status = answer?.status;
    status.map(Arc::new).ok_or_else(|| Error::internal("FullStatus without a status"))
}

fn fault(kind: FaultKind, text: impl Into<String>) -> Fault {
    Fault { kind, text: text.into() }
}

async fn pings(manager: &dyn TabletManagerClient, tablet: &Tablet, limit: Duration) -> bool {
    let ping = manager.ping(tablet, tm::PingRequest { payload: "vtorc".into() });
    matches!(timeout(limit, ping).await, Ok(Ok(_)))
}

async fn why(manager: &dyn TabletManagerClient, tablet: &Tablet, e: Error, limit: Duration) -> Fault {
    let refused = timeout(limit, manager.nobody_listens(tablet));
    if e.condition() == Condition::Unreachable && refused.await == Ok(true) {
        return fault(FaultKind::TabletGone, "nobody listens at its address");
    }
    if e.condition() == Condition::InvalidArgument && tabletclient::grpc_address(tablet).is_err() {
        return fault(FaultKind::TabletGone, e.to_string());
    }
    let alive = pings(manager, tablet, limit).await;
    of_error(&e, alive)
}

fn of_error(e: &Error, alive: bool) -> Fault {
    let away = matches!(
        e.condition(),
        Condition::Unreachable | Condition::ConnectionLost | Condition::ServerShutdown
    );
    let kind = match (alive, e.errno()) {
        (false, _) => FaultKind::TabletSilent,
        (true, errno) if TOO_MANY.contains(&errno) && e.condition() == Condition::Mysql => {
            FaultKind::MysqldBusy
        }
        (true, errno) if away || AWAY.contains(&errno) => FaultKind::MysqldGone,
        (true, _) if matches!(e.condition(), Condition::Timeout | Condition::PoolFull) => {
            FaultKind::MysqldSlow
        }
        (true, _) => FaultKind::Unclear,
    };
    fault(kind, e.to_string())
}

#[cfg(test)]
mod tests;
