//! A person is erased in every table, and nothing brings them back (trap 64).

mod comparing;
mod dump;
mod files;
mod jobs;
mod links;
mod person;

use std::time::Duration;

use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::part;
use serde_json::{Value, json};

use self::dump::{assert_others_unchanged, dump, left_of, pg_dump, words_in};
use self::person::{CONTACT, NAME, Person, USER, crowd, events, plant, put, world};
use super::{finish, get, post};
use crate::admin::trigger::{Admin, admin};
use crate::ingest;
use crate::webhook;

const BOOKS: &str = "select coalesce(string_agg(format('%s %s %s %s %s', source, currency, status, amount, count), E'\n' \
                     order by source, currency, status), '') \
                     from (select source, currency, status, sum(amount) as amount, sum(count) as count from revenue_buckets \
                           where grain = 'hour' group by 1, 2, 3 having sum(count) <> 0) sums";

/// Lets `relay` work for a minute.
async fn minute(app: &TestApp) {
    app.clock.advance(Duration::from_secs(60));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
}

/// Asks for a dry run, and returns its token once all tables were searched.
pub async fn plan(app: &TestApp, admin: &Admin, filter: Value) -> String {
    let (status, plan) =
        post(admin, "/admin/erase", json!({"dryRun": true, "filter": filter})).await;
    assert_eq!(status, 200, "{plan}");
    let token = plan["token"].as_str().unwrap().to_owned();
    for _ in 0..10 {
        if get(admin, &format!("/admin/jobs/{token}")).await["state"] == "planned" {
            return token;
        }
        super::round(app).await;
    }
    panic!("the search does not end");
}

/// Plans an erasure and starts it. Returns its id.
pub async fn start(app: &TestApp, admin: &Admin, filter: Value) -> String {
    let token = plan(app, admin, filter).await;
    let start = json!({"token": token, "rate": 1_000, "why": "they asked for it on paper"});
    let (status, job) = post(admin, "/admin/erase", start).await;
    assert_eq!((status, &job["state"]), (202, &json!("running")), "{job}");
    token
}

/// Erases a person, and returns what the job reports.
pub async fn erase(app: &TestApp, admin: &Admin, filter: Value) -> Value {
    let job = start(app, admin, filter).await;
    finish(app, admin, &job).await
}

/// Everything of the person that comes again in the course of a year.
async fn come_again(app: &TestApp, admin: &Admin, person: &Person) {
    let vendors = [
        ("hubspot", "contact", CONTACT, person.contact()),
        ("gcal", "event", "entry1", person.entry()),
        ("stripe", "charge", "ch_3Unreadable0000002", person.unreadable("ch_3Unreadable0000002")),
    ];
    for (source, entity, id, text) in &vendors {
        put(app, source, entity, id, "run:2", text).await;
    }
    // The same delivery, and a later one about the same charge.
    webhook::post(app, &person.charge_event("evt_1")).await;
    webhook::post(app, &person.charge_event("evt_2")).await;
    let json = [("Content-Type", "application/json")];
    let lead = ingest::post(&app.ingest, "/leads", &json, person.lead().as_bytes()).await;
    assert_eq!(lead.status, 201, "the reply tells nobody who was erased");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = ingest::post(&app.ingest, "/leads?from=ad", &form, person.form().as_bytes()).await;
    assert_eq!(form.status, 201);
    events(app, person).await;
    app.drain().await;
    // A full run of the vendor, a replay of all that is dead, and a remap of all that stands.
    app.fetch_all().await.unwrap();
    app.drain().await;
    for path in ["/admin/events/replay", "/admin/remap"] {
        let job = super::start(admin, path, json!({})).await;
        finish(app, admin, &job).await;
    }
}

#[tokio::test]
async fn trap_64_one_person_among_many_rows_is_erased_to_the_last_byte_and_nothing_brings_them_back()
 {
    one_person_is_erased_among(part(8_000)).await;
}

#[tokio::test]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn trap_64_one_person_among_a_hundred_thousand_rows_is_erased_to_the_last_byte() {
    one_person_is_erased_among(100_000).await;
}

