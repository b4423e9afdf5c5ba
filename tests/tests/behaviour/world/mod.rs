//! Random operations over the three vendors at once, by seed.
//!
//! The vendors change in every way, their lists and indexes lag, keys are refused, runs of every
//! kind are killed, messages are lost, and days pass. At rest every table is the vendors' truth,
//! and nothing hangs. `PENSTOCK_WORLD_SEED` and `PENSTOCK_WORLD_STEPS` repeat a world that failed,
//! or make a larger one.
#![allow(clippy::print_stdout, reason = "a failure tells the seed of its world")]

use penstock_edge::config;

use crate::world::operations::World;

mod operations;
mod rest;

/// Operations of a small world.
const STEPS: u64 = 120;

/// The seeds of the worlds that every `make test` goes through.
const SEEDS: std::ops::Range<u64> = 1..4;

/// Goes through the worlds of `seeds`, each with some rests on the way.
async fn go_through(seeds: std::ops::Range<u64>, steps: u64) {
    for seed in seeds {
        println!("world {seed} of {steps} operations");
        let mut world = World::new(seed).await;
        for step in 1..=steps {
            world.step().await;
            if step % 60 == 0 || step == steps {
                world.rest().await;
            }
        }
    }
}

#[tokio::test]
async fn at_rest_after_random_operations_every_table_is_the_vendors_truth_and_nothing_hangs() {
    let env = config::from_process();
    let steps = env.parsed_or("PENSTOCK_WORLD_STEPS", STEPS).unwrap();
    match env.optional("PENSTOCK_WORLD_SEED") {
        Some(seed) => {
            let seed: u64 = seed.parse().unwrap();
            go_through(seed..seed + 1, steps).await;
        }
        None => go_through(SEEDS, steps).await,
    }
}

#[tokio::test]
#[ignore = "takes an hour: PENSTOCK_FULL=1 make test"]
async fn a_thousand_worlds_are_the_vendors_truth_at_rest() {
    go_through(1_000..1_150, 600).await;
}
