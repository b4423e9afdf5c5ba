//! The same version on several days (trap 53).

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::record::Item;
use penstock_tests::test_app::TestApp;

use super::{DAY, app_by_day, rows};
use crate::ingest::post;
use crate::process::batches::charge;

const SETTINGS: [(&str, &str); 1] = [("GCAL_CALENDAR_ID", "team@example.com")];

const CONTACT: &str = r#"{"id":"7","properties":{"email":"a@example.com"}}"#;
const ENTRY: &str =
    r#"{"id":"e1","status":"confirmed","summary":"s","start":{"date":"2026-06-01"}}"#;

fn item<'a>(entity: &str, id: &str, key: &str, at: Timestamp, payload: &'a str) -> Item<'a> {
    Item {
        entity: entity.to_owned(),
        external_id: id.to_owned(),
        version_key: key.to_owned(),
        version_at: at,
        api_version: None,
        payload: payload.as_bytes(),
    }
}

/// Sends the same versions of an object of each kind. Returns what was told of the two events.
async fn send(app: &TestApp, made_at: Timestamp) -> (String, String) {
    let payment = charge("ch_1", "100", "succeeded");
    app.put(&[item("charge", "ch_1", "evt_1", made_at, &payment)]).await;
    app.put_of("hubspot", &[item("contact", "7", "modified:1", made_at, CONTACT)]).await;
    app.put_of("gcal", &[item("event", "e1", "sha256:1", made_at, ENTRY)]).await;
    let key = [("Idempotency-Key", "k"), ("Content-Type", "application/json")];
    post(&app.ingest, "/leads", &key, br#"{"email":"a@example.com"}"#).await;
    let mut told = Vec::new();
    for (id, at) in [("timed", format!(r#","occurredAt":"{made_at}""#)), ("untimed", String::new())]
    {
        let event = format!(
            r#"{{"eventId":"{id}","userId":"u","sessionId":"s","type":"t","payload":{{}}{at}}}"#
        );
        let answer = post(&app.ingest, "/events", &[], event.as_bytes()).await;
        told.push(answer.body["results"][0]["status"].as_str().unwrap().to_owned());
    }
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.db.assert_nothing_waits().await;
    (told.remove(0), told.remove(0))
}

/// All that the versions have led to, to the byte and with the time of each write.
async fn effects(app: &TestApp) -> String {
    app.db
        .scalar(
            "select string_agg(line, e'\n' order by line) from ( \
                 select p::text from payments p union all select c::text from contacts c \
                 union all select e::text from calendar_events e union all select l::text from leads l \
                 union all select e::text from events e union all select c::text from conflicting_events c \
                 union all select format('%s %s %s', bucket_start, amount, count) from revenue_buckets \
             ) lines (line)",
        )
        .await
}

#[tokio::test]
async fn trap_53_the_same_version_after_0_1_34_and_36_days_has_one_effect_each_time() {
    let app = app_by_day(530, &SETTINGS).await;
    app.let_in().await;
    let made_at = app.clock.now();
    let accepted = "accepted".to_owned();
    let duplicate = "duplicate".to_owned();
    assert_eq!(send(&app, made_at).await, (accepted.clone(), accepted.clone()));
    let (first, stored) = (effects(&app).await, rows(&app).await);
    assert_eq!(stored, 6);
    for (days, passed) in [(0, 0), (1, 1), (34, 33)] {
        app.pass_days(passed).await;
        let (timed, untimed) = send(&app, made_at).await;
        // Without a time of its own nothing says how long ago an event can have come before.
        let expected = if days < 7 { &duplicate } else { &accepted };
        assert_eq!((&timed, &untimed), (&duplicate, expected), "after {days} days");
        assert_eq!(effects(&app).await, first, "after {days} days");
        assert_eq!(rows(&app).await, stored + i64::from(days > 7), "after {days} days");
    }
    app.pass_days(2).await;
    assert_eq!(send(&app, made_at).await, (accepted, duplicate), "the leaf is gone");
    assert_eq!(effects(&app).await, first, "after 36 days");
}

/// No look into another leaf can settle this: both came in.
#[tokio::test]
async fn trap_53_twins_on_both_sides_of_midnight_are_one_effect() {
    let app = app_by_day(531, &SETTINGS).await;
    app.let_in().await;
    let made_at = app.clock.now();
    send(&app, made_at).await;
    let (first, stored) = (effects(&app).await, rows(&app).await);
    app.clock.advance(DAY);
    let twins = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                     sender, next_attempt_at, received_at) \
                 select overlay(id::text placing left(outbox_id_at($1)::text, 13) from 1)::uuid, source, entity, \
                        external_id, version_key, version_at, payload, content_type, sender, $1, received_at from outbox";
    app.db.client().await.execute(twins, &[&app.clock.now()]).await.unwrap();
    assert_eq!(rows(&app).await, 2 * stored);
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.db.assert_nothing_waits().await;
    assert_eq!(effects(&app).await, first);
}
