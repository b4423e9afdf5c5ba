//! `settle` as built, killed with SIGKILL at any message to Postgres: each transaction is submitted
//! once in effect all the same, ends as the third party says, and its client is told.

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::transaction::Message;
use penstock_testkit::{Cut, Outcome};
use penstock_tests::simulators::third_party::{Manners, ThirdPartySimulator, Weather};
use penstock_tests::test_app::transactions::{CLIENT_SECRETS, Transactions};
use penstock_tests::thorough::part;
use penstock_tests::victim::Victim;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{done, hours, nth};

/// Points at which it is killed, by each of two tests.
const POINTS: u64 = 25;

/// Transactions in the batch at which it is killed.
const BATCH: u128 = 3;

/// A world at the real time, which the built function knows.
async fn world(seed: u64, per_mille: u32) -> Transactions {
    let world = Transactions::start(seed).await;
    world.clock.set(SystemClock.now());
    world.party.weather(Weather::of_every_kind(per_mille));
    world.party.manners(Manners { never: 500, twice: 200, ..Manners::default() });
    for n in 0..BATCH {
        world.submit(nth(n)).await;
    }
    world
}

async fn victim(world: &Transactions) -> Victim {
    let settings = [
        ("THIRD_PARTY_BASE_URL", world.party.url()),
        ("THIRD_PARTY_KEY", world.party.key()),
        ("THIRD_PARTY_TIMEOUT_S", "2".to_owned()),
        ("CALL_BACK_SECRET", ThirdPartySimulator::secret().to_owned()),
        ("NOTIFY_URL", world.client.url()),
        ("NOTIFY_SECRET", json!({"signingSecrets": CLIENT_SECRETS}).to_string()),
        ("NOTIFY_PRIVATE_ADDRESSES", "allowed".to_owned()),
    ];
    Victim::start("settle", &world.db, &settings).await
}

fn event() -> Value {
    let record = |n| {
        let body = Message::Transaction(nth(n)).to_body();
        json!({"messageId": format!("m{n}"), "body": body, "attributes": {"ApproximateReceiveCount": "1"}})
    };
    json!({"Records": (0..BATCH).map(record).collect::<Vec<_>>()})
}

/// Lets everything happen in a day and more, and compares each transaction with the third party's
/// book and with the client's log.
async fn assert_ends_well(world: &mut Transactions, at: &str) {
    world.work_for(hours(27)).await;
    for id in (0..BATCH).map(nth) {
        let truth = truth(world, &id);
        assert_eq!((world.status(id).await, done(world, &id) <= 1), (truth.clone(), true), "{at}");
        assert_eq!(world.client.told_of(&id), [truth], "{at}: {id}");
    }
}

fn truth(world: &Transactions, id: &Uuid) -> String {
    let entry = world.party.entry(id).filter(|entry| entry.is_done());
    entry.map_or("failed", |entry| entry.status.as_str()).to_owned()
}

async fn dies_anywhere(seed: u64, per_mille: u32) {
    let dry = world(seed, 0).await;
    let process = victim(&dry).await;
    let outcome = process.host.invoke(event()).await;
    assert_eq!(outcome, Outcome::Replied(json!({"batchItemFailures": []})));
    let messages = process.proxy.messages();
    for seed in seed..seed + part(POINTS) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (at, cut) = (rng.u64(1..=messages), rng.bool());
        let cut = if cut { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let mut world = world(seed, per_mille).await;
        victim(&world).await.die_at(at, cut, event()).await;
        assert_ends_well(&mut world, &format!("seed {seed}, {cut:?} message {at}")).await;
    }
}

#[tokio::test]
async fn settle_killed_at_any_point_submits_once_and_tells_the_client() {
    dies_anywhere(58_000, 0).await;
}

#[tokio::test]
async fn settle_killed_at_any_point_while_the_third_party_fails_submits_once_and_tells_the_client()
{
    dies_anywhere(58_100, 300).await;
}
