//! Transactions that a third party decides: what its clients, its operators and the third party may
//! rely on. The third party's own book and the client's own log say what is right.

mod front_door;
mod kills;
mod notifying;
mod reading;
pub mod spill;
mod steps;
mod traps;
mod whole;

use std::time::Duration;

use penstock_tests::simulators::third_party::{Entry, Manners, Request};
use penstock_tests::test_app::transactions::Transactions;
use uuid::Uuid;

/// The transaction of most tests.
pub const ID: Uuid = Uuid::from_u128(0x019a_0c9e_6a10_7bb3_8f0e_2f8a_3f2f_9d11);

/// Returns the `n`th of other transactions.
pub fn nth(n: u128) -> Uuid {
    Uuid::from_u128(ID.as_u128() + 1 + n)
}

pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

pub const fn hours(n: u64) -> Duration {
    minutes(n * 60)
}

/// Manners of a third party that never calls back: only questions find out.
pub fn silent() -> Manners {
    Manners { never: 1_000, ..Manners::default() }
}

/// Returns `S` for each submission of a transaction and `Q` for each question, in their order.
pub fn calls(world: &Transactions, id: &Uuid) -> String {
    let letter = |it: &Request| if it.is_submission() { 'S' } else { 'Q' };
    world.party.requests_of(id).iter().map(letter).collect()
}

/// Returns how many submissions of a transaction were done.
pub fn done(world: &Transactions, id: &Uuid) -> usize {
    world.party.entry(id).as_ref().map_or(0, |entry: &Entry| entry.effects.len())
}
