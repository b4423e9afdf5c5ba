//! Nothing is refused for what stands beside the body, and it is kept with it (trap 71).

use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::ingest::spill::cut_off;
use crate::ingest::{pointers, post};
use crate::stripe_account::account;

async fn test_app(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    app
}

const GZIP: [u8; 23] =
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0, 0];

#[tokio::test]
async fn trap_71_what_a_form_builder_adds_to_the_url_is_kept_with_the_lead() {
    let app = test_app(390).await;
    for (path, body) in [
        ("/leads?utm_source=fb&utm_source=ig&fbclid=a%20b+c", "1"),
        ("/api/lead?source=zapier", "{}"),
        ("/leads?", "2"),
        ("/leads", "3"),
    ] {
        let reply = post(&app.ingest, path, &[], body.as_bytes()).await;
        assert_eq!(reply.status, 201, "{path}: {}", reply.body);
    }
    let event = json!({"eventType": "t", "payload": 1}).to_string();
    let reply = post(&app.ingest, "/events?utm_source=x&atomic=true", &[], event.as_bytes()).await;
    assert_eq!((reply.status, &reply.body["success"]), (201, &json!(true)));
    let refused = post(&app.ingest, "/events?atomic=maybe&x=1", &[], event.as_bytes()).await;
    assert_eq!((refused.status, pointers(&refused)), (400, vec!["#/query/atomic"]));
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let queries =
        "select string_agg(coalesce(query, '-') || ' ' || sender, '|' order by query) from leads";
    assert_eq!(
        app.db.scalar::<String>(queries).await,
        "source=zapier test app|utm_source=fb&utm_source=ig&fbclid=a%20b+c test app|- test app|- test app"
    );
    let of_event = "select query || ' ' || sender from outbox where source = 'events'";
    assert_eq!(app.db.scalar::<String>(of_event).await, "utm_source=x&atomic=true test app");
}

#[tokio::test]
async fn an_odd_idempotency_key_is_the_key_that_it_is() {
    let app = test_app(391).await;
    let long = "k".repeat(5_000);
    for key in ["lead 7", "\"half", "a,b", "\u{e4}\u{f6}", &long] {
        for (n, status) in [201, 200, 200].into_iter().enumerate() {
            let reply = post(&app.ingest, "/leads", &[("Idempotency-Key", key)], b"x").await;
            assert_eq!((reply.status, reply.is_replayed()), (status, n > 0), "{key}");
        }
        let other = post(&app.ingest, "/leads", &[("Idempotency-Key", key)], b"y").await;
        assert_eq!(other.status, 422, "{key}");
    }
    // What names nothing is no key: each of these is a lead of its own.
    for key in ["", "\"\"", " "] {
        for _ in 0..2 {
            let reply = post(&app.ingest, "/leads", &[("Idempotency-Key", key)], b"z").await;
            assert_eq!(reply.status, 201, "{key:?}");
        }
    }
    let event = json!({"eventType": "t", "payload": 1}).to_string();
    let odd = [("Idempotency-Key", "batch of today")];
    let first = post(&app.ingest, "/events", &odd, event.as_bytes()).await;
    let again = post(&app.ingest, "/events", &odd, event.as_bytes()).await;
    assert_eq!((again.is_replayed(), &again.body), (true, &first.body));
}

#[tokio::test]
async fn query_encoding_and_type_reach_the_row_by_way_of_the_queue_too() {
    let mut app = cut_off(392).await;
    let headers = [("Content-Encoding", "GZip"), ("Content-Type", "application/json")];
    let reply = post(&app.ingest, "/leads?utm_source=a%20b", &headers, &GZIP).await;
    assert_eq!(reply.status, 202);
    let spilled = app.spill.take();
    assert_eq!(app.bring_in(&spilled).await, 0);
    app.ingest = crate::ingest::environment(&app);
    assert_eq!(post(&app.ingest, "/leads", &headers, &GZIP).await.status, 201);
    let plain = [("Content-Encoding", "identity")];
    assert_eq!(post(&app.ingest, "/leads", &plain, b"x").await.status, 201);
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let kept = "select string_agg(concat_ws(' ', coalesce(query, '-'), content_encoding, content_type, sender, length(body)), \
                '|' order by query, content_encoding) from leads";
    assert_eq!(
        app.db.scalar::<String>(kept).await,
        "utm_source=a%20b GZip application/json test app 23|- GZip application/json test app 23|\
         - application/octet-stream test app 1"
    );
}
