use super::*;
use crate::{
    CellFactory,
    memory::{Loss, MemoryCells},
};

const LIMITS: CellLimits = CellLimits {
    call: Duration::from_secs(5),
    suspect: Duration::from_secs(2),
    silent: Duration::from_secs(1),
    patience: Duration::from_secs(30),
};

async fn a_cell() -> (CellConn, MemoryCells) {
    let cells = MemoryCells::default();
    let inner = cells.open("a", "a", "/a").await.unwrap();
    (CellConn::new("a", inner, LIMITS), cells)
}

/// How long a list takes, in whole seconds, and whether it is answered.
async fn list(conn: &CellConn) -> (u64, bool) {
    let begun = Instant::now();
    let answer = conn.list("tablets").await;
    if let Err(e) = &answer {
        assert_eq!(e.condition(), Condition::Timeout);
        assert!(e.message().contains("cell a did not answer within"), "{e}");
    }
    (begun.elapsed().as_secs(), answer.is_ok())
}

#[tokio::test(start_paused = true)]
async fn a_frozen_cell_costs_its_limit_once_and_then_little() {
    let (conn, cells) = a_cell().await;
    assert_eq!(list(&conn).await, (0, true));
    cells.lose("a", Loss::Frozen);
    assert_eq!(list(&conn).await, (5, false));
    assert_eq!(list(&conn).await, (1, false));
    assert_eq!(list(&conn).await, (1, false));
    // One patient call after a while, and one only.
    tokio::time::advance(LIMITS.patience).await;
    assert_eq!(list(&conn).await, (5, false));
    assert_eq!(list(&conn).await, (1, false));
    cells.lose("a", Loss::None);
    assert_eq!(list(&conn).await, (0, true));
    cells.lose("a", Loss::Frozen);
    assert_eq!(list(&conn).await, (5, false));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_an_answer_also_when_it_is_no() {
    let (conn, cells) = a_cell().await;
    cells.lose("a", Loss::Frozen);
    assert_eq!(list(&conn).await, (5, false));
    cells.lose("a", Loss::None);
    assert_eq!(kind(&conn.get("nothing").await.unwrap_err()), ErrorKind::NoNode);
    cells.lose("a", Loss::Frozen);
    assert_eq!(list(&conn).await, (5, false));
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_patience_and_a_call_under_way_show_a_frozen_cell_too() {
    let (conn, cells) = a_cell().await;
    let conn = Arc::new(conn);
    cells.lose("a", Loss::Frozen);
    // Not yet: a second is no silence.
    let _ = timeout(Duration::from_secs(1), conn.list("tablets")).await.unwrap_err();
    let (waiting, begun) = (
        tokio::spawn({
            let conn = conn.clone();
            async move { list(&conn).await }
        }),
        Instant::now(),
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _ = timeout(Duration::from_millis(100), conn.list("tablets")).await.unwrap_err();
    tokio::time::sleep_until(begun + LIMITS.suspect).await;
    assert_eq!(list(&conn).await, (1, false));
    assert_eq!(waiting.await.unwrap(), (5, false));

    cells.lose("a", Loss::None);
    assert_eq!(list(&conn).await, (0, true));
    cells.lose("a", Loss::Frozen);
    let _ = timeout(LIMITS.suspect, conn.list("tablets")).await.unwrap_err();
    assert_eq!(list(&conn).await, (1, false));
}
