//! The list of what has failed, its causes, and one row of it.

use std::collections::BTreeMap;
use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_domain::ticket::Ticket;
use penstock_tests::test_app::{TestApp, batch};
use penstock_tests::thorough::is_thorough;
use serde_json::{Value, json};

use super::{Mistaken, finish, get, start, unknown_to_it, with_dead, work};
use crate::admin::trigger::admin;
use crate::process::batches::{charge, put};
use crate::stripe_account::account;

/// Charges that cannot be read, each in its own way.
fn broken(kind: usize, id: &str) -> String {
    let sound = charge(id, "100", "succeeded");
    let with = |from: &str, to: &str| sound.replace(from, to);
    match kind {
        0 => unknown_to_it(id),
        1 => with("\"amount\": 100", "\"amount\": \"100\""),
        2 => with("\"currency\": \"usd\"", "\"currency\": true"),
        3 => with("\"amount\": 100", "\"amount\": 1.5"),
        4 => with("\"amount\": 100", "\"amount\": [100]"),
        5 => with("\"amount\": 100, ", ""),
        6 => with("\"amount\": 100", "\"amount\": true"),
        7 => with("\"currency\": \"usd\"", "\"currency\": 7"),
        8 => with("\"currency\": \"usd\"", "\"currency\": \"zzz\""),
        9 => with("\"currency\": \"usd\", ", ""),
        10 => with("\"currency\": \"usd\"", "\"currency\": null"),
        11 => with("\"created\": 1780272000", "\"created\": 9999999999999999"),
        12 => with("\"created\": 1780272000", "\"created\": {}"),
        13 => with("\"created\": 1780272000, ", ""),
        14 => with("\"currency\": \"usd\"", "\"currency\": {}"),
        15 => with("\"status\": \"succeeded\"", "\"status\": []"),
        16 => "[]".to_owned(),
        17 => "{".to_owned(),
        18 => String::new(),
        _ => format!("\"{id}\""),
    }
}

const KINDS: usize = 20;

#[tokio::test]
async fn each_of_twenty_causes_is_told_apart_and_to_mend_one_brings_exactly_its_rows_once() {
    let (rows, each) = if is_thorough() { (10_000, 25) } else { (600, 3) };
    let mut app = TestApp::over(account(1500, 1)).await;
    app.process.reader.insert("stripe", Mistaken::mistaken());
    let admin = admin(&app).await;
    let id = |n: usize| format!("ch_{n:05}");
    let bad = KINDS * each;
    let payload = |n: usize| {
        if n < bad { broken(n % KINDS, &id(n)) } else { charge(&id(n), "100", "succeeded") }
    };
    let objects: Vec<_> = (0..rows).map(|n| (id(n), payload(n))).collect();
    let ids = put(&app, &objects).await;
    work(&app, &ids).await;

    let told = get(&admin, "/admin/events/failed?group=reason&limit=200").await;
    let causes = told["causes"].as_array().unwrap();
    assert_eq!((causes.len(), &told["capped"]), (KINDS, &json!(false)), "{told:#}");
    for cause in causes {
        assert_eq!(cause["count"], json!(each), "{cause}");
    }
    // Each cause is of the rows of one kind, and of all of them.
    let mut kinds: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut path = "/admin/events/failed?limit=200".to_owned();
    loop {
        let page = get(&admin, &path).await;
        for event in page["events"].as_array().unwrap() {
            let n: usize = event["externalId"].as_str().unwrap()[3..].parse().unwrap();
            assert_eq!(event["state"], "dead");
            let reason = event["reason"].as_str().unwrap().to_owned();
            kinds.entry(reason).or_default().push(n % KINDS);
        }
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/admin/events/failed?limit=200&cursor={cursor}");
    }
    assert_eq!(kinds.values().map(Vec::len).sum::<usize>(), bad);
    for (reason, of) in &kinds {
        assert!(of.iter().all(|kind| kind == &of[0]), "{reason}: {of:?}");
    }

    // One map is mended. Whoever replays everything of it gets its rows, and no other.
    app.process.reader.insert("stripe", Mistaken::sound());
    let collected =
        "select coalesce(sum(amount), 0)::bigint from payments where status = 'collected'";
    let sound = i64::try_from(rows - bad).unwrap();
    assert_eq!(app.db.scalar::<i64>(collected).await, sound * 100);
    let job = start(&admin, "/admin/events/replay", json!({"reason": "no map knows"})).await;
    let told = finish(&app, &admin, &job).await;
    assert_eq!((&told["items"], &told["report"]["processed"]), (&json!(each), &json!(each)));
    let mended = sound + i64::try_from(each).unwrap();
    assert_eq!(app.db.scalar::<i64>(collected).await, mended * 100);
    let revenue = "select sum(amount)::bigint from revenue_buckets where grain = 'hour' and status = 'collected'";
    assert_eq!(app.db.scalar::<i64>(revenue).await, mended * 100);
    let causes = get(&admin, "/admin/events/failed?group=reason&limit=200").await;
    let causes = causes["causes"].as_array().unwrap();
    assert_eq!(causes.len(), KINDS - 1);
    assert!(
        causes.iter().all(|cause| cause["count"] == json!(each)),
        "the others are as they were"
    );
}

