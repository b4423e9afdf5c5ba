//! Requests that are committed while something is under way: none is moved back in time, answered
//! by what began before it, or halted by an older refusal (traps 67, 74).

use std::sync::mpsc;
use std::time::Duration;

use fetch::Outcome;
use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::record::{Delivery, Item, JSON};
use penstock_domain::source::OwnAccount;
use penstock_store::outbox::Arrival;
use penstock_store::refetch::{self, Cause};
use penstock_store::sync_state::pauses::{self, Refusal, Scope};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::sync_state::{self, Key};
use penstock_store::{Connection, begin, commit, deliveries, sync_runs, vendor_accounts};
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::test_app::TestApp;
use tokio::sync::oneshot;

use crate::admin::trigger::{accepted, admin, run};
use crate::stripe_account::{account, assert_true};

const WAITING: &str = "select count(*) from refetch_requests";

/// A second connection to the database, as of another function.
async fn session(app: &TestApp) -> Connection {
    app.db.database(1).connection().await.unwrap()
}

/// Holds back the reply to the next request. Returns what tells that the request has come in, and
/// what lets the reply go.
fn hold_next_reply(app: &TestApp) -> (oneshot::Receiver<()>, mpsc::Sender<()>) {
    let (came, comes) = oneshot::channel();
    let (let_go, goes) = mpsc::channel();
    app.stripe.on_request(1, move || {
        came.send(()).unwrap();
        goes.recv().unwrap();
    });
    (comes, let_go)
}

/// An app whose tables are the vendor's truth, and one of its charges.
async fn with_a_charge(seed: u64) -> (TestApp, String) {
    let app = TestApp::over(account(seed, 20)).await;
    app.fetch_all().await.unwrap();
    app.work_tickets().await;
    let id = app.stripe.truth().into_iter().find(|object| object.id.starts_with("ch_")).unwrap().id;
    (app, id)
}

async fn request(on: &mut Connection, id: &str, now: Timestamp) {
    let tx = begin(on).await.unwrap();
    let objects = [("stripe", "charge", id)];
    refetch::request(&tx, &objects, Cause::Tied, now, now + Duration::from_secs(300))
        .await
        .unwrap();
    commit(tx).await.unwrap();
}

/// Holds the vendor's next reply until a request, which began earlier, is committed.
fn request_during_the_next_reply(
    app: &TestApp,
    on: &mut Connection,
    id: &str,
    began: Timestamp,
) -> impl Future<Output = ()> {
    let (comes, let_go) = hold_next_reply(app);
    async move {
        comes.await.unwrap();
        request(on, id, began).await;
        let_go.send(()).unwrap();
    }
}

/// Stores a delivery that only names the charge.
async fn deliver(app: &TestApp, id: &str) {
    let now = app.clock.now();
    let item = Item {
        entity: "event".to_owned(),
        external_id: format!("evt_{id}"),
        version_key: "1".to_owned(),
        version_at: now,
        api_version: None,
        payload: b"{}",
    };
    let refetches = vec![("charge".to_owned(), id.to_owned())];
    let delivery = Delivery { item: Some(item), refetches, livemode: None, account: None };
    let arrival = Arrival {
        source: "stripe",
        media: JSON,
        received_at: now,
        ticket_due_at: now,
        ..Arrival::default()
    };
    let kept = deliveries::store(&app.db.database(1), arrival, &delivery, now).await.unwrap();
    assert!(kept.new.is_some());
}

async fn look(app: &TestApp) -> Outcome {
    let deadline = app.clock.now() + Duration::from_secs(600);
    app.fetch.serve(&FetchRequest::refetches("stripe", "charge"), deadline).await.unwrap()
}

fn asked(app: &TestApp, id: &str) -> usize {
    app.stripe.requests_to(&format!("/v1/charges/{id}")).len()
}

