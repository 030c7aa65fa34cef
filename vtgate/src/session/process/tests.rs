use std::task::Poll;

use futures::poll;

use super::*;

fn process() -> Arc<Process> {
    Arc::new(Process::new(7, "u", "127.0.0.1:1"))
}

#[tokio::test]
async fn a_kill_of_the_query_ends_with_the_query() {
    let p = process();
    let query = Bytes::from_static(b"select 1");
    p.begin("Query", &query, &TargetString::default());
    {
        let mut waiting = Box::pin(p.interrupted());
        assert_eq!(poll!(&mut waiting), Poll::Pending);
        p.kill(Kill::Query);
        assert_eq!(poll!(&mut waiting), Poll::Ready(Kill::Query));
    }
    assert!(!p.is_killed());
    p.begin("Query", &query, &TargetString::default());
    assert_eq!(poll!(Box::pin(p.interrupted())), Poll::Pending);
    p.kill(Kill::Connection);
    p.begin("Query", &query, &TargetString::default());
    assert_eq!(poll!(Box::pin(p.interrupted())), Poll::Ready(Kill::Connection));
    assert!(p.is_killed());
}

#[tokio::test]
async fn a_shield_holds_a_kill_off() {
    let p = process();
    let shield = p.shield();
    p.kill(Kill::Query);
    let mut waiting = Box::pin(p.interrupted());
    assert_eq!(poll!(&mut waiting), Poll::Pending);
    drop(shield);
    assert_eq!(poll!(&mut waiting), Poll::Ready(Kill::Query));
}

#[test]
fn users_see_their_own() {
    let all = Processes::default();
    all.add(process());
    all.add(Arc::new(Process::new(8, "other", "")));
    assert_eq!(all.of_user("u").iter().map(|p| p.id).collect::<Vec<_>>(), [7]);
    all.remove(7);
    assert!(all.get(7).is_none() && all.get(8).is_some());
}

#[tokio::test]
async fn a_stop_waits_for_the_transaction_and_a_kill_does_not() {
    let p = process();
    let mut waiting = Box::pin(p.ended(true));
    assert_eq!(poll!(&mut waiting), Poll::Pending);
    p.stop();
    assert_eq!(poll!(&mut waiting), Poll::Pending);
    assert_eq!(poll!(Box::pin(p.ended(false))), Poll::Ready(End::Stopped));
    p.kill(Kill::Connection);
    assert_eq!(poll!(&mut waiting), Poll::Ready(End::Killed));
}

#[tokio::test]
async fn who_waits_is_woken_from_elsewhere() {
    let p = process();
    let other = p.clone();
    let waiting = tokio::spawn(async move { other.interrupted().await });
    tokio::task::yield_now().await;
    std::thread::spawn(move || p.kill(Kill::Query)).join().unwrap();
    assert_eq!(waiting.await.unwrap(), Kill::Query);
}
