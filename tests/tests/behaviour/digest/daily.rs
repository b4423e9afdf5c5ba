//! The digest of a day comes once, at nine by the clocks of its zone.

use std::collections::BTreeSet;
use std::time::Duration;

use digest::Request;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use penstock_clients::sending::NotSent;

use super::app::{Reply, schedule};
use super::{DigestApp, at};

/// Zones that change their clocks, by an hour and by half of one, in the night and at midnight, in
/// the north and in the south.
const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Africa/Cairo",
    "America/Santiago",
    "Australia/Sydney",
    "Australia/Lord_Howe",
];

/// The local days around the changes of a zone's clock in 2026: two before, two after.
fn days(zone: &TimeZone) -> BTreeSet<Date> {
    let changes = zone.following(at("2026-01-01T00:00:00Z")).map(|change| change.timestamp());
    let changes: Vec<_> = changes.take_while(|it| *it < at("2027-01-01T00:00:00Z")).collect();
    assert_eq!(changes.len(), 2, "{zone:?}");
    let around = |change: &Timestamp| {
        let day = zone.to_datetime(*change).date();
        (-2..=2).map(move |n| day.checked_add(n.days()).unwrap())
    };
    changes.iter().flat_map(around).collect()
}

async fn once_a_day(name: &'static str) {
    let zone = TimeZone::get(name).unwrap();
    let app = DigestApp::new(at("2026-01-01T00:00:00Z"), &[("DIGEST_TIMEZONE", name)]).await;
    let mut told = Vec::new();
    let days = days(&zone);
    for day in &days {
        let midnight = day.to_zoned(zone.clone()).unwrap();
        let nine = day.at(9, 0, 0, 0).to_zoned(zone.clone()).unwrap();
        let nine = nine.timestamp();
        // Checks before and after, some of which would catch up.
        for hour in [0, 8, 10, 14, 23] {
            let then = midnight.timestamp() + Duration::from_secs(hour * 3600);
            if hour == 10 {
                // Lambda delivers an event at least once, here also late.
                for late in [1, 40, 3000] {
                    app.clock.set(nine + Duration::from_secs(late));
                    app.daily(nine).await;
                }
            }
            app.clock.set(then);
            app.serve(Request::Check).await;
        }
        told.extend(app.mail.subjects());
    }
    let yesterday = |day: &Date| {
        let business = TimeZone::get("Europe/Berlin").unwrap();
        let nine = day.at(9, 0, 0, 0).to_zoned(zone.clone()).unwrap();
        let day = business.to_datetime(nine.timestamp()).date().yesterday().unwrap();
        format!("prod: nothing to do ({day})")
    };
    let digests = told.iter().filter(|subject| subject.contains("nothing to do"));
    let wanted: Vec<String> = days.iter().map(yesterday).collect();
    assert_eq!(digests.cloned().collect::<Vec<_>>(), wanted, "{name}");
}

