//! `POST /webhooks/hubspot`: signature v3, and refetches that are durable before the reply.

use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::{Fault, Kind, sign_v3};
use penstock_tests::test_app::WEBHOOK_SECRET;
use serde_json::{Value, json};

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

const URI: &str = "https://api.example/webhooks/hubspot";

/// Returns a request as the gateway sends it to the function.
fn posted(body: &str, signature: &str, timestamp: i64) -> Value {
    json!({
        "version": "2.0", "rawPath": "/webhooks/hubspot", "rawQueryString": "", "body": body,
        "headers": {
            "content-type": "application/json", "host": "api.example",
            "X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp.to_string(),
        },
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"}, "isBase64Encoded": false,
    })
}

async fn send(test: &HubSpotTestApp, event: Value) -> (u64, Value) {
    let reply = test.app.webhook.invoke(event, "invocation").await.unwrap();
    (
        reply["statusCode"].as_u64().unwrap(),
        serde_json::from_str(reply["body"].as_str().unwrap()).unwrap(),
    )
}

/// Pushes changes, signed; the reply's status and body.
pub async fn push(test: &HubSpotTestApp, changes: &Value) -> (u64, Value) {
    let (body, now) = (changes.to_string(), test.app.clock.now().as_millisecond());
    send(test, posted(&body, &sign_v3(WEBHOOK_SECRET, "POST", URI, body.as_bytes(), now), now))
        .await
}

/// Returns a change as HubSpot pushes it.
pub fn change(kind: &str, id: u64) -> Value {
    json!({"eventId": 1, "subscriptionId": 2, "portalId": 3, "appId": 4, "occurredAt": 5, "attemptNumber": 0,
        "subscriptionType": kind, "objectId": id})
}

#[tokio::test]
async fn changes_that_are_pushed_are_read_and_stand_within_the_minute() {
    let test = HubSpotTestApp::over(portal(41, 60, 60)).await;
    test.run(Mode::Full).await;
    test.wait(60);
    let (contact, deal) = (some(&test, Kind::Contact, 5), some(&test, Kind::Deal, 5));
    test.hubspot.portal().edit(Kind::Contact, contact);
    test.hubspot.portal().edit(Kind::Deal, deal);
    let new = test.hubspot.portal().create(Kind::Deal);
    let changes = json!([
        change("contact.propertyChange", contact),
        change("contact.propertyChange", contact),
        change("deal.propertyChange", deal),
        change("deal.creation", new),
        change("company.creation", 9),
    ]);
    assert_eq!(push(&test, &changes).await, (200, json!({"received": true, "outcome": "stored"})));
    assert_eq!(
        test.app.db.scalar::<i64>("select count(*) from refetch_requests").await,
        3,
        "before the reply, each once"
    );
    test.app.drain().await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}

