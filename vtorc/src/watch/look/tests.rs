use async_trait::async_trait;
use tabletclient::TabletManagerClient;

use super::*;

/// A tablet that answers each of the two calls after a while, or with an error.
struct Answers {
    full: (Duration, Result<(), (Condition, u16)>),
    ping: (Duration, bool),
}

const FOREVER: Duration = Duration::from_secs(3600);

#[async_trait]
impl TabletManagerClient for Answers {
    async fn full_status(&self, _: &Tablet, _: tm::FullStatusRequest) -> Result<tm::FullStatusResponse> {
        tokio::time::sleep(self.full.0).await;
        match self.full.1 {
            Ok(()) => Ok(tm::FullStatusResponse { status: Some(FullStatus::default()) }),
            Err((Condition::Mysql, errno)) => Err(Error::mysql(errno, *b"HY000", "as told")),
            Err((condition, _)) => Err(Error::new(condition, "as told")),
        }
    }

    async fn ping(&self, _: &Tablet, _: tm::PingRequest) -> Result<tm::PingResponse> {
        tokio::time::sleep(self.ping.0).await;
        match self.ping.1 {
            true => Ok(tm::PingResponse::default()),
            false => Err(Error::new(Condition::ConnectionLost, "as told")),
        }
    }
}

/// Nobody listens at port 1 of this machine.
fn tablet(port: u16) -> Tablet {
    Tablet {
        hostname: "127.0.0.1".into(),
        port_map: [("grpc".to_owned(), i32::from(port))].into(),
        ..Tablet::default()
    }
}

async fn kind(answers: Answers, tablet: &Tablet) -> Option<FaultKind> {
    look(&answers, tablet, Duration::from_secs(1)).await.err().map(|f| f.kind)
}

#[tokio::test(start_paused = true)]
async fn what_is_away_is_told_apart() {
    let ms = Duration::from_millis;
    let lost = |condition| (ms(1), Err((condition, 0)));
    let (alive, dead) = ((ms(1), true), (FOREVER, true));
    for (full, ping, expected) in [
        ((ms(5), Ok(())), dead, None),
        ((ms(800), Ok(())), dead, None),
        ((FOREVER, Ok(())), alive, Some(FaultKind::MysqldSlow)),
        ((FOREVER, Ok(())), dead, Some(FaultKind::TabletSilent)),
        (lost(Condition::ConnectionLost), alive, Some(FaultKind::MysqldGone)),
        (lost(Condition::ConnectionLost), (ms(1), false), Some(FaultKind::TabletSilent)),
        ((ms(1), Err((Condition::Mysql, 1040))), alive, Some(FaultKind::MysqldBusy)),
        ((ms(1), Err((Condition::Mysql, 2013))), alive, Some(FaultKind::MysqldGone)),
        (lost(Condition::PoolFull), alive, Some(FaultKind::MysqldSlow)),
        (lost(Condition::Internal), alive, Some(FaultKind::Unclear)),
    ] {
        assert_eq!(kind(Answers { full, ping }, &tablet(1)).await, expected, "{full:?} {ping:?}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_has_is_a_tablet_that_is_gone() {
    let unreachable = || Answers {
        full: (Duration::ZERO, Err((Condition::Unreachable, 0))),
        ping: (Duration::ZERO, false),
    };
    assert_eq!(kind(unreachable(), &tablet(1)).await, Some(FaultKind::TabletGone));
    // Somebody listens: it cannot be said that it is gone.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(kind(unreachable(), &tablet(port)).await, Some(FaultKind::TabletSilent));
    let down = Tablet { tablet_shutdown_time: Some(Default::default()), ..tablet(port) };
    assert_eq!(kind(unreachable(), &down).await, Some(FaultKind::TabletGone));
}