#[tokio::test]
async fn trap_74_a_request_that_began_earlier_and_commits_later_moves_no_time_back() {
    let (app, id) = with_a_charge(930).await;
    let (mut early, mut late) = (session(&app).await, session(&app).await);
    let before = app.clock.now();
    let objects = [("stripe", "charge", id.as_str())];
    let tx = begin(&mut early).await.unwrap();
    app.clock.advance(Duration::from_secs(60));
    let newest = app.clock.now();
    request(&mut late, &id, newest).await;
    refetch::request(&tx, &objects, Cause::Tied, before, before).await.unwrap();
    commit(tx).await.unwrap();
    let at = "select extract(epoch from requested_at)::bigint from refetch_requests";
    assert_eq!(app.db.scalar::<i64>(at).await, newest.as_second());
}

#[tokio::test]
async fn trap_74_a_look_answers_no_request_that_was_committed_after_it_had_asked() {
    let (app, id) = with_a_charge(931).await;
    let mut other = session(&app).await;
    request(&mut other, &id, app.clock.now()).await;
    // It begins before the look, and commits while the vendor's reply is under way.
    let began = app.clock.now() + Duration::from_secs(1);
    app.clock.advance(Duration::from_secs(60));
    let meanwhile = request_during_the_next_reply(&app, &mut other, &id, began);
    let (outcome, ()) = tokio::join!(look(&app), meanwhile);
    assert_eq!(outcome, Outcome::Refetched { objects: 2 });
    assert_eq!(asked(&app, &id), 2, "the first reply may be older than the request");
    assert_eq!(app.db.scalar::<i64>(WAITING).await, 0);
}

#[tokio::test]
async fn trap_74_a_look_by_hand_answers_no_later_request_either() {
    let (app, id) = with_a_charge(932).await;
    let mut other = session(&app).await;
    let began = app.clock.now();
    app.clock.advance(Duration::from_secs(60));
    let meanwhile = request_during_the_next_reply(&app, &mut other, &id, began);
    let by_hand = FetchRequest::refetch("stripe", "charge", id.clone());
    let deadline = app.clock.now() + Duration::from_secs(600);
    let (outcome, ()) = tokio::join!(app.fetch.serve(&by_hand, deadline), meanwhile);
    assert_eq!(outcome.unwrap(), Outcome::Refetched { objects: 1 });
    assert_eq!(app.db.scalar::<i64>(WAITING).await, 1, "it is to be read once more");
}

#[tokio::test]
async fn a_new_request_brings_the_next_try_of_an_object_forward() {
    for later in [false, true] {
        let (app, id) = with_a_charge(933).await;
        let now = app.clock.now();
        let tried_in_vain = format!(
            "insert into refetch_requests (source, entity, external_id, tries, requested_at, next_send_at) \
             values ('stripe', 'charge', '{id}', 9, '{now}', '{}')",
            now + Duration::from_secs(3_600)
        );
        app.db.client().await.batch_execute(&tried_in_vain).await.unwrap();
        let mut other = session(&app).await;
        let in_five_minutes = now + Duration::from_secs(300);
        if later {
            let ids = [id.clone()];
            refetch::request_later(&**other, "stripe", "charge", &ids, now, in_five_minutes)
                .await
                .unwrap();
        } else {
            request(&mut other, &id, now).await;
        }
        app.clock.advance(Duration::from_secs(301));
        // The message of the request is lost.
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        app.drain().await;
        assert_eq!(app.db.scalar::<i64>(WAITING).await, 0, "later: {later}");
    }
}

#[tokio::test]
async fn who_returns_a_claimed_object_returns_no_later_claim_of_it() {
    let app = TestApp::over(account(948, 1)).await;
    let mut other = session(&app).await;
    request(&mut other, "ch_1", app.clock.now()).await;
    let mut claims = Vec::new();
    for _ in 0..2 {
        let (now, again) = (app.clock.now(), app.clock.now() + Duration::from_secs(300));
        claims.push(refetch::claim(&**other, "stripe", "charge", 5, now, again).await.unwrap());
        app.clock.advance(Duration::from_secs(301));
    }
    let tries = "select tries::bigint from refetch_requests";
    for (wishes, left) in claims.iter().zip([2, 0]) {
        assert_eq!(wishes.len(), 1);
        refetch::put_back(&**other, "stripe", "charge", wishes, app.clock.now()).await.unwrap();
        assert_eq!(app.db.scalar::<i64>(tries).await, left);
    }
}

