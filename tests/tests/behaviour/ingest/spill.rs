//! While Postgres is away, leads and events take the way through SQS and come in by themselves,
//! once. Otherwise they are refused in a way that makes the sender try again (rule 1).

use std::sync::Arc;

use penstock_domain::clock::Clock as _;
use penstock_store::{Database, StaticLogin, Tls, api_keys};
use penstock_testkit::CuttingProxy;
use penstock_tests::test_app::{TestApp, admission, batch};
use serde_json::{Value, json};

use crate::ingest::post;
use crate::stripe_account::account;

/// Cuts `ingest` off from its database, before it has looked up any key.
pub async fn cut_off(seed: u64) -> TestApp {
    let mut app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    app.ingest.database = app.nowhere();
    app.ingest.admission = admission(app.nowhere(), 1_000);
    app
}

#[tokio::test]
async fn while_postgres_is_away_replies_are_202_and_afterwards_each_request_is_there_once_in_whatever_order()
 {
    let mut app = cut_off(360).await;
    let lead: &[u8] = b"any bytes \xff\x00";
    let mut promised = Vec::new();
    for n in 0..20 {
        let reply = post(&app.ingest, "/leads", &[], lead).await;
        assert_eq!((reply.status, &reply.body["ok"]), (202, &json!(true)));
        promised.push(reply.lead_id().to_owned());
        let key = format!("key-{}", n / 2);
        let keyed = post(&app.ingest, "/leads", &[("Idempotency-Key", &key)], key.as_bytes()).await;
        assert_eq!(keyed.status, 202);
        promised.push(keyed.lead_id().to_owned());
        let older = post(&app.ingest, "/api/lead", &[], format!("{{\"n\":{n}}}").as_bytes()).await;
        promised.push(older.lead_id().to_owned());
        let events = json!([{"eventType": "a", "payload": n}, {"eventType": "b", "payload": n, "eventId": format!("e{n}")}, 7]);
        let reply = post(&app.ingest, "/events", &[], events.to_string().as_bytes()).await;
        assert_eq!((reply.status, &reply.body["count"]), (202, &json!(2)), "{}", reply.body);
        promised.extend(
            reply.body["eventIds"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_str().unwrap().to_owned()),
        );
    }
    promised.sort();
    promised.dedup();
    let mut spilled = app.spill.take();
    assert_eq!(spilled.len(), 80);
    fastrand::Rng::with_seed(360).shuffle(&mut spilled);
    app.clock.advance(std::time::Duration::from_secs(7_200));
    for bodies in spilled.chunks(10).chain(spilled.chunks(7)) {
        assert_eq!(app.bring_in(bodies).await, 0);
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let sql = "select id::text from leads where state = 'accepted' union all select event_id from events order by 1";
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    let mut found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    found.sort();
    assert_eq!(found, promised, "what was promised, each once");
    // A retry after the outage gets the reply that was promised.
    app.ingest = crate::ingest::environment(&app);
    let again = post(&app.ingest, "/leads", &[("Idempotency-Key", "key-0")], b"key-0").await;
    assert_eq!((again.status, promised.contains(&again.lead_id().to_owned())), (200, true));
}

#[tokio::test]
async fn a_key_that_nobody_could_look_up_is_looked_at_on_the_way_in() {
    let mut app = cut_off(361).await;
    // The key is in the cache: it stays valid during the outage, even if it is revoked meanwhile.
    let proxy = CuttingProxy::start(app.db.login_of("ingest")).await;
    let through =
        || Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    app.ingest.admission = admission(through(), 1_000);
    app.ingest.database = through();
    assert_eq!(post(&app.ingest, "/leads", &[], b"before").await.status, 201);
    drop(proxy);
    app.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(post(&app.ingest, "/leads", &[], b"known").await.status, 202);
    app.ingest.admission = admission(app.nowhere(), 1_000);
    assert_eq!(post(&app.ingest, "/leads", &[], b"unknown").await.status, 202);
    let spilled = app.spill.take();
    let client = app.db.client().await;
    let id: uuid::Uuid = app.db.scalar("select id from api_keys").await;
    assert!(api_keys::revoke(&client, id, app.clock.now()).await.unwrap());
    assert_eq!(app.bring_in(&spilled).await, 1, "the one that nobody knows");
    app.drain().await;
    let kept = "select string_agg(convert_from(body, 'UTF8'), ' ' order by received_at) from leads";
    assert_eq!(app.db.scalar::<String>(kept).await, "before known");
    // If the queue gives the message up, its dead letter holds all of it.
    assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 0);
    let letter = "select source || ' ' || entity || ' ' || error from dead_letters";
    let why = "leads lead its API key was revoked, may not send this, or is no longer known";
    assert_eq!(app.db.scalar::<String>(letter).await, why);
    let kept: Value =
        serde_json::from_slice(&app.db.scalar::<Vec<u8>>("select payload from dead_letters").await)
            .unwrap();
    assert_eq!(kept["body"], "dW5rbm93bg==");
}