#[tokio::test]
async fn trap_63_over_both_changes_of_the_clock_there_is_one_digest_a_day_in_six_zones() {
    assert_eq!(schedule(Timestamp::UNIX_EPOCH).0, "cron(0 9 * * ? *)");
    assert_eq!(penstock_domain::digest::HOUR, 9);
    let all = ZONES.map(once_a_day);
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn two_environments_that_serve_one_event_at_once_send_one_digest() {
    let app = DigestApp::new(at("2026-03-28T08:00:01Z"), &[]).await;
    let due = at("2026-03-28T08:00:00Z");
    let others = [app.environment(), app.environment(), app.environment()];
    let deadline = due + Duration::from_secs(60);
    let request = Request::Daily { scheduled_at: due };
    let served = others.iter().map(|ports| ports.serve(request.clone(), deadline));
    for report in futures_util::future::join_all(served).await {
        report.unwrap();
    }
    assert_eq!(app.mail.take().len(), 1);
    assert_eq!(app.chat.take().len(), 1);
    assert_eq!(app.states().await, ["chat sent", "mail sent"]);
}

#[tokio::test]
async fn a_digest_that_its_schedule_missed_is_sent_by_the_next_check_and_a_stale_one_is_not() {
    let app = DigestApp::new(at("2026-03-28T08:04:00Z"), &[]).await;
    app.serve(Request::Check).await;
    assert!(app.mail.take().is_empty(), "the schedule has five minutes");
    app.clock.set(at("2026-03-28T08:05:00Z"));
    app.serve(Request::Check).await;
    assert_eq!(app.mail.subjects(), ["prod: nothing to do (2026-03-27)"]);
    app.daily(at("2026-03-28T08:00:00Z")).await;
    assert!(app.mail.take().is_empty());
    app.clock.set(at("2026-03-29T15:00:00Z"));
    app.serve(Request::Check).await;
    assert!(app.mail.take().is_empty(), "it is eight hours late");
}

#[tokio::test]
async fn on_a_quiet_day_nobody_is_told_and_a_check_does_not_send_it_after_all() {
    let quiet = [("DIGEST_WHEN", "attention")];
    let app = DigestApp::new(at("2026-03-28T08:00:01Z"), &quiet).await;
    app.daily(at("2026-03-28T08:00:00Z")).await;
    app.clock.set(at("2026-03-28T09:00:01Z"));
    app.serve(Request::Check).await;
    assert!(app.mail.take().is_empty());
    assert_eq!(app.db.scalar::<i64>("select count(*) from digests").await, 1);
    app.execute(
        "insert into dead_letters (id, source, entity, payload, error, error_kind, attempts, created_at) \
         values (gen_random_uuid(), 'stripe', 'charge', '', 'amount: missing', 'permanent', 1, '2026-03-29T06:00:00Z')",
    )
    .await;
    app.clock.set(at("2026-03-29T07:00:01Z"));
    app.daily(at("2026-03-29T07:00:00Z")).await;
    assert_eq!(app.mail.subjects(), ["prod: 1 dead letter (2026-03-28)"]);
}

#[tokio::test]
async fn a_channel_that_is_busy_gets_the_message_later_and_the_others_at_once() {
    let app = DigestApp::new(at("2026-03-28T08:00:01Z"), &[]).await;
    let busy =
        NotSent::Later { reason: "HTTP 429".to_owned(), pause: Some(Duration::from_secs(300)) };
    app.chat.replies([Reply::NotSent(busy)]);
    let report = app.daily(at("2026-03-28T08:00:00Z")).await;
    assert_eq!((report.planned, report.sent, report.not_sent), (1, 1, 1));
    let [mail] = app.mail.take().try_into().unwrap();
    app.clock.set(at("2026-03-28T08:05:00Z"));
    app.serve(Request::Check).await;
    assert!(app.chat.take().is_empty(), "it asked for five minutes");
    app.clock.set(at("2026-03-28T08:05:02Z"));
    app.serve(Request::Check).await;
    assert_eq!(app.chat.take(), [mail], "the same message, as it was");
    assert!(app.mail.take().is_empty());
}

#[tokio::test]
async fn what_a_channel_refuses_is_not_sent_until_a_person_asks_for_it() {
    let app = DigestApp::new(at("2026-03-28T08:00:01Z"), &[]).await;
    app.chat.replies([Reply::NotSent(NotSent::Refused("HTTP 410".to_owned()))]);
    app.daily(at("2026-03-28T08:00:00Z")).await;
    assert_eq!(app.states().await, ["chat refused refused: HTTP 410", "mail sent"]);
    assert_eq!(app.mail.take().len(), 1);
    app.clock.set(at("2026-03-28T10:00:00Z"));
    app.serve(Request::Check).await;
    assert!(app.chat.take().is_empty());
    app.serve(Request::Again { day: "2026-03-28".parse().unwrap() }).await;
    assert_eq!(app.chat.take().len(), 1);
    assert!(app.mail.take().is_empty(), "the mail was sent");
}

#[tokio::test]
async fn a_channel_that_is_busy_for_hours_is_given_up() {
    let app = DigestApp::new(at("2026-03-28T08:00:01Z"), &[]).await;
    let busy = NotSent::Later { reason: "not reached".to_owned(), pause: None };
    app.chat.replies(vec![Reply::NotSent(busy); 40]);
    app.daily(at("2026-03-28T08:00:00Z")).await;
    for minutes in 0..24 {
        app.clock.set(at("2026-03-28T08:30:00Z") + Duration::from_secs(minutes * 1800));
        // Checks that come so seldom would be an outage.
        app.serve(Request::Again { day: "2000-01-01".parse().unwrap() }).await;
    }
    let attempts = "select attempts from digest_sendings where channel = 'chat'";
    assert_eq!(app.db.scalar::<i32>(attempts).await, 10);
    assert_eq!(app.states().await[0], "chat refused not sent yet: not reached");
}

#[tokio::test]
async fn without_a_channel_nothing_is_asked_of_the_database() {
    let mut app = DigestApp::new(at("2026-03-28T08:00:01Z"), &[]).await;
    app.ports.channels.clear();
    app.let_database_be(false);
    app.daily(at("2026-03-28T08:00:00Z")).await;
    app.serve(Request::Check).await;
}
