//! One look at a tablet: FullStatus within a limit; where that brings nothing, what exactly is away.
//!
//! A tablet that answers Ping is alive, so that the trouble is its mysqld's. One that does not may be gone for
//! certain: when the machine says that nobody listens at its address. A primary's mysqld that does not answer in time may
//! be slow or frozen: it is connected to, for a server that runs greets whoever comes.

use std::{sync::Arc, time::Duration};

use proto::{
    replicationdata::FullStatus,
    tabletmanagerdata as tm,
    topodata::{Tablet, TabletType},
};
use tabletclient::TabletManagerClient;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use vterrors::{Condition, Error, Result};

use crate::view::{Failing, Fault, FaultKind, TabletView};

/// mysqld's numbers for "too many connections", of the server and of a user.
const TOO_MANY: [u16; 2] = [1040, 1203];
/// mysqld's numbers for a server that is not there, or went away.
const AWAY: [u16; 4] = [2002, 2003, 2006, 2013];

/// Looks in a row whose trouble makes mysqld's door be tried. A mysqld that greets counts each try as a handshake that was
/// broken off, and shuts a host out after 100 of them (`max_connect_errors`).
const KNOCKS: u32 = 5;

/// What the looks before make of the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suspicion {
    /// Its mysqld did not answer in time: whose fault that is, is asked from the beginning.
    pub slow: bool,
    /// mysqld's door is tried as well.
    pub knock: bool,
}

impl Suspicion {
    pub fn of(tablet: &TabletView) -> Self {
        use FaultKind::{HostMute, MysqldMute, MysqldSlow, TabletSilent};
        let failing = tablet.failing.as_ref();
        let hangs = |f: &Failing| matches!(f.fault.kind, MysqldMute | MysqldSlow | TabletSilent | HostMute);
        let worth = |f: &Failing| f.count < KNOCKS || matches!(f.fault.kind, MysqldMute | HostMute);
        Self {
            slow: failing.is_some_and(hangs),
            knock: tablet.tablet_type() == TabletType::Primary && failing.is_none_or(worth),
        }
    }
}

/// What a connection to mysqld's port shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// A server greets, or closes the connection: it runs.
    Opens,
    /// The connection was taken, and nothing was said.
    Mute,
    /// Not known here: mysqld's port cannot be reached.
    Unknown,
}

/// Looks at a tablet; ends within `limit`, give or take.
pub async fn look(
    manager: &dyn TabletManagerClient,
    tablet: &Tablet,
    suspicion: Suspicion,
    limit: Duration,
) -> Result<Arc<FullStatus>, Fault> {
    if tablet.tablet_shutdown_time.is_some() {
        return Err(fault(FaultKind::TabletGone, "it was shut down"));
    }
    let asked = manager.full_status(tablet, tm::FullStatusRequest {});
    tokio::pin!(asked);
    // What has not come at half time may be mysqld's fault: the tablet is asked meanwhile.
    let patience = if suspicion.slow { Duration::ZERO } else { limit / 2 };
    if let Ok(answer) = timeout(patience, &mut asked).await {
        return match full(answer) {
            Ok(status) => Ok(status),
            Err(e) => Err(why(manager, tablet, e, limit / 2).await),
        };
    }
    let rest = limit - patience;
    let others = async { tokio::join!(pings(manager, tablet, rest), door(tablet, suspicion, rest)) };
    tokio::pin!(others);
    let mut found = None;
    let answer = timeout(rest, async {
        loop {
            tokio::select! {
                biased;
                answer = &mut asked => return full(answer),
                others = &mut others, if found.is_none() => found = Some(others),
            }
        }
    });
    let answer = answer.await;
    if let Ok(Ok(status)) = answer {
        return Ok(status);
    }
    let (alive, door) = match found {
        Some(found) => found,
        None => others.await,
    };
    let text = |more: &str| format!("its mysqld did not answer within {limit:?}{more}");
    match (answer, alive, door) {
        (Ok(Err(e)), alive, _) => Err(of_error(&e, alive)),
        (_, true, Door::Mute) => Err(fault(FaultKind::MysqldMute, text(", and greets nobody"))),
        (_, true, _) => Err(fault(FaultKind::MysqldSlow, text(""))),
        (Err(_), false, Door::Mute) => {
            let text = format!("no answer within {limit:?}, and its mysqld greets nobody");
            Err(fault(FaultKind::HostMute, text))
        }
        (_, false, _) => Err(fault(FaultKind::TabletSilent, format!("no answer within {limit:?}"))),
    }
}

/// Tries mysqld's door: a server that runs greets whoever connects, or says that it has too many connections, whatever
/// its queries wait for.
async fn door(tablet: &Tablet, suspicion: Suspicion, limit: Duration) -> Door {
    let Some(port) = u16::try_from(tablet.mysql_port).ok().filter(|port| *port > 0 && suspicion.knock) else {
        return Door::Unknown;
    };
    let until = Instant::now() + limit;
    let connecting = TcpStream::connect((tablet.mysql_hostname.as_str(), port));
    let Ok(Ok(mut stream)) = timeout_at(until, connecting).await else { return Door::Unknown };
    match timeout_at(until, stream.read(&mut [0])).await {
        Ok(_) => Door::Opens,
        Err(_) => Door::Mute,
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