#[tokio::test]
async fn a_key_without_the_scope_is_no_key_and_a_limit_is_a_limit() {
    let mut app = TestApp::over(account(362, 1)).await;
    let id = app.let_in().await;
    app.ingest.admission = admission(app.db.database_of("ingest", 1), 1);
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let reply = post(&app.ingest, "/leads", &[], b"x").await;
        statuses.push((reply.status, reply.headers.contains_key("retry-after")));
    }
    assert_eq!(
        statuses,
        [vec![(201, false); 10], vec![(429, true)]].concat(),
        "ten in ten seconds"
    );
    app.clock.advance(std::time::Duration::from_secs(10));
    assert_eq!(post(&app.ingest, "/leads", &[], b"x").await.status, 201);
    let sql = format!("update api_keys set scope = 'read' where id = '{id}'");
    app.db.client().await.batch_execute(&sql).await.unwrap();
    app.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(post(&app.ingest, "/leads", &[], b"x").await.status, 401);
}

#[tokio::test]
async fn what_the_queue_gave_up_on_is_brought_in_by_bury_and_what_cannot_be_kept_anywhere_is_a_503()
{
    let app = cut_off(363).await;
    assert_eq!(post(&app.ingest, "/leads", &[], b"late").await.status, 202);
    let spilled = app.spill.take();
    for _ in 0..2 {
        assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 0);
    }
    app.clock.advance(std::time::Duration::from_secs(1));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    assert_eq!(app.db.scalar::<Vec<u8>>("select body from leads").await, b"late");

    let large = post(&app.ingest, "/leads", &[], &vec![0; 200_000]).await;
    assert_eq!(
        (large.status, large.headers["retry-after"].to_str().unwrap()),
        (503, "30"),
        "SQS would not take it"
    );
    app.spill.refuse(true);
    for (path, body) in [
        ("/leads", &b"x"[..]),
        ("/api/lead", b"{}"),
        ("/events", br#"{"eventType":"a","payload":1}"#),
    ] {
        let reply = post(&app.ingest, path, &[], body).await;
        assert_eq!(
            (reply.status, reply.headers["retry-after"].to_str().unwrap()),
            (503, "30"),
            "{path}"
        );
    }
    app.spill.refuse(false);
    // An invalid request is refused without Postgres, too.
    assert_eq!(post(&app.ingest, "/events", &[], b"{").await.status, 400);
    let bad = post(&app.ingest, "/api/lead", &[], b"{").await;
    assert_eq!((bad.status, &bad.body["error"]), (400, &json!("invalid_payload")));
    assert_eq!(app.spill.take().len(), 1, "and kept all the same");
}

