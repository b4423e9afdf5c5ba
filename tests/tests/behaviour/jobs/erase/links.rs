//! How far an erasure follows a person, and that it stops at others.

use std::time::Duration;

use serde_json::json;

use super::person::{NAME, PHONE, plant, put, world};
use super::{dump, erase, left_of, minute, start};
use crate::admin::trigger::admin;
use crate::ingest;
use crate::jobs::finish;

async fn raws(app: &penstock_tests::test_app::TestApp) -> Vec<String> {
    let sql = "select array_agg(external_id order by external_id) filter (where octet_length(raw) = 0) from payments \
               where external_id like 'ch\\_link%'";
    app.db.scalar::<Option<Vec<String>>>(sql).await.unwrap_or_default()
}

fn charge(id: &str, email: Option<&str>, customer: Option<&str>) -> String {
    json!({
        "id": id, "object": "charge", "amount": 100, "amount_captured": 100, "captured": true, "created": 1_780_000_000,
        "currency": "usd", "status": "succeeded", "receipt_email": email, "customer": customer,
    })
    .to_string()
}

#[tokio::test]
async fn an_address_leads_to_a_customer_unless_the_customer_pays_for_others_too() {
    let (app, _) = world(1_660).await;
    for (id, email, customer) in [
        ("ch_link1", Some("ada@example.com"), Some("cus_Own0000001")),
        ("ch_link2", None, Some("cus_Own0000001")),
        ("ch_link3", Some("ada@example.com"), Some("cus_Shared00001")),
        ("ch_link4", Some("bob@example.com"), Some("cus_Shared00001")),
        ("ch_link5", None, Some("cus_Shared00001")),
        ("ch_link6", Some("ada@example.com"), None),
        ("ch_link7", Some("nada@example.com"), None),
    ] {
        put(&app, "stripe", "charge", id, "run:1", &charge(id, email, customer)).await;
    }
    let admin = admin(&app).await;
    erase(&app, &admin, json!({"email": " ADA@example.com"})).await;
    assert_eq!(raws(&app).await, ["ch_link1", "ch_link2", "ch_link3", "ch_link6"]);
    // A later version without an address is known by the customer, and one of others is kept.
    put(
        &app,
        "stripe",
        "charge",
        "ch_link8",
        "run:2",
        &charge("ch_link8", None, Some("cus_Own0000001")),
    )
    .await;
    put(
        &app,
        "stripe",
        "charge",
        "ch_link9",
        "run:2",
        &charge("ch_link9", None, Some("cus_Shared00001")),
    )
    .await;
    assert_eq!(raws(&app).await, ["ch_link1", "ch_link2", "ch_link3", "ch_link6", "ch_link8"]);
    let rows = "select count(*) from payments where external_id like 'ch\\_link%' and amount = 100 and status = 'collected'";
    assert_eq!(app.db.scalar::<i64>(rows).await, 9);
}

#[tokio::test]
async fn a_customer_leads_to_an_address_and_a_contact_too_unless_it_has_several() {
    let (app, _) = world(1_661).await;
    for (id, email, customer) in [
        ("ch_link1", Some("ada@example.com"), "cus_Own0000001"),
        ("ch_link2", Some("bob@example.com"), "cus_Shared00001"),
        ("ch_link3", Some("cyd@example.com"), "cus_Shared00001"),
    ] {
        put(&app, "stripe", "charge", id, "run:1", &charge(id, email, Some(customer))).await;
    }
    for email in ["ada@example.com", "bob@example.com", "cyd@example.com"] {
        let lead = json!({"email": email}).to_string();
        ingest::post(
            &app.ingest,
            "/leads",
            &[("Content-Type", "application/json")],
            lead.as_bytes(),
        )
        .await;
    }
    app.drain().await;
    let admin = admin(&app).await;
    for customer in ["cus_Own0000001", "cus_Shared00001"] {
        erase(&app, &admin, json!({"connection": "stripe", "externalId": customer})).await;
    }
    assert_eq!(raws(&app).await, ["ch_link1", "ch_link2", "ch_link3"]);
    let left = "select array_agg(email order by email) from leads";
    assert_eq!(app.db.scalar::<Vec<String>>(left).await, ["bob@example.com", "cyd@example.com"]);
}

