//! Worlds at random: three vendors that change, lag, refuse and fail, pulls that are killed,
//! messages that are lost or come twice, and days that pass. At rest every table is the vendors'
//! truth, and no refetch and no run hangs.
//!
//! A world follows from its seed. The seeds are few by default. `PENSTOCK_FULL=1 make test` runs
//! the ignored test too, for PENSTOCK_WORLDS_MINUTES (60 if it is not set).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]
#![allow(clippy::print_stdout, reason = "a world that fails tells its story")]

mod mail;
mod meanwhile;
mod trouble;
mod world;

use std::time::{Duration, Instant};

use penstock_edge::config;

use crate::world::World;

/// The operations of a world.
const FEW: usize = 30;
const MANY: usize = 120;

async fn comes_to_rest(seed: u64, operations: usize) {
    let mut world = World::begin(seed).await;
    for _ in 0..operations {
        world.operate().await;
    }
    world.rest().await;
    world.assert_true().await;
}

#[tokio::test]
async fn a_world_at_random_comes_to_the_vendors_truth_once_it_rests() {
    comes_to_rest(1, FEW).await;
}

#[tokio::test]
async fn another_world_at_random_comes_to_the_vendors_truth_once_it_rests() {
    comes_to_rest(3, FEW).await;
}

#[tokio::test]
#[ignore = "takes an hour: PENSTOCK_FULL=1 make test"]
async fn an_hour_of_worlds_at_random_come_to_the_vendors_truth_once_they_rest() {
    let process = config::from_process();
    let number = |name: &str, default: u64| {
        process.optional(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let time = Duration::from_secs(60 * number("PENSTOCK_WORLDS_MINUTES", 60));
    let (began, first) = (Instant::now(), number("PENSTOCK_WORLDS_SEED", 1_000));
    let mut seed = first;
    while began.elapsed() < time {
        comes_to_rest(seed, MANY).await;
        seed += 1;
    }
    println!("{} worlds came to rest", seed - first);
}
