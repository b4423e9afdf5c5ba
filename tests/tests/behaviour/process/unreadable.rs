//! A newer version that cannot be read never leaves an older one counting as if nothing were (trap
//! 77), whatever the source and whoever refuses it.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_store::{Chosen, dead_letters};
use penstock_tests::test_app::{TestApp, batch};

use crate::stripe_account::{NOW, account};

/// An object of a source, in versions that can be read and one that cannot.
struct Subject {
    source: &'static str,
    entity: &'static str,
    id: &'static str,
    /// Renders a version. `None` cannot be read.
    render: fn(Option<u32>) -> String,
    table: &'static str,
    /// The column in which versions differ.
    column: &'static str,
    /// Selects what is known of it; `unreadable` if nothing is.
    shown: &'static str,
}

static SUBJECTS: [Subject; 5] = [
    Subject {
        source: "stripe",
        entity: "charge",
        id: "ch_1",
        render: |n| {
            let amount = n.map_or("\"much\"".to_owned(), |n| n.to_string());
            format!(
                r#"{{"id":"ch_1","object":"charge","amount":{amount},"captured":true,"created":{NOW},
                    "currency":"usd","status":"succeeded"}}"#
            )
        },
        table: "payments",
        column: "amount",
        shown: "select case status when 'collected' then amount::text else status end from payments",
    },
    Subject {
        source: "stripe",
        entity: "refund",
        id: "re_1",
        render: |n| {
            let currency = n.map_or("dollars", |_| "usd");
            let amount = n.unwrap_or(1);
            format!(
                r#"{{"id":"re_1","object":"refund","amount":{amount},"created":{NOW},
                    "currency":"{currency}","status":"succeeded"}}"#
            )
        },
        table: "payments",
        column: "amount",
        shown: "select case status when 'refunded' then amount::text else status end from payments",
    },
    Subject {
        source: "hubspot",
        entity: "deal",
        id: "7",
        render: |n| {
            let amount = n.map_or("n/a".to_owned(), |n| format!("0.{n:02}"));
            format!(
                r#"{{"id":"7","properties":{{"amount":"{amount}","deal_currency_code":"EUR",
                    "dealstage":"closedwon"}},"createdAt":"2026-05-01T00:00:00Z"}}"#
            )
        },
        table: "payments",
        column: "amount",
        shown: "select case status when 'collected' then amount::text else status end from payments",
    },
    Subject {
        source: "hubspot",
        entity: "contact",
        id: "7",
        render: |n| match n {
            Some(n) => format!(r#"{{"id":"7","properties":{{"email":"{n}"}}}}"#),
            None => r#"{"id":"7","properties":"none"}"#.to_owned(),
        },
        table: "contacts",
        column: "email",
        shown: "select case when unreadable then 'unreadable' else email end from contacts",
    },
    Subject {
        source: "gcal",
        entity: "event",
        id: "e1",
        render: |n| {
            let date = n.map_or("some day".to_owned(), |n| format!("2026-06-{n:02}"));
            format!(
                r#"{{"id":"e1","status":"confirmed","summary":"{}","start":{{"date":"{date}"}}}}"#,
                n.unwrap_or(0)
            )
        },
        table: "calendar_events",
        column: "summary",
        shown: "select case status when 'confirmed' then summary else status end from calendar_events",
    },
];

const SETTINGS: [(&str, &str); 2] =
    [("GCAL_CALENDAR_ID", "team@example.com"), ("HUBSPOT_CURRENCY", "EUR")];

impl Subject {
    /// A version, stamped this many seconds after the beginning.
    fn item<'a>(&self, payload: &'a str, second: i64) -> Item<'a> {
        Item {
            entity: self.entity.to_owned(),
            external_id: self.id.to_owned(),
            version_key: format!("look:{second}"),
            version_at: Timestamp::from_second(NOW + second).unwrap(),
            api_version: None,
            payload: payload.as_bytes(),
        }
    }

    /// Has a version arrive, stamped this many seconds after the beginning, and processes it.
    async fn arrive(&self, app: &TestApp, n: Option<u32>, second: i64) -> OutboxId {
        let payload = (self.render)(n);
        let ids = app.put_of(self.source, &[self.item(&payload, second)]).await;
        deliver(app, &ids).await;
        ids[0]
    }

    async fn shown(&self, app: &TestApp) -> String {
        app.db.scalar(self.shown).await
    }
}

async fn deliver(app: &TestApp, ids: &[OutboxId]) {
    let tickets: Vec<String> = Ticket::split(ids).map(|t| t.to_body()).collect();
    assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
}

async fn apps(seed: u64) -> Vec<(TestApp, &'static Subject)> {
    let mut apps = Vec::new();
    for (n, subject) in (0..).zip(&SUBJECTS) {
        apps.push((TestApp::with_settings(account(seed + n, 1), &SETTINGS).await, subject));
    }
    apps
}