#[tokio::test]
async fn trap_11_deletions_merges_and_restores_that_are_pushed_are_followed_at_once() {
    let test = HubSpotTestApp::over(portal(42, 60, 60)).await;
    test.run(Mode::Full).await;
    test.wait(600);
    let ids = test.hubspot.portal().live(Kind::Contact);
    let deal = some(&test, Kind::Deal, 5);
    test.hubspot.portal().archive(Kind::Contact, ids[0]);
    test.hubspot.portal().purge(Kind::Contact, ids[1]);
    test.hubspot.portal().archive(Kind::Deal, deal);
    let kept = test.hubspot.portal().merge(Kind::Contact, ids[2], ids[3], true);
    let mut merge = change("contact.merge", ids[2]);
    merge.as_object_mut().unwrap().extend(
        json!({"primaryObjectId": ids[2], "mergedObjectIds": [ids[3]], "newObjectId": kept})
            .as_object()
            .unwrap()
            .clone(),
    );
    let changes = json!([
        change("contact.deletion", ids[0]),
        change("contact.privacyDeletion", ids[1]),
        change("deal.deletion", deal),
        merge,
        change("contact.deletion", ids[3]),
    ]);
    assert_eq!(push(&test, &changes).await.0, 200);
    test.app.drain().await;
    test.assert_true().await;
    let contacts = test.contacts().await;
    assert_eq!(
        contacts[&ids[3].to_string()].merged_into,
        Some(kept.to_string()),
        "a merge says more than that it is gone"
    );

    test.wait(60);
    test.hubspot.portal().restore(Kind::Contact, ids[0]);
    test.hubspot.portal().restore(Kind::Deal, deal);
    assert_eq!(
        push(&test, &json!([change("contact.restore", ids[0]), change("deal.restore", deal)]))
            .await
            .0,
        200
    );
    test.app.drain().await;
    test.assert_true().await;
    // All the same after the next full run.
    test.wait(3_600);
    test.run(Mode::Full).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_11_an_id_that_answers_with_another_object_is_gone_even_where_that_one_does_not_name_it()
 {
    for kind in [Kind::Contact, Kind::Deal] {
        let test = HubSpotTestApp::over(portal(46, 20, 20)).await;
        test.run(Mode::Full).await;
        test.wait(600);
        let ids = test.hubspot.portal().live(kind);
        test.hubspot.portal().merged_ids_listed = false;
        let kept = test.hubspot.portal().merge(kind, ids[2], ids[3], true);
        let word = if kind == Kind::Contact { "contact" } else { "deal" };
        let changes: Vec<Value> =
            [ids[2], ids[3], kept].map(|id| change(&format!("{word}.propertyChange"), id)).to_vec();
        assert_eq!(push(&test, &json!(changes)).await.0, 200);
        test.app.drain().await;
        assert!(!test.deals().await.contains_key(&ids[3].to_string()), "it would count twice");
        if kind == Kind::Contact {
            // The read of the merged id returned the object that it was merged into, so that is its
            // target.
            let (contacts, into) = (test.contacts().await, Some(kept.to_string()));
            let merged_into = |id: u64| contacts[&id.to_string()].merged_into.clone();
            assert_eq!([ids[2], ids[3], kept].map(merged_into), [into.clone(), into, None]);
        }
        // Once HubSpot names the merged objects, the target stays, whichever of the two was
        // processed first.
        test.hubspot.portal().merged_ids_listed = true;
        test.wait(5);
        assert_eq!(
            push(&test, &json!([change(&format!("{word}.propertyChange"), kept)])).await.0,
            200
        );
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_14_a_look_that_a_proxy_answers_with_404_is_no_answer_and_stays_wanted() {
    let test = HubSpotTestApp::over(portal(47, 20, 20)).await;
    test.run(Mode::Full).await;
    test.wait(60);
    let deal = some(&test, Kind::Deal, 5);
    test.hubspot.portal().purge(Kind::Deal, deal);
    assert_eq!(push(&test, &json!([change("deal.deletion", deal)])).await.0, 200);
    test.hubspot.faults().next_n("/crm/objects/2026-09/deals", 5, Fault::NoSuchPage);
    let request = serde_json::from_str(&test.app.requests.take()[0]).unwrap();
    let deadline = test.app.clock.now() + std::time::Duration::from_secs(3_600);
    let error = test.app.fetch.serve(&request, deadline).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
    assert!(
        test.deals().await.contains_key(&deal.to_string()),
        "nothing is deleted on a proxy's word"
    );
    // `relay` sends another message: the refetch is still pending.
    test.wait(600);
    assert_eq!(test.app.relay.run_once(test.app.relay_deadline()).await.unwrap().refetches, 1);
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn a_request_that_is_not_signed_as_hubspot_signs_is_refused_and_leaves_nothing() {
    let test = HubSpotTestApp::over(portal(43, 1, 1)).await;
    let (body, now) =
        (json!([change("contact.creation", 7)]).to_string(), test.app.clock.now().as_millisecond());
    let sign = |secret: &str, method: &str, uri: &str, at: i64| {
        sign_v3(secret, method, uri, body.as_bytes(), at)
    };
    let good = sign(WEBHOOK_SECRET, "POST", URI, now);
    let old = now - 300_001;
    for (event, why) in [
        (posted(&body, &sign("another secret", "POST", URI, now), now), "another secret"),
        (posted(&body, &sign(WEBHOOK_SECRET, "GET", URI, now), now), "another method"),
        (
            posted(
                &body,
                &sign(WEBHOOK_SECRET, "POST", "https://other.example/webhooks/hubspot", now),
                now,
            ),
            "another host",
        ),
        (posted(&body, &good, now + 1), "another time"),
        (posted(&body.replace('7', "8"), &good, now), "another body"),
        (posted(&body, &sign(WEBHOOK_SECRET, "POST", URI, old), old), "too old"),
        (posted(&body, "", now), "none"),
    ] {
        let (status, problem) = send(&test, event).await;
        assert_eq!(
            (status, &problem["type"]),
            (400, &json!("urn:penstock:problem:bad-signature")),
            "{why}"
        );
    }
    let mut missing = posted(&body, &good, now);
    missing["headers"].as_object_mut().unwrap().remove("X-HubSpot-Request-Timestamp");
    assert_eq!(send(&test, missing).await.0, 400);
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    assert_eq!(send(&test, posted(&body, &good, now)).await.0, 200);
}

#[tokio::test]
async fn behind_a_proxy_the_configured_address_is_what_is_signed() {
    let mut test = HubSpotTestApp::over(portal(44, 1, 1)).await;
    let address = "https://hooks.example.com/prod/";
    test.app.webhook.public_base_url = Some(address.to_owned());
    let (body, now) =
        (json!([change("contact.creation", 7)]).to_string(), test.app.clock.now().as_millisecond());
    let uri = "https://hooks.example.com/prod/webhooks/hubspot";
    let event = posted(&body, &sign_v3(WEBHOOK_SECRET, "POST", uri, body.as_bytes(), now), now);
    assert_eq!(send(&test, event).await.0, 200);
    let event = posted(&body, &sign_v3(WEBHOOK_SECRET, "POST", URI, body.as_bytes(), now), now);
    assert_eq!(send(&test, event).await.0, 400);
}

#[tokio::test]
async fn while_postgres_is_away_changes_wait_on_the_queue_and_are_read_when_it_is_back() {
    use penstock_store::Database;
    use penstock_testkit::TestDatabase;

    let mut test = HubSpotTestApp::over(portal(45, 20, 20)).await;
    test.run(Mode::Full).await;
    test.wait(60);
    let deal = some(&test, Kind::Deal, 5);
    test.hubspot.portal().edit(Kind::Deal, deal);
    let empty = TestDatabase::empty().await;
    let here: Database = std::mem::replace(&mut test.app.webhook.database, empty.database(1));
    assert_eq!(
        push(&test, &json!([change("deal.propertyChange", deal)])).await,
        (202, json!({"received": true, "outcome": "spilled"}))
    );
    test.app.webhook.database = here;
    let spilled = test.app.spill.take();
    assert_eq!(spilled.len(), 1);
    // Twice, as SQS may deliver it.
    for _ in 0..2 {
        let records: Vec<Value> = spilled
            .iter()
            .map(|body| json!({"messageId": "m", "body": body, "attributes": {}}))
            .collect();
        let reply =
            test.app.webhook.invoke(json!({"Records": records}), "invocation").await.unwrap();
        assert_eq!(reply["batchItemFailures"], json!([]));
    }
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_79_a_webhooks_url_may_have_a_query_and_the_signature_covers_it_as_it_stands() {
    let test = HubSpotTestApp::over(portal(49, 5, 5)).await;
    let body = json!([change("deal.creation", 9)]).to_string();
    let now = test.app.clock.now().as_millisecond();
    let signed_over = |url: &str| sign_v3(WEBHOOK_SECRET, "POST", url, body.as_bytes(), now);
    let called = |query: &str, signature: &str| {
        let mut event = posted(&body, signature, now);
        event["rawQueryString"] = json!(query);
        event
    };
    for (query, signed) in [
        ("env=live&utm_source=hubspot", "env=live&utm_source=hubspot"),
        ("b=2&a=1&a=3", "b=2&a=1&a=3"),
        ("to=a%40b.example&next=%2Fx%3Fy", "to=a@b.example&next=/x?y"),
        ("name=a%20b+c%26d", "name=a%20b+c%26d"),
        ("flag", "flag"),
    ] {
        let good = signed_over(&format!("{URI}?{signed}"));
        assert_eq!(send(&test, called(query, &good)).await.0, 200, "{query}");
        assert_eq!(send(&test, called("", &good)).await.0, 400, "{query} was signed");
        let other = send(&test, called(&format!("{query}&more=1"), &good)).await;
        assert_eq!(other.0, 400, "a query that was not signed");
        assert_eq!(send(&test, called(query, &signed_over(URI))).await.0, 400, "{query} counts");
    }
}
