//! An erasure as a job: refused, stopped, killed, and started while others write.

use std::time::Duration;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::{Clock as _, elapsed};
use penstock_testkit::Cut;
use penstock_tests::thorough::part;
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

use super::dump::{dump, left_of};
use super::person::{USER, plant, world};
use super::{finish, get, minute, plan, start};
use crate::admin::trigger::admin;
use crate::ingest;
use crate::jobs::post;

/// Points at which `relay` is killed.
const POINTS: u64 = 12;

#[tokio::test]
async fn who_is_meant_must_be_said_and_a_mistake_is_named() {
    let (app, _) = world(1_650).await;
    let admin = admin(&app).await;
    for (filter, pointer) in [
        (json!({}), "#/filter/email"),
        (json!({"email": "nobody"}), "#/filter/email"),
        (json!({"email": " "}), "#/filter/email"),
        (json!({"externalId": "cus_1"}), "#/filter/externalId"),
        (json!({"userId": "u", "everybody": true}), "#/filter/everybody"),
    ] {
        let (status, problem) =
            post(&admin, "/admin/erase", json!({"dryRun": true, "filter": filter})).await;
        let pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| &e["pointer"]).collect();
        assert!(status == 400 && pointers.contains(&&json!(pointer)), "{filter}: {problem}");
    }
    let jobs: i64 = app.db.scalar("select count(*) from jobs").await;
    assert_eq!(jobs, 0, "what is refused leaves no name");
}

#[tokio::test]
async fn a_search_that_is_not_over_starts_nothing() {
    let (app, _) = world(1_651).await;
    let admin = admin(&app).await;
    let token = plan(&app, &admin, json!({"userId": USER})).await;
    let search = "update jobs set state = 'searching'; update erasure_searches set is_over = false, place = 3, after = null";
    app.db.client().await.batch_execute(search).await.unwrap();
    let begin = json!({"token": token, "why": "they asked"});
    let (status, problem) = post(&admin, "/admin/erase", begin.clone()).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:penstock:problem:job-state")),
        "{problem}"
    );
    minute(&app).await;
    assert_eq!(post(&admin, "/admin/erase", begin).await.0, 202);
}

#[tokio::test]
async fn a_dry_run_that_nobody_starts_is_forgotten_and_a_stopped_job_keeps_no_name() {
    let (app, person) = world(1_652).await;
    plant(&app, &person).await;
    let admin = admin(&app).await;
    plan(&app, &admin, person.filter()).await;
    app.clock.advance(Duration::from_secs(3_700));
    minute(&app).await;
    let kept = "select (select count(*) from jobs where kind = 'erase') + (select count(*) from erasure_searches)";
    assert_eq!(app.db.scalar::<i64>(kept).await, 0);

    let job = start(&app, &admin, person.filter()).await;
    let path = format!("/admin/jobs/{job}");
    assert_eq!(post(&admin, &format!("{path}/pause"), json!({})).await.1["state"], "paused");
    minute(&app).await;
    let waiting = get(&admin, &path).await["report"]["waiting"].clone();
    assert!(waiting.as_i64().unwrap() > 20, "nothing is begun while it is paused: {waiting}");
    assert_eq!(post(&admin, &format!("{path}/stop"), json!({})).await.1["state"], "stopped");
    minute(&app).await;
    assert_eq!(get(&admin, &path).await["report"]["waiting"], waiting);
    let keys = "select count(*) from job_items where key <> '{}' and job <> '00000000-0000-7000-8000-000000000001'";
    assert_eq!(app.db.scalar::<i64>(keys).await, 0);
    let filters = "select count(*) from jobs where kind = 'erase' and filter ? 'email'";
    assert_eq!(app.db.scalar::<i64>(filters).await, 0);
    assert_eq!(app.db.scalar::<String>("select state from erasures").await, "stopped");
}

#[tokio::test]
async fn what_a_transaction_writes_that_did_not_know_the_names_is_found_after_its_end() {
    let (app, person) = world(1_653).await;
    let admin = admin(&app).await;
    // It has asked for the names, as `process` does, and writes a lead later.
    let mut slow = app.db.client().await;
    let tx = slow.transaction().await.unwrap();
    tx.query("select * from erased_names", &[]).await.unwrap();
    let job = start(&app, &admin, person.filter()).await;
    minute(&app).await;
    minute(&app).await;
    assert_eq!(get(&admin, &format!("/admin/jobs/{job}")).await["state"], "running");
    let lead = format!(
        "insert into leads (id, state, email, content_type, body, received_at, outbox_id) \
         values (gen_random_uuid(), 'accepted', '{}', 'text/plain', 'x', '{}', gen_random_uuid())",
        person.email,
        app.clock.now()
    );
    tx.batch_execute(&lead).await.unwrap();
    tx.commit().await.unwrap();
    finish(&app, &admin, &job).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from leads").await, 0);
}

#[tokio::test]
async fn a_row_that_is_pending_holds_the_end_up_until_it_is_processed_without_the_person() {
    let (app, person) = world(1_654).await;
    let admin = admin(&app).await;
    let json = [("Content-Type", "application/json")];
    ingest::post(&app.ingest, "/leads", &json, person.lead().as_bytes()).await;
    let job = start(&app, &admin, person.filter()).await;
    // `relay` sends tickets, and nobody works them yet.
    minute(&app).await;
    let told = get(&admin, &format!("/admin/jobs/{job}")).await;
    assert_eq!((&told["state"], &told["report"]["waiting"]), (&json!("running"), &json!(1)));
    let told = finish(&app, &admin, &job).await;
    assert_eq!(told["report"]["reasons"][0]["reason"], "it is gone", "{told}");
    assert_eq!(left_of(&person.secrets()[..3], &dump(&app.db).await), Vec::<String>::new());
}

#[tokio::test]
async fn an_erasure_whose_relay_dies_at_any_point_erases_all_the_same() {
    let prepare = async |seed: u64| {
        let (app, person) = world(seed).await;
        plant(&app, &person).await;
        app.clock.advance(elapsed(app.clock.now(), SystemClock.now()));
        let admin = admin(&app).await;
        let job = start(&app, &admin, person.filter()).await;
        let settings = [
            ("SOURCES", "stripe".to_owned()),
            ("TICKETS_QUEUE_URL", "http://127.0.0.1:1/tickets".to_owned()),
        ];
        let victim = Victim::start("relay", &app.db, &settings).await;
        (app, person, admin, job, victim)
    };
    let (_app, _, _, _, victim) = prepare(1_655).await;
    victim.host.invoke(json!({})).await.reply();
    let messages = victim.proxy.messages();
    drop(victim);
    for seed in 0..part(POINTS) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let nth = rng.u64(1..=messages);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let (app, person, admin, job, victim) = prepare(1_656 + seed).await;
        victim.die_at(nth, cut, Value::Object(serde_json::Map::new())).await;
        drop(victim);
        let told = finish(&app, &admin, &job).await;
        assert_eq!(told["report"]["waiting"], 0, "message {nth} {cut:?}: {told}");
        let left = left_of(&person.secrets(), &dump(&app.db).await);
        assert_eq!(left, Vec::<String>::new(), "message {nth} {cut:?}");
    }
}
