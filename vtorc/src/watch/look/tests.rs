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
    look(&answers, tablet, Suspicion::default(), Duration::from_secs(1)).await.err().map(|f| f.kind)
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

/// A mysqld whose queries hang is told from one that is frozen by what it says to whoever connects.
#[tokio::test]
async fn a_mysqld_that_greets_nobody_is_mute() {
    let hangs = || Answers { full: (FOREVER, Ok(())), ping: (Duration::from_millis(1), true) };
    // Nobody accepts: the connection is taken by the kernel alone, as that to a frozen process is.
    let frozen = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let greets = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at =
        |port: u16| Tablet { mysql_hostname: "127.0.0.1".into(), mysql_port: i32::from(port), ..tablet(1) };
    let (frozen, open) = (at(frozen.local_addr().unwrap().port()), at(greets.local_addr().unwrap().port()));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = greets.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"greetings").await.unwrap();
        }
    });
    let limit = Duration::from_millis(300);
    let knock = Suspicion { slow: false, knock: true };
    let doubted = Suspicion { slow: true, knock: true };
    for (tablet, suspicion, expected) in [
        (&frozen, knock, FaultKind::MysqldMute),
        (&frozen, doubted, FaultKind::MysqldMute),
        (&frozen, Suspicion::default(), FaultKind::MysqldSlow),
        (&open, knock, FaultKind::MysqldSlow),
        (&open, doubted, FaultKind::MysqldSlow),
        // No port is known, or nobody is behind it: that says nothing of mysqld.
        (&tablet(1), knock, FaultKind::MysqldSlow),
        (&at(1), knock, FaultKind::MysqldSlow),
    ] {
        let fault = look(&hangs(), tablet, suspicion, limit).await.unwrap_err();
        assert_eq!(fault.kind, expected, "{suspicion:?}: {}", fault.text);
    }
    // The same where the tablet says nothing either.
    let silent = || Answers { full: (FOREVER, Ok(())), ping: (FOREVER, true) };
    for (tablet, expected) in [(&frozen, FaultKind::HostMute), (&open, FaultKind::TabletSilent)] {
        assert_eq!(look(&silent(), tablet, knock, limit).await.unwrap_err().kind, expected);
    }
    // An answer is not held up by a door that stays shut.
    let answers = Answers { full: (Duration::from_millis(20), Ok(())), ping: (FOREVER, true) };
    let begun = std::time::Instant::now();
    assert!(look(&answers, &frozen, doubted, FOREVER).await.is_ok());
    assert!(begun.elapsed() < Duration::from_secs(20));
}