async fn one_person_is_erased_among(rows: u64) {
    let (app, person) = world(1_640).await;
    plant(&app, &person).await;
    crowd(&app, rows).await;
    minute(&app).await;
    let admin = admin(&app).await;
    let secrets = person.secrets();
    let books: String = app.db.scalar(BOOKS).await;
    let before = dump(&app.db).await;
    let named = left_of(&secrets, &before);
    let tables = |left: &[String]| {
        let of = |line: &String| line.split(' ').next().unwrap().to_owned();
        left.iter().map(of).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(tables(&named).len(), 21, "the person is in all tables: {:?}", tables(&named));

    let told = erase(&app, &admin, person.filter()).await;
    assert_eq!((&told["report"]["waiting"], &told["report"]["dead"]), (&json!(0), &json!(0)));
    let after = dump(&app.db).await;
    assert_eq!(left_of(&secrets, &after), Vec::<String>::new(), "among {rows} rows");
    if let Some(text) = pg_dump(&app.db) {
        assert_eq!(words_in(&secrets, &text), Vec::<String>::new());
        assert!(text.contains("ch_crowd1"), "it is a dump of this database");
    }
    let own = [person.charge.as_str(), "ch_3Webhook000000001", "ch_3Unreadable0000001"];
    assert_others_unchanged(&secrets, &own, &before, &after);
    assert_eq!(app.db.scalar::<String>(BOOKS).await, books, "money stays as it was");

    let counted = ["leads", "events", "contacts", "payments"].map(|t| (t, after[t].len()));
    come_again(&app, &admin, &person).await;
    let later = dump(&app.db).await;
    assert_eq!(left_of(&secrets, &later), Vec::<String>::new(), "what came again is not kept");
    assert_eq!(app.db.scalar::<String>(BOOKS).await, books, "and is counted once");
    for (table, rows) in counted {
        // One more charge that nobody can read.
        let more = usize::from(table == "payments");
        assert_eq!(later[table].len(), rows + more, "{table}");
    }
    app.db.assert_nothing_waits().await;
    assert_eq!(penstock_testkit::filled::drift(&app.db.client().await).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_kept_of_an_erasure_says_what_was_done_and_names_nobody() {
    let (app, person) = world(1_641).await;
    plant(&app, &person).await;
    let admin = admin(&app).await;
    let filter = person.filter();
    let (status, shown) =
        post(&admin, "/admin/erase", json!({"dryRun": true, "filter": filter})).await;
    assert_eq!((status, &shown["searching"]), (200, &json!(false)), "{shown}");
    assert!(shown["items"].as_i64().unwrap() > 20, "{shown}");
    assert_eq!(shown["first"].as_array().unwrap().len(), 10);
    assert_eq!(app.db.scalar::<i64>("select count(*) from erased_names").await, 0, "a dry run");
    let why = format!("a letter of {} ({USER})", person.email);
    let start = json!({"token": shown["token"], "why": why, "rate": 1_000});
    let (status, job) = post(&admin, "/admin/erase", start).await;
    assert_eq!((status, &job["why"]), (202, &json!("a letter of *** (***)")), "{job}");
    let told = finish(&app, &admin, shown["token"].as_str().unwrap()).await;
    let text = told.to_string();
    assert!(
        !text.contains(&person.email) && !text.contains(USER) && !text.contains(NAME),
        "{text}"
    );
    assert!(told["filter"]["names"].as_i64().unwrap() > 2, "{text}");
    let record = "select e.state || ' ' || e.asked_by || ' ' || (e.counts ->> 'leads deleted') || ' ' || (e.counts ->> 'payments redacted') \
                  from erasures e where e.ended_at >= e.started_at";
    assert!(app.db.scalar::<String>(record).await.starts_with("completed operator 2 "));
    // A year later the job is gone, and the record is there.
    app.pass_days(40).await;
    minute(&app).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from jobs where kind = 'erase'").await, 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from erasures").await, 1);
}