#[tokio::test]
async fn trap_25_pages_of_failures_neither_skip_nor_repeat_while_rows_die() {
    let (app, _) = with_dead(1501, 12).await;
    let admin = admin(&app).await;
    let mut seen = Vec::new();
    let mut path = "/admin/events/failed?limit=5".to_owned();
    loop {
        let page = get(&admin, &path).await;
        let ids = page["events"].as_array().unwrap().iter();
        seen.extend(ids.map(|event| event["externalId"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/admin/events/failed?limit=5&cursor={cursor}");
        app.clock.advance(Duration::from_secs(1));
        let late = format!("ch_late_{}", seen.len());
        let ids = put(&app, &[(late.clone(), charge(&late, "\"x\"", "succeeded"))]).await;
        work(&app, &ids).await;
    }
    seen.sort();
    let all: Vec<String> = (0..12).map(|n| format!("ch_{n:05}")).collect();
    assert_eq!(seen, all);
    // Pages by number are there for whoever wants them.
    let second = get(&admin, "/admin/events/failed?limit=5&page=2").await;
    assert_eq!(second["events"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn failures_are_chosen_by_source_kind_reason_object_and_time() {
    let (app, _) = with_dead(1502, 3).await;
    let admin = admin(&app).await;
    app.clock.advance(Duration::from_secs(3_600));
    let ids = put(&app, &[("ch_x".to_owned(), charge("ch_x", "\"1\"", "succeeded"))]).await;
    work(&app, &ids).await;
    let bodies = ["made by hand".to_owned()];
    assert_eq!(app.bury.handle(batch(&bodies, 5)).await.failures(), 0);
    for (query, expected) in [
        ("", 5),
        ("source=stripe", 4),
        ("connection=stripe&entity=charge", 4),
        ("source=hubspot", 0),
        ("errorKind=invalid", 3),
        ("errorKind=malformed_ticket", 1),
        ("reason=NO%20MAP", 3),
        ("reason=ch_00001", 0),
        ("externalId=ch_00001", 1),
        ("from=2026-06-01T00:30:00Z", 2),
        ("to=2026-06-01T00:30:00Z", 3),
        ("from=2026-06-01T00:30:00Z&errorKind=malformed", 1),
    ] {
        let found = get(&admin, &format!("/admin/events/failed?{query}")).await;
        assert_eq!(found["events"].as_array().unwrap().len(), expected, "{query}: {found}");
    }
    for (query, field) in [
        ("errorKind=odd", "errorKind"),
        ("limit=0", "limit"),
        ("page=101", "page"),
        ("cursor=x", "cursor"),
        ("group=entity", "group"),
        ("from=yesterday", "from"),
        ("reason=%00", "reason"),
        ("other=1", "other"),
    ] {
        let (status, body) =
            super::ask(&admin, "GET", &format!("/admin/events/failed?{query}"), None).await;
        let pointer = body["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert_eq!((status, pointer), (400, &*format!("#/query/{field}")), "{query}: {body}");
    }
}

#[tokio::test]
async fn a_row_tells_what_came_in_each_attempt_that_failed_and_what_became_of_it() {
    let (app, ids) = with_dead(1503, 1).await;
    let mut admin = admin(&app).await;
    let path = format!("/admin/events/{}", ids[0]);
    let told = get(&admin, &path).await;
    assert_eq!((&told["status"], &told["errorKind"]), (&json!("dead"), &json!("invalid")));
    assert_eq!(told["payload"]["json"]["amount"], 100);
    let attempts = |told: &Value| told["failedAttempts"].as_array().unwrap().len();
    assert_eq!(attempts(&told), 1);
    // It dies of another cause after its replay, and is processed after the next.
    let client = app.db.client().await;
    let bad = charge("ch_00000", "\"x\"", "succeeded");
    client.execute("update outbox set payload = $1", &[&bad.as_bytes()]).await.unwrap();
    replay_one(&app, &admin, &path).await;
    let told = get(&admin, &path).await;
    assert_eq!((&told["errorKind"], attempts(&told)), (&json!("malformed"), 2), "{told}");
    assert_eq!(told["error"], told["failedAttempts"][1]["error"], "the newest");
    let sound = charge("ch_00000", "100", "succeeded");
    client.execute("update outbox set payload = $1", &[&sound.as_bytes()]).await.unwrap();
    replay_one(&app, &admin, &path).await;
    let told = get(&admin, &path).await;
    assert_eq!((&told["status"], &told["error"]), (&json!("processed"), &Value::Null), "{told}");
    assert_eq!((&told["replayCount"], attempts(&told)), (&json!(2), 2));
    assert_eq!(get(&admin, "/admin/events/failed").await["events"], json!([]));
    // By its letter it is the same. What is to be hidden is hidden.
    let letter = told["deadLetterId"].as_str().unwrap();
    let env = [("SOURCES", "stripe"), ("REDACTED_POINTERS", "stripe=/amount")];
    admin.config = admin::AdminConfig::from_env(&env.into_iter().collect()).unwrap();
    let by_letter = get(&admin, &format!("/admin/events/{letter}")).await;
    assert_eq!(by_letter["outboxId"], told["outboxId"]);
    let payload = &by_letter["payload"];
    assert_eq!(
        (&payload["json"]["amount"], &payload["redacted"]),
        (&json!("[redacted]"), &json!(true))
    );
    for id in ["019a0000-0000-7000-8000-0000000000ff", "7", "%00"] {
        let (status, _) = super::ask(&admin, "GET", &format!("/admin/events/{id}"), None).await;
        assert_eq!(status, 404, "{id}");
    }
}

async fn replay_one(app: &TestApp, admin: &crate::admin::trigger::Admin, path: &str) {
    let (status, job) = super::post(admin, &format!("{path}/replay"), json!({})).await;
    assert_eq!(status, 202, "{job}");
    finish(app, admin, job["jobId"].as_str().unwrap()).await;
}

#[tokio::test]
async fn a_row_that_is_tried_in_vain_is_listed_until_it_is_processed() {
    let app = TestApp::over(account(1504, 1)).await;
    let admin = admin(&app).await;
    let ids = put(&app, &[("ch_1".to_owned(), charge("ch_1", "100", "succeeded"))]).await;
    // An attempt that nobody took back: its process has died.
    let died = "update outbox set attempts = 1";
    app.db.client().await.batch_execute(died).await.unwrap();
    let begun = {
        let on = app.process.database.connection().await.unwrap();
        penstock_store::outbox::begin_attempt(&**on, &ids, app.clock.now()).await
    };
    assert_eq!(begun.unwrap(), ids);
    let listed = get(&admin, "/admin/events/failed").await;
    let event = &listed["events"][0];
    assert_eq!((&event["state"], &event["errorKind"]), (&json!("failing"), &json!("crashed")));
    assert_eq!(event["error"], "an attempt at this row did not end");
    assert_eq!(event["id"], json!(ids[0].0));
    assert_eq!(app.deliver(&[Ticket::new(ids).to_body()], 1).await.failures(), 0);
    assert_eq!(get(&admin, "/admin/events/failed").await["events"], json!([]));
}

#[tokio::test]
async fn an_operator_reads_what_waits_what_has_failed_how_long_it_takes_and_the_depths() {
    let (app, _) = with_dead(1505, 2).await;
    let admin = admin(&app).await;
    let sound = put(&app, &[("ch_1".to_owned(), charge("ch_1", "100", "succeeded"))]).await;
    app.clock.advance(Duration::from_secs(3));
    work(&app, &sound).await;
    put(&app, &[("ch_2".to_owned(), charge("ch_2", "100", "succeeded"))]).await;
    app.clock.advance(Duration::from_secs(7));
    let undecided = "
        insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at)
        select gen_random_uuid(), 'crm', '{}', '', status, now(), now(), now()
        from unnest(array['pending', 'needs_review', 'needs_review']) status";
    app.db.client().await.batch_execute(undecided).await.unwrap();
    let told = get(&admin, "/admin/metrics").await;
    let count = |list: &str, status: &str| {
        let of = told[list].as_array().unwrap().iter().find(|of| of["status"] == status);
        of.map(|of| of["count"].clone())
    };
    assert_eq!(count("rows", "processed"), Some(json!(1)), "{told:#}");
    assert_eq!((count("rows", "dead"), count("rows", "pending")), (Some(json!(2)), Some(json!(1))));
    for (state, is) in [("pending", 1), ("needs_review", 2), ("completed", 0)] {
        assert_eq!(count("transactions", state), Some(json!(is)), "{told:#}");
    }
    assert_eq!((&told["averageMs"], &told["p95Ms"]), (&json!(3_000), &json!(3_000)));
    assert_eq!((&told["pending"], &told["oldestPendingAgeS"]), (&json!(1), &json!(7)));
    assert_eq!(told["failures"][0]["count"], 2);
    assert_eq!((&told["rowsCapped"], &told["failuresCapped"]), (&json!(false), &json!(false)));
    assert_eq!(told["queues"], json!([{"queue": "memory", "waiting": 0, "inFlight": 0}]));
    // SQS does not answer: all else is told.
    app.requests.refuse(true);
    let told = get(&admin, "/admin/metrics").await;
    assert_eq!((&told["queues"], &told["pending"]), (&Value::Null, &json!(1)));
}

#[tokio::test]
async fn more_letters_of_one_moment_than_are_counted_are_told_as_more() {
    let app = TestApp::over(account(1506, 1)).await;
    let of_one_moment = "
        insert into dead_letters (id, source, entity, payload, error, error_kind, reason, attempts, created_at)
        select gen_random_uuid(), 'stripe', 'charge', '', 'e', 'malformed', 'e', 0, now() from generate_series(1, 100002)";
    app.db.client().await.batch_execute(of_one_moment).await.unwrap();
    let told = get(&admin(&app).await, "/admin/metrics").await;
    assert_eq!(told["failuresCapped"], true, "{told:#}");
    assert_eq!(told["failures"][0]["count"], 100_002);
}