#[tokio::test]
async fn rows_of_others_keep_all_but_the_name() {
    let (app, person) = world(1_662).await;
    plant(&app, &person).await;
    let admin = admin(&app).await;
    erase(&app, &admin, person.filter()).await;
    for (sql, kept) in [
        (
            "select convert_from(body, 'UTF8') from leads",
            r#"{"email":"bob@example.com","message":"my colleague *** sent me"}"#,
        ),
        ("select payload from events where event_id = 'e-3'", r#"{"to":"***","x":1}"#),
        (
            "select convert_from(payload, 'UTF8') from outbox where entity = 'event' and source = 'events'",
            r#"{"eventId":"e-3","payload":{"to":"***","x":1},"sessionId":"bobs","type":"friend.invited","userId":"bob"}"#,
        ),
        (
            "select first_name || ' ' || last_name || ' ' || email from contacts",
            "Bob *** bob@example.com",
        ),
        ("select new_value from lead_changes", "***"),
        ("select last_error from sync_runs where status = 'failed'", "refused for *** today"),
        (
            "select why || ' ' || (filter ->> 'reason') from jobs where kind = 'replay'",
            "they wrote: *** for ***",
        ),
    ] {
        assert_eq!(app.db.scalar::<String>(sql).await, kept);
    }
    let entry = "select status || ' ' || starts_at::date || ' ' || octet_length(raw) from calendar_events where summary is null";
    assert_eq!(app.db.scalar::<String>(entry).await, "confirmed 2026-06-02 0");
    // The same of somebody else's row that comes later.
    let lead = json!({"email": "eve@example.com", "note": format!("{} again\n{}", person.email, person.email)});
    ingest::post(
        &app.ingest,
        "/leads",
        &[("Content-Type", "application/json")],
        lead.to_string().as_bytes(),
    )
    .await;
    app.drain().await;
    let body = "select convert_from(body, 'UTF8') from leads where email = 'eve@example.com'";
    assert_eq!(
        app.db.scalar::<String>(body).await,
        r#"{"email":"eve@example.com","note":"*** again\n***"}"#
    );
}

#[tokio::test]
async fn after_a_restore_all_who_were_erased_are_erased_again() {
    let (app, person) = world(1_663).await;
    plant(&app, &person).await;
    let admin = admin(&app).await;
    // A backup from before, whose names are brought back from the newer database.
    let backup = dump(&app.db).await;
    erase(&app, &admin, person.filter()).await;
    let restored = "alter table leads disable trigger user;";
    app.db.client().await.batch_execute(restored).await.unwrap();
    let again = format!(
        "insert into leads (id, state, email, name, phone, content_type, body, received_at, outbox_id) values \
         (gen_random_uuid(), 'accepted', '{0}', '{NAME}', '{PHONE}', 'text/plain', 'x', '2026-05-01', gen_random_uuid()), \
         (gen_random_uuid(), 'accepted', 'bob@example.com', 'Bob', null, 'text/plain', convert_to('see {0}', 'UTF8'), '2026-05-01', gen_random_uuid()); \
         update payments set raw = convert_to('{{\"receipt_email\":\"{0}\"}}', 'UTF8') where external_id = '{1}'",
        person.email, person.charge
    );
    app.db.client().await.batch_execute(&again).await.unwrap();
    assert!(!left_of(&person.secrets(), &backup).is_empty());
    let left = left_of(&person.secrets(), &dump(&app.db).await);
    assert_eq!(left.len(), 3, "{left:#?}");
    let job = start(&app, &admin, json!({"everybody": true})).await;
    finish(&app, &admin, &job).await;
    assert_eq!(left_of(&person.secrets(), &dump(&app.db).await), Vec::<String>::new());
    let bob = "select count(*) from leads where email = 'bob@example.com' and body = 'see ***'";
    assert_eq!(app.db.scalar::<i64>(bob).await, 1);
    app.clock.advance(Duration::from_secs(1));
    minute(&app).await;
}
