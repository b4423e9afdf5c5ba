//! Compares our tables with the simulators' own truth, row by row. Most tests end with it.
#![allow(clippy::expect_used, clippy::panic, reason = "for tests only: to fail is to panic")]

pub mod gcal;
pub mod hubspot;
pub mod stripe;

use std::collections::BTreeMap;
use std::fmt::Debug;

use penstock_testkit::TestDatabase;

/// The most differing rows that a failure shows.
const SHOWN: usize = 5;

/// Asserts that our rows are the true ones.
///
/// # Panics
///
/// If a row is wrong, missing, or not in the truth. The message shows some of each.
pub fn assert_same<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    ours: &BTreeMap<K, V>,
    truth: &BTreeMap<K, V>,
) {
    if ours == truth {
        return;
    }
    let differ: Vec<_> = truth.iter().filter(|(key, row)| ours.get(*key) != Some(row)).collect();
    let shown: Vec<_> =
        differ.iter().take(SHOWN).map(|(key, row)| (key, ours.get(*key), row)).collect();
    let more: Vec<_> = ours.iter().filter(|(key, _)| !truth.contains_key(*key)).collect();
    let (n, m) = (differ.len(), more.len());
    let not_there = &more[..more.len().min(SHOWN)];
    panic!(
        "{what}: {n} of {} differ (key, ours, truth): {shown:#?}\nand {m} are not there: {not_there:#?}",
        truth.len()
    );
}

/// Asserts that every outbox row was processed and that there is no dead letter.
///
/// # Panics
///
/// If a row is pending or dead. The message names it.
pub async fn assert_nothing_left(db: &TestDatabase) {
    db.assert_nothing_waits().await;
    let letters: i64 = db.scalar("select count(*) from dead_letters").await;
    if letters > 0 {
        let first: String = db
            .scalar("select format('%s/%s/%s: %s', source, entity, external_id, error) from dead_letters limit 1")
            .await;
        panic!("{letters} dead letters, such as {first}");
    }
}
