//! Dead letters that are replayed in the console: counted, started, watched and stopped.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_tests::test_app::TestApp;
use relay::RelayError;
use serde_json::json;
use uuid::Uuid;

use super::{Person, World, environment};
use crate::admin::trigger::admin;
use crate::console::html::numbers;
use crate::jobs::{self, unknown_to_it, work};
use crate::process::batches::put;

/// The number of a page that stands there in the API's reply.
fn number(page: &str, pointer: &str) -> i64 {
    let found = numbers(page).into_iter().find(|number| number.pointer == pointer);
    found.unwrap_or_else(|| panic!("{pointer} is not on the page: {page}")).value.parse().unwrap()
}

/// Lets a minute pass, in which `relay` and `process` work.
async fn minute(app: &TestApp) {
    app.clock.advance(Duration::from_secs(60));
    let round = app.relay.run_once(app.relay_deadline()).await;
    assert!(matches!(round, Ok(_) | Err(RelayError::NotPurged(_))), "{round:?}");
    app.drain().await;
}

/// The page of a job once it has ended.
async fn ended(world: &World, person: &Person, job: Uuid) -> String {
    for _ in 0..40 {
        minute(&world.app).await;
        let page = world.page(person, &format!("/console/jobs/{job}")).await;
        if page.contains("<dd>completed</dd>") {
            return page;
        }
    }
    panic!("the job does not end");
}

async fn dead(world: &World) -> i64 {
    world.app.db.scalar("select count(*) from outbox where status = 'dead'").await
}

const COLLECTED: &str =
    "select coalesce(sum(amount), 0)::bigint from payments where status = 'collected'";

#[tokio::test]
async fn trap_60_a_replay_takes_the_rows_that_were_counted_and_shown_and_no_other() {
    let world = World::with_dead(6_110, 500).await;
    let operator = world.person("operator", Role::Operator).await;
    let spoil = "update outbox set payload = '{' where external_id = 'ch_00007'";
    world.app.db.client().await.batch_execute(spoil).await.unwrap();
    let filter = [("what", "all"), ("source", "stripe"), ("errorKind", "invalid")];
    let query = "what=all&source=stripe&errorKind=invalid";
    let asking = world.page(&operator, &format!("/console/dead-letters/replay?{query}")).await;
    assert!(asking.contains("name=\"errorKind\" value=\"invalid\""), "{asking}");
    let job = world.planned(&operator, &filter).await;
    let path = format!("/console/jobs/{job}");
    let page = world.page(&operator, &path).await;
    assert_eq!(number(&page, "/items"), 500);
    assert_eq!(page.matches("<td>stripe charge</td>").count(), 10, "the first rows: {page}");
    assert!(page.contains("Replay these "), "{page}");
    assert_eq!(dead(&world).await, 500, "to count changes no row");

    // What dies after the count matches, and is not among what was counted.
    let late = put(&world.app, &[("ch_late".to_owned(), "{".to_owned())]).await;
    work(&world.app, &late).await;
    let form = [("why", "the map is mended"), ("rate", "1000")];
    assert_eq!(world.led(&operator, &format!("{path}/start"), &form).await, path);
    let page = ended(&world, &operator, job).await;
    let pointers = ["/items", "/report/processed", "/report/dead", "/report/skipped"];
    assert_eq!(pointers.map(|name| number(&page, name)), [500, 499, 1, 0]);
    assert!(page.contains("<progress max=\"500\" value=\"500\">"), "{page}");
    assert_eq!(dead(&world).await, 2, "the spoilt one, and the late one");
    assert_eq!(world.app.db.scalar::<i64>(COLLECTED).await, 499 * 100);
    let trail = "select string_agg(format('%s %s %s %s', action, object, count, why), '|' order by seq) from audit_log";
    let expected = format!("job.planned {job} 500 |job.started {job} 500 the map is mended");
    assert_eq!(world.app.db.scalar::<String>(trail).await, expected);
    // The same form once more shows the same job.
    let again = world.post(&operator, &format!("{path}/start"), &form).await;
    assert_eq!(again.status_code, 409, "{}", again.text());
}

