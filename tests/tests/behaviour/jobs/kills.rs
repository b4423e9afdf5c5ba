//! `relay` as built, killed at any message to Postgres while it works a job: no row is replayed for
//! nothing, none is left out, and the report is right (traps 8, 24).

use std::time::Duration;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::{Clock as _, elapsed};
use penstock_testkit::Cut;
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::part;
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

use super::{Mistaken, finish, start, unknown_to_it, work};
use crate::admin::trigger::{Admin, admin};
use crate::process::batches::put;
use crate::stripe_account::account;

/// Points at which `relay` is killed.
const POINTS: u64 = 20;

const DEAD: usize = 12;

/// An app with dead rows at the time of day, which is that of a function as built.
async fn dead_now(seed: u64) -> (TestApp, Admin, String) {
    let mut app = TestApp::over(account(seed, 1)).await;
    app.clock.advance(elapsed(app.clock.now(), SystemClock.now()));
    app.process.reader.insert("stripe", Mistaken::mistaken());
    let id = |n| format!("ch_{n:02}");
    let rows: Vec<_> = (0..DEAD).map(|n| (id(n), unknown_to_it(&id(n)))).collect();
    let ids = put(&app, &rows).await;
    work(&app, &ids).await;
    app.process.reader.insert("stripe", Mistaken::sound());
    let admin = admin(&app).await;
    let job = start(&admin, "/admin/events/replay", json!({"source": "stripe"})).await;
    (app, admin, job)
}

async fn relay(app: &TestApp) -> Victim {
    let settings = [
        ("SOURCES", "stripe".to_owned()),
        ("TICKETS_QUEUE_URL", "http://127.0.0.1:1/tickets".to_owned()),
    ];
    Victim::start("relay", &app.db, &settings).await
}

#[tokio::test]
async fn a_job_whose_relay_dies_at_any_point_handles_each_row_once_and_reports_it() {
    let (app, _, _) = dead_now(1520).await;
    let victim = relay(&app).await;
    victim.host.invoke(json!({})).await.reply();
    let messages = victim.proxy.messages();
    for seed in 0..part(POINTS) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let nth = rng.u64(1..=messages);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let (app, admin, job) = dead_now(1521 + seed).await;
        let victim = relay(&app).await;
        victim.die_at(nth, cut, Value::Object(serde_json::Map::new())).await;
        drop(victim);
        // Its tickets went to a queue that nobody reads. The rows are due all the same.
        app.clock.advance(Duration::from_secs(400));
        let told = finish(&app, &admin, &job).await;
        let report = &told["report"];
        assert_eq!(report["processed"], json!(DEAD), "message {nth} {cut:?}: {report}");
        let collected = "select sum(amount)::bigint from payments where status = 'collected'";
        assert_eq!(app.db.scalar::<i64>(collected).await, 100 * 12, "message {nth}");
        let replays = "select max(replay_count)::bigint from dead_letters";
        assert_eq!(app.db.scalar::<i64>(replays).await, 1, "message {nth}");
    }
}
