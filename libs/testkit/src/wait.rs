//! Waiting for a condition with a deadline, never for a time.

use std::{
    net::TcpListener,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

const STEP: Duration = Duration::from_millis(20);

/// Polls `check` until it gives a value.
///
/// # Panics
/// With `what` and the last refusal when `limit` is over.
pub fn wait_until<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match check() {
            Ok(value) => return value,
            Err(last) if Instant::now() >= deadline => panic!("{what}: not within {limit:?}; last: {last}"),
            Err(_) => park(STEP),
        }
    }
}

/// As [`wait_until`] for a check that awaits; `pause` is the runtime's own pause (`tokio::time::sleep`).
///
/// # Panics
/// With `what` and the last refusal when `limit` is over.
pub async fn wait_until_async<T>(
    what: &str,
    limit: Duration,
    pause: impl AsyncFn(Duration),
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match check().await {
            Ok(value) => return value,
            Err(last) if Instant::now() >= deadline => panic!("{what}: not within {limit:?}; last: {last}"),
            Err(_) => pause(STEP).await,
        }
    }
}

/// Gives the processor away between two looks.
fn park(time: Duration) {
    let never = Mutex::new(());
    if let Ok(guard) = never.lock() {
        let _woken_or_not = Condvar::new().wait_timeout(guard, time);
    }
}

/// The first of `count` adjacent TCP ports on the loopback that are free right now and that this process was
/// not given before; the search starts at a place that differs from process to process. Somebody else may
/// take one before you do: say so when binding fails.
///
/// # Panics
/// When there is no such row of ports.
pub fn free_ports(count: u16) -> u16 {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    let (low, size) = (20_000u32, 12_000u32);
    let count = u32::from(count);
    let start = std::process::id().wrapping_mul(97) % size;
    for _ in 0..size / count {
        let offset = (start + HANDED_OUT.fetch_add(count, Ordering::Relaxed)) % size;
        let base = low + offset.min(size - count);
        let ports = base..base + count;
        let free = |p: u32| u16::try_from(p).is_ok_and(|p| TcpListener::bind(("127.0.0.1", p)).is_ok());
        if ports.clone().all(free)
            && let Ok(base) = u16::try_from(base)
        {
            return base;
        }
    }
    panic!("there are no {count} free ports in a row between {low} and {}", low + size)
}