#[tokio::test]
async fn the_chosen_rows_are_replayed_and_no_other() {
    let world = World::with_dead(6_111, 5).await;
    let operator = world.person("operator", Role::Operator).await;
    let letters = "select id from dead_letters where external_id in ('ch_00001', 'ch_00003')";
    let letters = world.app.db.client().await.query(letters, &[]).await.unwrap();
    let ids: Vec<String> = letters.iter().map(|row| row.get::<_, Uuid>(0).to_string()).collect();
    let query = ids.iter().map(|id| format!("id={id}")).collect::<Vec<_>>().join("&");
    let asking = format!("/console/dead-letters/replay?what=chosen&source=stripe&{query}");
    assert!(world.page(&operator, &asking).await.contains("2 chosen rows"));
    let form = [("id", ids[0].as_str()), ("id", ids[1].as_str()), ("id", ids[0].as_str())];
    let job = world.started(&operator, &form, "1000").await;
    let page = ended(&world, &operator, job).await;
    assert_eq!((number(&page, "/items"), number(&page, "/report/processed")), (2, 2));
    let left = "select string_agg(external_id, ' ' order by external_id) from outbox where status = 'dead'";
    assert_eq!(world.app.db.scalar::<String>(left).await, "ch_00000 ch_00002 ch_00004");
    for (form, field) in [
        (&[("what", "chosen")][..], "#/id"),
        (&[("id", "none")], "#/id"),
        (&[("from", "x")], "#/from"),
    ] {
        let refused = world.post(&operator, "/console/dead-letters/replay", form).await;
        assert_eq!(refused.status_code, 400);
        assert!(refused.text().contains(&format!("<code>{field}</code>")), "{}", refused.text());
    }
}

#[tokio::test]
async fn a_job_shows_its_progress_pauses_goes_on_and_is_stopped() {
    let world = World::with_dead(6_112, 150).await;
    let operator = world.person("operator", Role::Operator).await;
    let job = world.started(&operator, &[], "1").await;
    let path = format!("/console/jobs/{job}");
    let waiting = async || {
        minute(&world.app).await;
        let page = world.page(&operator, &path).await;
        let sum: i64 = ["waiting", "underWay", "processed", "dead", "skipped"]
            .map(|name| number(&page, &format!("/report/{name}")))
            .iter()
            .sum();
        assert_eq!(sum, 150, "each row is in one of the numbers");
        number(&page, "/report/waiting")
    };
    assert_eq!(waiting().await, 90, "one a second");
    assert_eq!(world.led(&operator, &format!("{path}/pause"), &[]).await, path);
    assert_eq!(waiting().await, 90);
    assert_eq!(world.led(&operator, &format!("{path}/pause"), &[]).await, path, "once more");
    assert_eq!(world.led(&operator, &format!("{path}/resume"), &[]).await, path);
    assert_eq!(waiting().await, 30);
    assert_eq!(world.led(&operator, &format!("{path}/stop"), &[]).await, path);
    assert_eq!((waiting().await, dead(&world).await), (30, 30), "those stay dead");
    let late = world.post(&operator, &format!("{path}/resume"), &[]).await;
    assert_eq!(late.status_code, 409);
    assert!(late.text().contains("The job is stopped."), "{}", late.text());
    let list = world.page(&operator, "/console/jobs?state=stopped").await;
    assert!(list.contains(&format!("href=\"{path}\"")), "{list}");
    let actions = "select string_agg(action, ' ' order by seq) from audit_log";
    assert_eq!(
        world.app.db.scalar::<String>(actions).await,
        "job.planned job.started job.paused job.resumed job.stopped"
    );
}

#[tokio::test]
async fn the_same_filter_is_one_job_whether_it_was_started_in_the_console_or_over_the_api() {
    let world = World::with_dead(6_113, 4).await;
    let operator = world.person("operator", Role::Operator).await;
    let api = admin(&world.app).await;
    let filter = json!({"source": "stripe", "errorKind": "invalid", "externalId": "ch_00001"});
    let there = jobs::start(&api, "/admin/events/replay", filter).await;
    let form = [("externalId", "ch_00001"), ("source", "stripe"), ("errorKind", "invalid")];
    let job = world.planned(&operator, &form).await;
    let led = world.led(&operator, &format!("/console/jobs/{job}/start"), &[("why", "x")]).await;
    assert_eq!(led, format!("/console/jobs/{there}"));
    let remap = jobs::start(&api, "/admin/remap", json!({"source": "stripe"})).await;
    let led = world.led(&operator, "/console/remap", &[("source", "stripe")]).await;
    let led = world.led(&operator, &format!("{led}/start"), &[("why", "x")]).await;
    assert_eq!(led, format!("/console/jobs/{remap}"));
}