/// Path, headers and body of a request.
type Repeatable = (&'static str, &'static [(&'static str, &'static str)], &'static [u8]);

/// Requests of each kind that can come twice.
fn repeatable() -> [Repeatable; 3] {
    let keyed = [("Idempotency-Key", "k")].as_slice();
    let named = br#"[{"eventType":"a","payload":1,"eventId":"e1"},{"eventType":"a","payload":1,"eventId":"e2"}]"#;
    let nameless = br#"[{"eventType":"a","payload":2}]"#;
    [
        ("/leads", keyed, b"a lead"),
        ("/events", &[], named.as_slice()),
        ("/events", keyed, nameless.as_slice()),
    ]
}

#[tokio::test]
async fn what_was_committed_without_an_answer_is_processed_as_soon_as_it_comes_back() {
    let mut app = TestApp::over(account(365, 1)).await;
    app.let_in().await;
    for (path, headers, body) in repeatable() {
        assert!(post(&app.ingest, path, headers, body).await.status < 300);
    }
    // Whoever gets no answer sends no ticket. The same requests are on the queue.
    drop(app.tickets.take());
    let gone = app.nowhere();
    let there = std::mem::replace(&mut app.ingest.database, gone);
    for (path, headers, body) in repeatable() {
        assert_eq!(post(&app.ingest, path, headers, body).await.status, 202);
    }
    app.ingest.database = there;
    let spilled = app.spill.take();
    assert_eq!((spilled.len(), app.bring_in(&spilled).await), (3, 0));
    app.work_tickets().await;
    app.db.assert_nothing_waits().await;
    let kept = "select (select count(*) from leads) || ' ' || (select count(*) from events)";
    assert_eq!(app.db.scalar::<String>(kept).await, "1 3");
    assert_eq!(app.bring_in(&spilled).await, 0);
    assert!(app.tickets.take().is_empty(), "all of it is processed");
}

#[tokio::test]
async fn a_sender_who_got_no_answer_has_the_ticket_sent_by_the_next_try() {
    let app = TestApp::over(account(366, 1)).await;
    app.let_in().await;
    for (path, headers, body) in repeatable() {
        assert!(post(&app.ingest, path, headers, body).await.status < 300);
        drop(app.tickets.take());
        assert!(post(&app.ingest, path, headers, body).await.status < 300);
        app.work_tickets().await;
        app.db.assert_nothing_waits().await;
        assert!(post(&app.ingest, path, headers, body).await.status < 300);
        assert!(app.tickets.take().is_empty(), "it is processed");
    }
}

#[tokio::test]
async fn a_connection_cut_at_any_point_of_the_commit_delays_no_ticket() {
    let mut app = TestApp::over(account(367, 1)).await;
    app.let_in().await;
    let proxy = CuttingProxy::start(app.db.login_of("ingest")).await;
    let through =
        || Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    app.ingest.database = through();
    assert_eq!(post(&app.ingest, "/leads", &[], b"first").await.status, 201);
    let (messages, mut sent) = (proxy.messages(), 1);
    for nth in 1..=messages {
        for (path, body) in [
            ("/leads", "lead".to_owned()),
            ("/events", json!([{"eventType": "a", "payload": nth}]).to_string()),
        ] {
            app.ingest.database = through();
            proxy.cut_at(nth, penstock_testkit::Cut::AfterForwarding, || {});
            let reply = post(&app.ingest, path, &[], body.as_bytes()).await;
            assert!(reply.status < 300, "{path} {nth}: {reply:?}");
            sent += 1;
        }
    }
    assert_eq!(app.bring_in(&app.spill.take()).await, 0);
    app.work_tickets().await;
    app.db.assert_nothing_waits().await;
    let kept = "select (select count(*) from leads) + (select count(*) from events)";
    assert_eq!(app.db.scalar::<i64>(kept).await, sent);
}

#[tokio::test]
async fn events_that_were_promised_under_a_key_that_others_have_are_a_letter_and_not_lost() {
    let mut app = TestApp::over(account(364, 1)).await;
    app.let_in().await;
    let key = [("Idempotency-Key", "k")];
    let events = |n: i32| json!([{"eventType": "a", "payload": n}]).to_string();
    assert_eq!(post(&app.ingest, "/events", &key, events(1).as_bytes()).await.status, 202);
    app.ingest.database = app.nowhere();
    assert_eq!(post(&app.ingest, "/events", &key, events(2).as_bytes()).await.status, 202);
    let spilled = app.spill.take();
    assert_eq!((spilled.len(), app.bring_in(&spilled).await), (1, 1), "given back each time");
    assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 0);
    let letter = "select source || ' ' || error from dead_letters";
    let why =
        "events its Idempotency-Key came with another body before; these events stand nowhere else";
    assert_eq!(app.db.scalar::<String>(letter).await, why);
    app.drain().await;
    assert_eq!(app.db.scalar::<String>("select payload from events").await, "1");
}
