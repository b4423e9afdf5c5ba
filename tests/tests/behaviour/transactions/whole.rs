//! A whole world: hundreds of transactions. Three in ten of their requests fail, in every way.
//! Their messages come twice, late, in any order, or are lost. Each ends with the third party's
//! word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use penstock_tests::simulators::third_party::{
    ClientFault, Entry, Fate, Fault, Manners, Request, Status, Weather, When,
};
use penstock_tests::test_app::transactions::{Delivery, Transactions};
use uuid::Uuid;

use super::{hours, minutes, nth};

/// The fates of transactions, with their weights.
fn fates() -> Vec<(Fate, u32)> {
    let (completed, declined, failed) = (Status::Completed, Status::Declined, Status::Failed);
    vec![
        (Fate::new(completed, When::AtOnce), 35),
        (Fate::new(declined, When::AtOnce), 10),
        (Fate::new(failed, When::AtOnce), 10),
        (Fate::new(completed, When::Asked(2)), 15),
        (Fate::new(declined, When::Asked(4)), 5),
        (Fate::new(completed, When::After(minutes(7))), 10),
        (Fate::new(completed, When::After(hours(2))), 5),
        (Fate::new(failed, When::After(hours(1))), 5),
        (Fate::new(completed, When::Never), 5),
    ]
}

/// Three in ten requests fail. Among thousands, few are turned away for all: after each of those
/// the third party rests, and the steps of all others are put off.
fn weather(count: u128) -> Weather {
    let mut weather = Weather::of_every_kind(300);
    let chances = weather.submissions.iter_mut().chain(&mut weather.questions);
    for (fault, per_mille) in chances {
        if count > 1_000 && matches!(fault, Fault::TooMany(_) | Fault::Unauthorized) {
            *per_mille = 1;
        }
    }
    weather
}

async fn world(seed: u64, count: u128) -> Transactions {
    let settings = [("THIRD_PARTY_RATE_PER_SECOND", "100000"), ("TRANSACTION_PATIENCE_S", "14400")];
    let mut world = Transactions::with(seed, &settings).await;
    world.delivery = Delivery {
        twice: true,
        late: Duration::from_secs(20),
        lost: 50,
        pace: Duration::from_secs(5),
    };
    world.party.weather(weather(count));
    world.party.terms(|terms| terms.fates = fates());
    world.party.manners(Manners {
        never: 300,
        twice: 200,
        older_after: 200,
        contradicts: 50,
        delay: minutes(3),
        contradicts_after: hours(24 * 7),
        ..Manners::default()
    });
    world.client.weather(&ClientFault::PASSING, 300);
    world
}

/// The word that a client must have read in the end, by the third party's book.
fn truth(entry: &Entry) -> &'static str {
    if entry.is_done() { entry.status.as_str() } else { "failed" }
}

/// Returns all transactions by their ids, with what the statement selects.
async fn rows(world: &Transactions, sql: &str) -> BTreeMap<Uuid, String> {
    let rows = world.db.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn statuses(world: &Transactions) -> BTreeMap<Uuid, String> {
    rows(world, "select id, status from transactions").await
}

async fn each_transaction_ends_in_the_third_partys_truth(seed: u64, count: u128) {
    let mut world = world(seed, count).await;
    for n in 0..count {
        world.submit(nth(n)).await;
        if n % 50 == 49 {
            world.work_for(Duration::from_secs(10)).await;
        }
    }
    world.work_for(hours(6)).await;
    // What the third party has not decided in four hours is for a person. Then its late word comes.
    let undecided: Vec<Uuid> = {
        let book = world.party.book();
        let open = book.entries().filter(|(_, it)| it.is_done() && it.status == Status::Pending);
        open.map(|(id, _)| *id).collect()
    };
    let before = statuses(&world).await;
    for id in &undecided {
        assert_eq!(before[id], "needs_review", "{id}");
        assert!(world.client.told_of(id).is_empty(), "{id}");
        world.party.decide(id, Status::Completed);
        world.party.say(*id, Status::Completed);
    }
    world.work_for(hours(26)).await;
    check(&world, count).await;
    // Words against its own book are kept for a person, and change nothing.
    let ended = statuses(&world).await;
    world.work_for(hours(24 * 8)).await;
    assert_eq!(statuses(&world).await, ended);
    let conflicts: i64 = world.db.scalar("select count(*) from transaction_conflicts").await;
    assert!(conflicts > 0, "the third party has contradicted itself");
    check(&world, count).await;
    every_fault_has_struck(&world, count);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

/// Checks that the world was as bad as it was to be.
fn every_fault_has_struck(world: &Transactions, count: u128) {
    let requests = world.party.requests();
    let Weather { submissions, questions } = weather(count);
    for (is_submission, chances) in [(true, submissions), (false, questions)] {
        for (fault, _) in chances {
            let is_it =
                |it: &Request| it.is_submission() == is_submission && it.fault == Some(fault);
            assert!(requests.iter().any(is_it), "{fault:?} has not struck");
        }
    }
    let answers: BTreeSet<_> = world.client.heard().iter().map(|heard| heard.answer).collect();
    let expected = [None, Some(204), Some(302), Some(429), Some(500)];
    assert_eq!(answers, BTreeSet::from(expected));
    assert_eq!(world.call_backs.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&200]));
}

/// Checks each transaction by its id: against the third party's book, and the client's own log.
async fn check(world: &Transactions, count: u128) {
    let statuses = statuses(world).await;
    let changes = "select transaction_id, string_agg(status, ' ' order by revision)
                   from transaction_changes group by transaction_id";
    let changes = rows(world, changes).await;
    assert_eq!(statuses.len(), usize::try_from(count).unwrap());
    let told_all = world.client.told();
    let mut wrong = Vec::new();
    for n in 0..count {
        let id = nth(n);
        let entry = world.party.entry(&id);
        let expected = entry.as_ref().map_or("failed", truth);
        let effects = entry.as_ref().map_or(0, |entry| entry.effects.len());
        let told = told_all.get(&id).cloned().unwrap_or_default();
        let states: Vec<&str> = changes[&id].split(' ').collect();
        let is_final = |state: &&&str| ["completed", "declined", "failed"].contains(state);
        let is_right = statuses[&id] == expected
            && effects <= 1
            && told == [expected]
            && states.iter().filter(is_final).count() == 1
            && states.last() == Some(&expected);
        if !is_right {
            let fate = entry.as_ref().map(|entry| (entry.status, entry.fate, entry.refused));
            wrong.push(format!("{id}: {states:?}, told {told:?}, done {effects}, {fate:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    for heard in world.client.heard() {
        assert_eq!(heard.signed_by, [0, 1], "each request is signed by both secrets");
        assert_eq!(heard.path, "POST /hooks");
    }
}

#[tokio::test]
async fn each_of_hundreds_of_transactions_ends_in_the_third_partys_truth_and_its_client_knows() {
    each_transaction_ends_in_the_third_partys_truth(541, 300).await;
}

#[tokio::test]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn each_of_ten_thousand_transactions_ends_in_the_third_partys_truth_and_its_client_knows() {
    each_transaction_ends_in_the_third_partys_truth(542, 10_000).await;
}
