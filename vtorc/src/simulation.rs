//! A shard that is made up, and several vtorcs that watch it, in simulated time from a seed: processes die, freeze and
//! come back, cables are cut, answers are late or lost, repairs are done and not answered. What runs is the code that
//! runs in production: [`analyse`], [`decide_recovery`], [`ShardView`].
//!
//! What must hold for every seed:
//! - a primary that lives and feeds its replicas is not replaced, however slow it is and whoever cannot reach it;
//! - no acknowledged write is lost;
//! - when the faults are over the shard becomes whole, and then nothing is done to it any more.
//!
//! `SEEDS=7..8` runs some seeds, `SEEDS=0..100000` many.

mod vtorcs;
mod world;

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};

use vtorcs::Vtorc;
use world::World;

/// Seeds of an ordinary run.
const SEEDS: u64 = 200;
const TICK: Duration = Duration::from_millis(50);
/// Faults begin and end before this.
const FAULTS_END: Duration = Duration::from_secs(60);
/// Then the shard has so long to become whole: the longest pause between two attempts, and then some.
const WHOLE_BY: Duration = Duration::from_secs(160);
const END: Duration = Duration::from_secs(180);

/// One run; what went wrong, if anything did, and what led there.
fn run(seed: u64) -> Result<(), String> {
    let mut world = World::new(StdRng::seed_from_u64(seed), FAULTS_END);
    let mut vtorcs = [Vtorc::new(0, &world), Vtorc::new(1, &world)];
    let done = play(&mut world, &mut vtorcs);
    done.map_err(|e| format!("{e}\n    {}", world.story.join("\n    ")))
}

fn play(world: &mut World, vtorcs: &mut [Vtorc]) -> Result<(), String> {
    let mut now = Duration::ZERO;
    let mut acted_last = Duration::ZERO;
    while now < END {
        now += TICK;
        world.tick(now);
        for vtorc in &mut *vtorcs {
            if vtorc.tick(now, world) {
                acted_last = now;
            }
        }
        if let Some(violation) = world.violation.take() {
            return Err(format!("at {now:?}: {violation}"));
        }
    }
    if let Some(fault) = world.not_whole() {
        return Err(format!("not whole at the end: {fault}"));
    }
    if let Some(found) = vtorcs.iter().find_map(Vtorc::finds) {
        return Err(format!("at the end a vtorc finds {found}"));
    }
    if acted_last > WHOLE_BY {
        return Err(format!("something was done as late as {acted_last:?}"));
    }
    Ok(())
}

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("SEEDS") else { return 0..SEEDS };
    let (from, to) = text.split_once("..").expect("SEEDS=from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn shards_become_whole_and_lose_nothing() {
    let failed: Vec<String> =
        seeds().filter_map(|seed| run(seed).err().map(|e| format!("seed {seed}: {e}"))).collect();
    let shown = failed.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} seeds failed (SEEDS=n..m replays):\n{shown}", failed.len());
}