#[tokio::test]
async fn two_who_start_the_same_replay_in_the_console_get_one_job() {
    let world = World::with_dead(6_114, 4).await;
    let [ada, bo] =
        [world.person("ada", Role::Operator).await, world.person("bo", Role::Admin).await];
    let (first, second) = (world.planned(&ada, &[]).await, world.planned(&bo, &[]).await);
    let other = environment(&world.app, &world.transactions);
    let form = [("why", "mended"), ("rate", "1000")];
    let [first, second] = [first, second].map(|job| format!("/console/jobs/{job}/start"));
    let (one, two) =
        tokio::join!(world.led(&ada, &first, &form), led_by(&other, &bo, &second, &form));
    assert_eq!(one, two);
    let started = "select count(*) from audit_log where action = 'job.started'";
    assert_eq!(world.app.db.scalar::<i64>(started).await, 1);
}

#[tokio::test]
async fn a_count_holds_for_an_hour_and_a_start_says_why() {
    let world = World::with_dead(6_115, 2).await;
    let operator = world.person("operator", Role::Operator).await;
    let job = world.planned(&operator, &[]).await;
    let start = format!("/console/jobs/{job}/start");
    for (form, field) in [
        (&[("rate", "5")][..], "#/why"),
        (&[("why", " "), ("rate", "5")], "#/why"),
        (&[("why", "x"), ("rate", "0")], "#/rate"),
        (&[("why", "x"), ("rate", "1001")], "#/rate"),
        (&[("why", "x"), ("rate", "many")], "#/rate"),
    ] {
        let refused = world.post(&operator, &start, form).await;
        assert_eq!(refused.status_code, 400, "{form:?}");
        assert!(refused.text().contains(&format!("<code>{field}</code>")), "{}", refused.text());
    }
    world.app.clock.advance(Duration::from_secs(3_601));
    let page = world.page(&operator, &format!("/console/jobs/{job}")).await;
    assert!(page.contains("older than an hour") && !page.contains("Replay these"), "{page}");
    assert_eq!(world.post(&operator, &start, &[("why", "x")]).await.status_code, 409);
    let none = world.planned(&operator, &[("externalId", "nothing")]).await;
    let page = world.page(&operator, &format!("/console/jobs/{none}")).await;
    assert!(page.contains("Nothing matches."), "{page}");
}

#[tokio::test]
async fn hostile_text_in_a_dead_letter_is_text_on_the_pages_of_its_replay() {
    let world = World::with_dead(6_116, 0).await;
    let operator = world.person("operator", Role::Operator).await;
    let hostile = "<img src=x onerror=alert(1)>\u{202e}</script>";
    let ids = put(&world.app, &[("ch_1".to_owned(), unknown_to_it("ch_1"))]).await;
    let broken = put(&world.app, &[("ch_2".to_owned(), "{".to_owned())]).await;
    work(&world.app, &[ids, broken].concat()).await;
    let rename = "update dead_letters set external_id = $1, reason = $1, error = $1";
    world.app.db.client().await.execute(rename, &[&hostile]).await.unwrap();
    let job = world.planned(&operator, &[("reason", hostile)]).await;
    let page = world.page(&operator, &format!("/console/jobs/{job}")).await;
    assert!(!page.contains("<img") && !page.contains('\u{202e}'), "{page}");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;\\u{202E}&lt;/script&gt;"), "{page}");
    let letter: Uuid = world.app.db.scalar("select id from dead_letters limit 1").await;
    let reveal = format!("/console/dead-letters/{letter}/reveal");
    let revealed = world.post(&operator, &reveal, &[]).await;
    assert_eq!(
        (revealed.status_code, &revealed.headers["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    assert!(!revealed.text().contains("<img"), "{}", revealed.text());
}

/// Sends a form in another environment of the console.
async fn led_by(
    console: &console::Ports,
    by: &Person,
    path: &str,
    form: &[(&str, &str)],
) -> String {
    use penstock_edge::http::Service as _;
    let request = super::send(path, Some(&by.cookie), super::OWN, form);
    let reply = console.handle(&request, "invocation").await;
    assert_eq!(reply.status_code, 303, "{}", reply.text());
    reply.headers["location"].to_str().unwrap().to_owned()
}
