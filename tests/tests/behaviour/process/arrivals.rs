//! Contacts and entries of a calendar: the order of arrival decides nothing (traps 2, 13, 17).

use jiff::{SignedDuration, Timestamp};
use penstock_domain::clock::Clock;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{Item, vanished};
use penstock_domain::ticket::Ticket;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::rolodex::{RolodexAccount, connect};
use crate::stripe_account::account;

/// One version of one object: its stamp and its fields; a tombstone has no fields.
struct Arriving {
    entity: &'static str,
    id: String,
    key: String,
    at: Timestamp,
    payload: Vec<u8>,
}

/// Versions of one object in the order of their stamps, some with equal stamps. Tombstones of every
/// kind are among them.
fn versions(
    rng: &mut fastrand::Rng,
    entity: &'static str,
    id: &str,
    start: Timestamp,
) -> Vec<Arriving> {
    let mut second = 0;
    let one = |n: u64| {
        second += rng.i64(0..=2);
        let at = start + SignedDuration::from_secs(second);
        let (key, payload) = match rng.u8(0..4) {
            0 => (format!("sweep:{n}"), vanished(id)),
            1 => (
                format!("v{n}"),
                json!({"id": id, "updated": at, "version": n, "gone": true})
                    .to_string()
                    .into_bytes(),
            ),
            _ => {
                let text = ["day off", "lunch", "a@example.org"][rng.usize(0..3)];
                (
                    format!("v{n}"),
                    json!({"id": id, "text": text, "updated": at, "version": n})
                        .to_string()
                        .into_bytes(),
                )
            }
        };
        Arriving { entity, id: id.to_owned(), key, at, payload }
    };
    (0..6).map(one).collect()
}

async fn put(app: &TestApp, arriving: &[Arriving]) -> Vec<OutboxId> {
    let items: Vec<Item<'_>> = arriving
        .iter()
        .map(|a| {
            let (entity, external_id) = (a.entity.to_owned(), a.id.clone());
            let (version_key, payload) = (a.key.clone(), a.payload.as_slice());
            Item { entity, external_id, version_key, version_at: a.at, api_version: None, payload }
        })
        .collect();
    app.put_of("rolodex", &items).await
}

/// Reads both tables without our own write times. Which of two equal rows was kept is left out as
/// well.
const STANDING: &str = "select coalesce(string_agg(line, e'\n' order by line), '') from (\
    select (to_jsonb(c) - '{updated_at,outbox_id,tx}'::text[])::text line from contacts c \
    union all select (to_jsonb(e) - '{updated_at,outbox_id,tx}'::text[])::text from calendar_events e) lines";

/// Delivers all rows anew, in a random order and in batches of random sizes. Returns the final
/// tables.
async fn delivered(app: &TestApp, ids: &[OutboxId], rng: &mut fastrand::Rng) -> String {
    let again = "truncate contacts, calendar_events; update outbox set status = 'pending', processed_at = null";
    app.db.client().await.batch_execute(again).await.unwrap();
    let mut ids = ids.to_vec();
    rng.shuffle(&mut ids);
    while !ids.is_empty() {
        let rest = ids.split_off(rng.usize(1..=ids.len().min(90)));
        let body = Ticket::new(std::mem::replace(&mut ids, rest)).to_body();
        assert_eq!(app.deliver(&[body], 1).await.failures(), 0);
    }
    app.db.scalar(STANDING).await
}

#[tokio::test]
async fn every_order_of_arrival_leaves_the_same_contacts_and_entries_tombstones_among_them() {
    let mut app = TestApp::over(account(95, 1)).await;
    let _server = connect(&mut app, RolodexAccount::default(), 10).await;
    let start = app.clock.now();
    let mut rng = fastrand::Rng::with_seed(95);
    let mut arriving = Vec::new();
    for i in 0..60 {
        arriving.extend(versions(&mut rng, "person", &format!("p{i:03}"), start));
        arriving.extend(versions(&mut rng, "entry", &format!("e{i:03}"), start));
    }
    let ids = put(&app, &arriving).await;
    let standing = delivered(&app, &ids, &mut rng).await;
    assert_eq!(standing.lines().count(), 120);
    assert!(
        standing.contains("vanished") || standing.contains("\"deleted_at\": \"2"),
        "tombstones stand too"
    );
    for _ in 0..12 {
        assert_eq!(delivered(&app, &ids, &mut rng).await, standing);
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
}

#[tokio::test]
async fn a_tombstone_marks_a_row_and_an_older_version_that_comes_late_does_not_bring_it_back() {
    let mut app = TestApp::over(account(96, 1)).await;
    let _server = connect(&mut app, RolodexAccount::default(), 10).await;
    let at = app.clock.now();
    let live = json!({"id": "p1", "text": "a@example.org", "updated": at, "version": 1})
        .to_string()
        .into_bytes();
    let arriving = |key: &str, at, payload| Arriving {
        entity: "person",
        id: "p1".to_owned(),
        key: key.to_owned(),
        at,
        payload,
    };
    let later = at + SignedDuration::from_secs(60);
    let ids =
        put(&app, &[arriving("v1", at, live), arriving("sweep:1", later, vanished("p1"))]).await;
    for id in [ids[1], ids[0]] {
        assert_eq!(app.deliver(&[Ticket::new(vec![id]).to_body()], 1).await.failures(), 0);
    }
    assert_eq!(app.db.scalar::<Timestamp>("select deleted_at from contacts").await, later);
    assert!(app.db.scalar::<bool>("select email is null from contacts").await);
}