/// Replays a dead row, as docs/OPERATIONS.md says.
async fn replay(app: &TestApp, id: OutboxId) {
    let sql = "update outbox set status = 'pending', attempts = 0, crashes = 0, next_attempt_at = now(), \
               last_error = null, error_kind = null where id = $1 and status = 'dead'";
    assert_eq!(app.db.client().await.execute(sql, &[&id.0]).await.unwrap(), 1);
    deliver(app, &[id]).await;
}

/// Puts a readable payload into a row, as a normalizer that learns to read the old one does.
async fn mend(app: &TestApp, id: OutboxId, payload: String) {
    let sql = "update outbox set payload = $2 where id = $1";
    let client = app.db.client().await;
    assert_eq!(client.execute(sql, &[&id.0, &payload.into_bytes()]).await.unwrap(), 1);
}

#[tokio::test]
async fn trap_77_a_newer_version_that_cannot_be_read_hides_the_older_one_and_is_listed() {
    for (app, subject) in apps(200).await {
        subject.arrive(&app, Some(11), 0).await;
        assert_eq!(subject.shown(&app).await, "11", "{}", subject.entity);
        let dead = subject.arrive(&app, None, 60).await;
        assert_eq!(subject.shown(&app).await, "unreadable", "{}", subject.entity);
        let counted: i64 =
            app.db.scalar("select count(*) from revenue_buckets where count > 0").await;
        assert_eq!(counted, 0, "{} counts as nothing", subject.entity);
        let client = app.db.client().await;
        let listed = dead_letters::unreadable(&client, Chosen::default(), 10).await.unwrap();
        let listed: Vec<_> = listed
            .iter()
            .map(|o| (o.source.as_str(), o.entity.as_str(), o.external_id.as_str(), o.outbox_id))
            .collect();
        assert_eq!(listed, [(subject.source, subject.entity, subject.id, dead)]);

        subject.arrive(&app, Some(12), 30).await;
        assert_eq!(subject.shown(&app).await, "unreadable", "an older version does not undo it");
        subject.arrive(&app, Some(13), 90).await;
        assert_eq!(subject.shown(&app).await, "13", "a newer version heals it");
        assert!(dead_letters::unreadable(&client, Chosen::default(), 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn trap_77_the_replay_of_a_row_that_was_mended_heals_its_object() {
    for (app, subject) in apps(210).await {
        subject.arrive(&app, Some(11), 0).await;
        let dead = subject.arrive(&app, None, 60).await;
        replay(&app, dead).await;
        assert_eq!(subject.shown(&app).await, "unreadable", "nothing was mended");
        mend(&app, dead, (subject.render)(Some(12))).await;
        replay(&app, dead).await;
        assert_eq!(subject.shown(&app).await, "12", "{}", subject.entity);
        subject.arrive(&app, Some(13), 30).await;
        assert_eq!(subject.shown(&app).await, "12", "older never wins");
    }
}

#[tokio::test]
async fn trap_77_the_order_of_arrival_does_not_matter_and_a_batch_ends_as_single_rows_do() {
    for (app, subject) in apps(220).await {
        subject.arrive(&app, None, 60).await;
        assert_eq!(subject.shown(&app).await, "unreadable", "it was never readable");
        subject.arrive(&app, Some(11), 60 - 1).await;
        assert_eq!(subject.shown(&app).await, "unreadable");
    }
    for (app, subject) in apps(230).await {
        let versions = [(Some(11), 0), (None, 60), (Some(12), 30)];
        let payloads = versions.map(|(n, _)| (subject.render)(n));
        let items = versions.iter().zip(&payloads);
        let items: Vec<Item<'_>> =
            items.map(|((_, second), payload)| subject.item(payload, *second)).collect();
        deliver(&app, &app.put_of(subject.source, &items).await).await;
        assert_eq!(subject.shown(&app).await, "unreadable", "{}", subject.entity);
    }
}

#[tokio::test]
async fn trap_77_a_later_full_list_that_shows_the_same_version_heals_a_calendar_entry() {
    let subject = &SUBJECTS[4];
    let app = TestApp::with_settings(account(235, 1), &SETTINGS).await;
    subject.arrive(&app, None, 60).await;
    assert_eq!(subject.shown(&app).await, "unreadable");
    // Google's lists stamp an entry with its own time, so nothing newer ever comes.
    let payload = (subject.render)(Some(12));
    let listed = Item { version_key: "run:1".to_owned(), ..subject.item(&payload, 60) };
    deliver(&app, &app.put_of(subject.source, &[listed]).await).await;
    assert_eq!(subject.shown(&app).await, "12");
}

#[tokio::test]
async fn trap_77_a_version_that_postgres_refuses_hides_the_older_one() {
    for (app, subject) in apps(240).await {
        subject.arrive(&app, Some(11), 0).await;
        // A rule that our model does not know: only Postgres can refuse it.
        let rule = format!(
            "alter table {} add constraint unlucky check ({} <> '12')",
            subject.table, subject.column
        );
        app.db.client().await.batch_execute(&rule).await.unwrap();
        subject.arrive(&app, Some(12), 60).await;
        assert_eq!(subject.shown(&app).await, "unreadable", "{}", subject.entity);
        assert_eq!(app.db.scalar::<String>("select error_kind from dead_letters").await, "refused");
    }
}

#[tokio::test]
async fn trap_77_a_version_that_brought_the_process_down_hides_the_older_one() {
    for (app, subject) in apps(250).await {
        subject.arrive(&app, Some(11), 0).await;
        let payload = (subject.render)(Some(12));
        let ids = app.put_of(subject.source, &[subject.item(&payload, 60)]).await;
        app.db
            .client()
            .await
            .batch_execute("update outbox set attempts = 3, crashes = 2 where status = 'pending'")
            .await
            .unwrap();
        let tickets: Vec<String> = Ticket::split(&ids).map(|t| t.to_body()).collect();
        assert_eq!(app.deliver(&tickets, 2).await.failures(), 0);
        assert_eq!(subject.shown(&app).await, "unreadable", "{}", subject.entity);
        assert_eq!(app.db.scalar::<String>("select error_kind from dead_letters").await, "crashed");
        replay(&app, ids[0]).await;
        assert_eq!(subject.shown(&app).await, "12", "{}", subject.entity);
    }
}

/// An older version that counts, and a newer one that brought the process down alone twice.
async fn crashed(app: &TestApp, subject: &Subject) -> Vec<String> {
    subject.arrive(app, Some(11), 0).await;
    let payload = (subject.render)(Some(12));
    let ids = app.put_of(subject.source, &[subject.item(&payload, 60)]).await;
    let died = "update outbox set attempts = 3, crashes = 2 where status = 'pending'";
    app.db.client().await.batch_execute(died).await.unwrap();
    Ticket::split(&ids).map(|t| t.to_body()).collect()
}

const LETTERS: &str = "select count(*) from dead_letters";

#[tokio::test]
async fn trap_77_a_crashed_version_whose_ticket_is_buried_hides_the_older_one() {
    for (app, subject) in apps(260).await {
        let tickets = crashed(&app, subject).await;
        // A neighbour used the ticket's receives up.
        assert_eq!(app.bury.handle(batch(&tickets, 5)).await.failures(), 0);
        app.clock.advance(std::time::Duration::from_secs(600));
        app.tickets.take();
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        // The process dies in the first receive.
        assert_eq!(app.deliver(&app.tickets.take(), 2).await.failures(), 0);
        assert_eq!(subject.shown(&app).await, "unreadable", "{}", subject.entity);
        assert_eq!(app.db.scalar::<i64>(LETTERS).await, 1);
    }
}

#[tokio::test]
async fn trap_77_an_outage_at_the_mark_of_a_crashed_version_loses_neither_mark_nor_letter() {
    for (app, subject) in apps(270).await {
        let tickets = crashed(&app, subject).await;
        let client = app.db.client().await;
        let away = format!("alter table {0} rename to away", subject.table);
        client.batch_execute(&away).await.unwrap();
        for receives in 2..=5 {
            assert_eq!(app.deliver(&tickets, receives).await.failures(), 1, "{}", subject.entity);
        }
        assert_eq!(app.db.scalar::<i64>(LETTERS).await, 0);
        let back = format!("alter table away rename to {}", subject.table);
        client.batch_execute(&back).await.unwrap();
        assert_eq!(app.deliver(&tickets, 5).await.failures(), 0);
        assert_eq!(subject.shown(&app).await, "unreadable", "{}", subject.entity);
        assert_eq!(app.db.scalar::<i64>(LETTERS).await, 1);
    }
}

#[tokio::test]
async fn a_crashed_version_whose_mark_brings_the_process_down_too_is_dead_in_the_end() {
    for (app, subject) in apps(280).await {
        for bury in [false, true] {
            let tickets = crashed(&app, subject).await;
            let died = "update outbox set attempts = 5, crashes = 4 where status = 'pending'";
            app.db.client().await.batch_execute(died).await.unwrap();
            let response = if bury {
                app.bury.handle(batch(&tickets, 5)).await
            } else {
                app.deliver(&tickets, 2).await
            };
            assert_eq!(response.failures(), 0);
            assert_eq!(app.db.scalar::<i64>(LETTERS).await, 1);
            assert_eq!(subject.shown(&app).await, "11", "nothing is said of its object");
            let forget = "delete from dead_letters; delete from outbox";
            app.db.client().await.batch_execute(forget).await.unwrap();
        }
    }
}
