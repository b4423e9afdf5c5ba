//! The same ids come in two connections of each vendor, on purpose, with other content. Each has
//! its own.

use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_testkit::filled::drift;
use penstock_tests::test_app::TestApp;

use crate::stripe_account::account;

/// Both connections of each vendor, with the entity that the payloads below are of.
const ALL: [&str; 6] = ["stripe", "stripe-eu", "hubspot", "portal-2", "gcal", "team-calendar"];

/// Each vendor has two connections: the first in test mode, in euros, the second live, in dollars.
async fn app() -> TestApp {
    let settings = [("HUBSPOT_CURRENCY", "EUR"), ("GCAL_CALENDAR_ID", "primary")];
    let app = TestApp::with_settings(account(1320, 1), &settings).await;
    app.connect("stripe-eu", "stripe", &[("livemode", "true")]).await;
    app.connect("portal-2", "hubspot", &[("currency", "USD")]).await;
    app.connect("team-calendar", "gcal", &[("calendar_id", "primary")]).await;
    app
}

/// Stores the same versions of the same objects for a connection. The texts in them are its own.
async fn put(
    app: &TestApp,
    connection: &str,
    version: &str,
    payloads: &[(&str, &str, String)],
) -> Vec<OutboxId> {
    let at = "2026-05-01T00:00:00Z".parse().unwrap();
    let item = |(entity, id, payload): &'_ (&str, &str, String)| Item {
        entity: (*entity).to_owned(),
        external_id: (*id).to_owned(),
        version_key: version.to_owned(),
        version_at: at,
        api_version: None,
        // The rows outlive this function only in Postgres.
        payload: payload.clone().into_bytes().leak(),
    };
    let items: Vec<Item<'_>> = payloads.iter().map(item).collect();
    app.put_of(connection, &items).await
}

/// Objects of `connection`'s vendor; `n` is its own number.
fn objects(connection: &str, n: usize) -> Vec<(&'static str, &'static str, String)> {
    let charge = |id: &str, livemode: bool| {
        format!(
            r#"{{"id":"{id}","object":"charge","livemode":{livemode},"amount":{n}00,"amount_captured":{n}00,"captured":true,"created":1777000000,"currency":"eur","status":"succeeded"}}"#
        )
    };
    let modified = "2026-05-01T00:00:00Z";
    match connection {
        "stripe" | "stripe-eu" => vec![
            ("charge", "ch_1", charge("ch_1", connection == "stripe-eu")),
            ("charge", "ch_test", charge("ch_test", false)),
            (
                "charge",
                "ch_bad",
                format!("{{\"id\":\"ch_bad\",\"object\":\"charge\",\"amount\":\"{n}\"}}"),
            ),
        ],
        "hubspot" | "portal-2" => vec![
            (
                "contact",
                "1",
                format!(
                    r#"{{"id":"1","properties":{{"email":"{n}@example.com","lastmodifieddate":"{modified}"}},"updatedAt":"{modified}","archived":false}}"#
                ),
            ),
            (
                "deal",
                "1",
                format!(
                    r#"{{"id":"1","properties":{{"amount":"{n}","dealstage":"closedwon","closedate":"{modified}","hs_lastmodifieddate":"{modified}"}},"createdAt":"{modified}","updatedAt":"{modified}","archived":false}}"#
                ),
            ),
        ],
        _ => vec![(
            "event",
            "e_1",
            format!(
                r#"{{"id":"e_1","status":"confirmed","summary":"{n}","updated":"{modified}","start":{{"dateTime":"{modified}"}},"end":{{"dateTime":"{modified}"}}}}"#
            ),
        )],
    }
}

async fn lines(app: &TestApp, sql: &str) -> Vec<String> {
    app.db.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_same_ids_in_two_connections_of_each_vendor_do_not_meet_in_one_batch() {
    let app = app().await;
    let mut ids = Vec::new();
    for (n, connection) in ALL.into_iter().enumerate() {
        let objects = objects(connection, n + 1);
        ids.extend(put(&app, connection, "v_1", &objects).await);
        // The same again is known, and its own only.
        assert!(put(&app, connection, "v_1", &objects).await.is_empty());
    }
    // All in one ticket: they are written by one statement a kind.
    assert_eq!(app.deliver(&[Ticket::new(ids).to_body()], 1).await.failures(), 0);
    app.db.assert_nothing_waits().await;

    let payments = "select concat_ws(' ', source, kind, external_id, amount, currency, status) from payments order by 1";
    assert_eq!(
        lines(&app, payments).await,
        [
            "hubspot deal 1 300 EUR collected",
            "portal-2 deal 1 400 USD collected",
            "stripe charge ch_1 100 EUR collected",
            "stripe charge ch_bad 0 XXX unreadable",
            "stripe charge ch_test 100 EUR collected",
            "stripe-eu charge ch_1 200 EUR collected",
            "stripe-eu charge ch_bad 0 XXX unreadable",
        ]
    );
    let contacts = "select concat_ws(' ', source, external_id, email) from contacts order by 1";
    assert_eq!(
        lines(&app, contacts).await,
        ["hubspot 1 3@example.com", "portal-2 1 4@example.com"]
    );
    let entries = "select concat_ws(' ', source, calendar_id, external_id, summary) from calendar_events order by 1";
    let expected = ["gcal primary e_1 5", "team-calendar primary e_1 6"];
    assert_eq!(lines(&app, entries).await, expected);
    // A charge of test mode is the first account's, and not the second's.
    let others = "select concat_ws(' ', source, reason) from not_ours order by 1";
    assert_eq!(lines(&app, others).await, ["stripe-eu test_mode"]);
    let letters = "select concat_ws(' ', source, external_id) from dead_letters order by 1";
    assert_eq!(lines(&app, letters).await, ["stripe ch_bad", "stripe-eu ch_bad"]);
    let sums = "select concat_ws(' ', source, currency, sum(amount), sum(count)) from revenue_buckets \
                where grain = 'day' group by source, currency order by 1";
    assert_eq!(
        lines(&app, sums).await,
        ["hubspot EUR 300 1", "portal-2 USD 400 1", "stripe EUR 200 2", "stripe-eu EUR 200 1"]
    );
    assert_eq!(drift(&app.db.client().await).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_version_of_the_same_moment_is_a_tie_of_its_own_connection_only() {
    let app = app().await;
    for (one, other, of) in [("stripe", "stripe-eu", 0), ("hubspot", "portal-2", 1)] {
        let object = |connection, n| vec![objects(connection, n).swap_remove(of)];
        let mut ids = put(&app, one, "v_1", &object(one, 1)).await;
        ids.extend(put(&app, other, "v_1", &object(other, 1)).await);
        // The first connection has another content in another version; the second has not.
        ids.extend(put(&app, one, "v_2", &object(one, 7)).await);
        assert_eq!(app.deliver(&[Ticket::new(ids).to_body()], 1).await.failures(), 0);
    }
    let asked =
        "select concat_ws(' ', source, entity, external_id) from refetch_requests order by 1";
    assert_eq!(lines(&app, asked).await, ["hubspot deal 1", "stripe charge ch_1"]);
}