#[tokio::test]
async fn each_kind_of_request_forgets_since_when_reading_has_failed() {
    let (app, id) = with_a_charge(949).await;
    let (now, ids) = (app.clock.now(), [id.clone()]);
    let mut other = session(&app).await;
    for kind in ["request", "request_later", "remember", "delivery"] {
        request(&mut other, &id, now).await;
        let failing = "update refetch_requests set failing_since = requested_at";
        other.batch_execute(failing).await.unwrap();
        match kind {
            "request" => request(&mut other, &id, now).await,
            "request_later" => {
                refetch::request_later(&**other, "stripe", "charge", &ids, now, now).await.unwrap();
            }
            "remember" => {
                refetch::remember(&**other, "stripe", "charge", &ids, now, now).await.unwrap();
            }
            _ => deliver(&app, &id).await,
        }
        let failing = "select count(*) from refetch_requests where failing_since is not null";
        assert_eq!(app.db.scalar::<i64>(failing).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn trap_74_a_run_under_way_serves_no_request_that_is_committed_meanwhile() {
    let app = TestApp::over(account(934, 20)).await;
    let mut other = session(&app).await;
    let began = app.clock.now();
    app.clock.advance(Duration::from_secs(60));
    let (comes, let_go) = hold_next_reply(&app);
    let meanwhile = async {
        comes.await.unwrap();
        let tx = begin(&mut other).await.unwrap();
        let (why, unless) =
            (Some("what the run has read is read in another way now"), Unless::Never);
        pending::request(&tx, "stripe", &["charge"], Mode::Full, why, unless, began).await.unwrap();
        commit(tx).await.unwrap();
        let_go.send(()).unwrap();
    };
    let (outcome, ()) = tokio::join!(app.fetch("charge", Mode::Full), meanwhile);
    assert!(matches!(outcome.unwrap(), Outcome::Finished { .. }));
    let requested = "select count(*) from sync_state where requested_at is not null";
    assert_eq!(app.db.scalar::<i64>(requested).await, 1);
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>(requested).await, 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from sync_runs").await, 2);
}

#[tokio::test]
async fn trap_74_the_answer_about_an_account_that_was_asked_for_last_counts() {
    let app = TestApp::over(account(935, 1)).await;
    let client = app.db.client().await;
    let (before, now) = (app.clock.now(), app.clock.now() + Duration::from_secs(60));
    let says = |livemode| OwnAccount { livemode: Some(livemode), currency: None };
    vendor_accounts::keep(&client, "hubspot", says(true), None, now).await.unwrap();
    let changed =
        vendor_accounts::keep(&client, "hubspot", says(false), Some("no"), before).await.unwrap();
    assert!(!changed.mode);
    let kept = vendor_accounts::find(&client, "hubspot").await.unwrap().unwrap();
    assert_eq!((kept.own.livemode, kept.asked_at), (Some(true), now));
}

#[tokio::test]
async fn trap_74_a_run_that_has_succeeded_is_not_failed_by_who_lost_its_lease() {
    let app = TestApp::over(account(936, 5)).await;
    let Outcome::Finished { run, .. } = app.fetch("charge", Mode::Full).await.unwrap() else {
        panic!("not finished");
    };
    let client = app.db.client().await;
    let late = app.clock.now() - Duration::from_secs(1);
    let refused = (FailureClass::Permanent, "the key is refused");
    sync_runs::record_error(&client, RunId(run.0), refused, true, late).await.unwrap();
    let status = "select status || ' ' || errors from sync_runs";
    assert_eq!(app.db.scalar::<String>(status).await, "succeeded 1");
}

/// Has a full run of charges be refused while `meanwhile` happens, and returns the run's outcome.
async fn refused_while<F: Future<Output = ()>>(app: &TestApp, meanwhile: F) -> Outcome {
    app.stripe.faults().always("/v1/charges", Fault::Unauthorized);
    let (comes, let_go) = hold_next_reply(app);
    let meanwhile = async {
        comes.await.unwrap();
        meanwhile.await;
        let_go.send(()).unwrap();
    };
    let (outcome, ()) = tokio::join!(app.fetch("charge", Mode::Full), meanwhile);
    app.stripe.faults().clear();
    outcome.unwrap()
}

#[tokio::test]
async fn trap_67_a_trigger_that_is_accepted_while_an_older_key_is_refused_is_served_at_once() {
    let app = TestApp::over(account(937, 20)).await;
    let admin = admin(&app).await;
    // The older key has been refused before, and is tried again.
    app.stripe.faults().always("/v1/charges", Fault::Unauthorized);
    app.fetch("charge", Mode::Full).await.unwrap_err();
    app.clock.advance(Duration::from_secs(120));
    let mut id = String::new();
    let outcome = refused_while(
        &app,
        Box::pin(async {
            app.clock.advance(Duration::from_secs(1));
            id = accepted(&admin, "stripe/full", "after-the-key-was-mended").await;
        }),
    )
    .await;
    assert_eq!(outcome, Outcome::RefusalOutdated);
    let halted = "select count(*) from sync_state where halted is not null";
    assert_eq!(app.db.scalar::<i64>(halted).await, 0);
    let accepted_at = app.clock.now();
    app.drain().await;
    assert_eq!(run(&app, &id).await["status"], "succeeded");
    let waited = app.clock.now().as_second() - accepted_at.as_second();
    assert!(waited < 60, "served after {waited} s");
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_67_a_try_by_hand_is_not_undone_by_an_older_refusal() {
    let app = TestApp::over(account(938, 20)).await;
    let by_hand = serde_json::json!({
        "source": "stripe", "entity": "charge", "mode": "full", "unpause": true,
    });
    let outcome = refused_while(
        &app,
        Box::pin(async {
            let deadline = app.clock.now() + Duration::from_secs(600);
            let reply = app.fetch.handle(by_hand, deadline).await.unwrap();
            assert_eq!(reply["outcome"], "busy");
        }),
    )
    .await;
    assert_eq!(outcome, Outcome::RefusalOutdated);
    app.drain().await;
    let succeeded = "select count(*) from sync_runs where mode = 'full' and status = 'succeeded'";
    assert_eq!(app.db.scalar::<i64>(succeeded).await, 1);
}

#[tokio::test]
async fn trap_67_only_who_may_end_a_pause_outdates_a_refusal() {
    let app = TestApp::over(account(939, 1)).await;
    let key = Key { source: "gcal", entity: "event", mode: Mode::Incremental };
    for (unless, outdated) in
        [(Unless::Paused, false), (Unless::Never, true), (Unless::RequestedOrUnderWay, true)]
    {
        let mut connection = session(&app).await;
        let now = app.clock.now();
        let forget = "update sync_state set requested_at = null, halted = null, next_try_at = null";
        connection.batch_execute(forget).await.unwrap();
        let until = now + Duration::from_secs(120);
        let lease = sync_state::acquire(&**connection, key, now, until).await.unwrap().unwrap();
        let tx = begin(&mut connection).await.unwrap();
        let requested =
            pending::request(&tx, "gcal", &["event"], Mode::Incremental, None, unless, now).await;
        assert_eq!(requested.unwrap(), ["event"]);
        let refusal = pauses::pause(&tx, key, &lease, "404", Scope::Pull, now).await.unwrap();
        commit(tx).await.unwrap();
        assert_eq!(refusal == Refusal::Outdated, outdated, "{unless:?}: {refusal:?}");
        app.clock.advance(Duration::from_secs(600));
    }
}

#[tokio::test]
async fn an_object_that_a_page_names_twice_is_requested_once() {
    let app = TestApp::over(account(951, 1)).await;
    let (on, now) = (session(&app).await, app.clock.now());
    let ids = ["ch_1", "ch_2", "ch_1"].map(str::to_owned);
    refetch::request_later(&**on, "stripe", "charge", &ids, now, now).await.unwrap();
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 2);
}
