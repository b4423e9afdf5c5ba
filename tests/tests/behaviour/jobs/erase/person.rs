//! A person in every table, among many others.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_domain::record::Item;
use penstock_domain::source;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::ingest::post;
use crate::stripe_account::{NOW, account};
use crate::webhook;

pub const NAME: &str = "Quirina Ostrander";
pub const PHONE: &str = "+49 170 5550199";
pub const USER: &str = "user-quill-77aa";
pub const SESSION: &str = "session-quill-01";
pub const CONTACT: &str = "90071992547";

/// The words that no byte may be left of.
pub struct Person {
    pub email: String,
    pub customer: String,
    /// The charge that Stripe lists.
    pub charge: String,
}

impl Person {
    /// Everything that is theirs alone, of more than one table.
    pub fn secrets(&self) -> Vec<String> {
        let own = [NAME, "Quirina", "Ostrander", PHONE, USER, SESSION, CONTACT];
        let own = own.into_iter().chain([self.email.as_str(), self.customer.as_str()]);
        own.map(str::to_owned).collect()
    }

    pub fn filter(&self) -> Value {
        json!({"email": self.email, "userId": USER})
    }

    pub fn lead(&self) -> String {
        json!({"email": self.email.to_uppercase(), "name": NAME, "phone": PHONE, "message": "ring me"})
            .to_string()
    }

    pub fn form(&self) -> String {
        let email = self.email.replace('+', "%2B").replace('@', "%40");
        format!("email={email}&name={}&note=from+a+form", NAME.replace(' ', "+"))
    }

    /// A charge that only a webhook has told of.
    pub fn charge_event(&self, id: &str) -> String {
        let charge = json!({
            "id": "ch_3Webhook000000001", "object": "charge", "amount": 700, "amount_captured": 700, "captured": true,
            "created": NOW - 100, "currency": "usd", "status": "succeeded", "receipt_email": self.email,
            "billing_details": {"name": NAME, "phone": PHONE}, "customer": null,
        });
        json!({
            "id": id, "object": "event", "api_version": "2026-10-28.endive", "created": NOW - 90,
            "type": "charge.updated", "data": {"object": charge},
        })
        .to_string()
    }

    /// A charge that nobody can read.
    pub fn unreadable(&self, id: &str) -> String {
        format!(
            "{{\"id\": \"{id}\", \"object\": \"charge\", \"amount\": 1e400, \"receipt_email\": \"{}\", \
             \"name\": \"{NAME}\"}}",
            self.email
        )
    }

    pub fn contact(&self) -> String {
        json!({
            "id": CONTACT, "archived": false, "createdAt": "2026-05-01T00:00:00Z", "updatedAt": "2026-05-02T00:00:00Z",
            "properties": {
                "email": self.email, "firstname": "Quirina", "lastname": "Ostrander", "phone": PHONE,
                "createdate": "2026-05-01T00:00:00Z", "lastmodifieddate": "2026-05-02T00:00:00Z", "hs_object_id": CONTACT,
            },
        })
        .to_string()
    }

    /// An entry that the person is invited to.
    pub fn entry(&self) -> String {
        json!({
            "id": "entry1", "status": "confirmed", "updated": "2026-05-02T00:00:00Z", "summary": format!("Call with {NAME}"),
            "start": {"dateTime": "2026-06-02T10:00:00Z"}, "end": {"dateTime": "2026-06-02T11:00:00Z"},
            "attendees": [{"email": self.email, "displayName": NAME}],
        })
        .to_string()
    }
}

/// Puts one object into the outbox, as `fetch` does, and has it processed.
pub async fn put(app: &TestApp, source: &str, entity: &str, id: &str, version: &str, text: &str) {
    let item = Item {
        entity: entity.to_owned(),
        external_id: id.to_owned(),
        version_key: version.to_owned(),
        version_at: "2026-05-02T00:00:00Z".parse().unwrap(),
        api_version: None,
        payload: text.as_bytes(),
    };
    let ids = app.put_of(source, &[item]).await;
    super::super::work(app, &ids).await;
}

/// An app that has pulled an account, and one of whose customers is the person.
pub async fn world(seed: u64) -> (TestApp, Person) {
    let mut app = TestApp::over(account(seed, 60)).await;
    app.let_in().await;
    let env: Env = [("HUBSPOT_CURRENCY", "EUR"), ("GCAL_CALENDAR_ID", "team@example.com")]
        .into_iter()
        .collect();
    for vendor in ["hubspot", "gcal"] {
        app.process.reader.insert(vendor, source::find(vendor).unwrap().normalizer(&env).unwrap());
    }
    app.fetch_all().await.unwrap();
    app.drain().await;
    // A customer who has got money back: the refund names the charge and nobody else.
    let sql = "select convert_from(c.raw, 'UTF8') from payments c \
               join payments r on r.kind = 'refund' and position(convert_to(c.external_id, 'UTF8') in r.raw) > 0 \
               where c.kind = 'charge' and position('\"customer\": \"cus_'::bytea in c.raw) > 0 order by c.external_id limit 1";
    let charge: Value = serde_json::from_str(&app.db.scalar::<String>(sql).await).unwrap();
    let of = |value: &Value| value.as_str().unwrap().to_owned();
    let email = of(&charge["billing_details"]["email"]);
    (app, Person { email, customer: of(&charge["customer"]), charge: of(&charge["id"]) })
}

/// Writes the person into every table that can have somebody.
pub async fn plant(app: &TestApp, person: &Person) {
    let email = &person.email;
    let key = format!("lead:{email}");
    let json_lead = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
    assert_eq!(post(&app.ingest, "/leads", &json_lead, person.lead().as_bytes()).await.status, 201);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(
        post(&app.ingest, "/leads?from=ad", &form, person.form().as_bytes()).await.status,
        201
    );
    let other =
        json!({"email": "bob@example.com", "message": format!("my colleague {email} sent me")});
    assert_eq!(
        post(&app.ingest, "/leads", &json_lead[..1], other.to_string().as_bytes()).await.status,
        201
    );
    events(app, person).await;
    assert_eq!(webhook::post(app, &person.charge_event("evt_1")).await, "stored");
    app.drain().await;
    put(app, "hubspot", "contact", CONTACT, "run:1", &person.contact()).await;
    put(
        app,
        "hubspot",
        "contact",
        "17",
        "run:1",
        &person
            .contact()
            .replace(CONTACT, "17")
            .replace(email, "bob@example.com")
            .replace("Quirina", "Bob")
            .replace("Ostrander", email)
            .replace(PHONE, ""),
    )
    .await;
    put(app, "gcal", "event", "entry1", "run:1", &person.entry()).await;
    put(
        app,
        "stripe",
        "charge",
        "ch_3Unreadable0000001",
        "run:1",
        &person.unreadable("ch_3Unreadable0000001"),
    )
    .await;
    elsewhere(app, person).await;
}

/// Events of the person, of nobody in their session, and of somebody else who names them.
pub async fn events(app: &TestApp, person: &Person) {
    let own = |id: &str, payload: Value| json!({"userId": USER, "sessionId": SESSION, "type": "page.viewed", "eventId": id, "payload": payload});
    for batch in [
        json!([own("e-1", json!({"name": NAME})),
            {"sessionId": SESSION, "eventType": "page.viewed", "eventId": "e-2", "payload": {"phone": PHONE}},
            {"userId": "bob", "sessionId": "bobs", "type": "friend.invited", "eventId": "e-3", "payload": {"to": person.email, "x": 1}}]),
        json!([own("e-1", json!({"phone": PHONE}))]),
    ] {
        let answer = post(&app.ingest, "/events", &[], batch.to_string().as_bytes()).await;
        let is_taken = |result: &Value| result["status"] != "rejected";
        let taken = answer.body["results"].as_array().unwrap().iter().all(is_taken);
        assert!(answer.status == 202 && taken, "{}", answer.body);
    }
}

/// Rows that other functions write in the course of years.
async fn elsewhere(app: &TestApp, person: &Person) {
    use base64::Engine as _;
    let spilled = base64::engine::general_purpose::STANDARD.encode(person.lead());
    let email = &person.email;
    let now = app.clock.now();
    let sql = format!(
        "insert into dead_letters (id, payload, error, error_kind, attempts, message_id, created_at) values \
           (gen_random_uuid(), convert_to('{{\"intake\":1,\"body\":\"{spilled}\"}}', 'UTF8'), 'not admitted', 'invalid', 1, 'm-1', '{now}'); \
         insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, last_error) values \
           (gen_random_uuid(), 'hubspot', 'contact', 'full', 'failed', '{now}', '{now}', 'refused for {email} today'); \
         insert into refetch_requests (source, entity, external_id, requested_at, next_send_at, ended_at, last_error) values \
           ('hubspot', 'contact', '{CONTACT}', '{now}', '{now}', '{now}', 'gone'); \
         insert into failed_attempts (outbox_id, failed_at, source, entity, external_id, attempts, died, error_kind, error, reason) values \
           (gen_random_uuid(), '{now}', 'leads', 'lead', 'x', 1, true, 'invalid', 'no place for {email}', 'no place'); \
         insert into sync_state (source, entity, mode, halted, lease_until, fence, updated_at) values \
           ('gcal', 'event', 'object', 'refused to {email}', '-infinity', 1, '{now}'); \
         insert into vendor_accounts (source, unknown, asked_at) values ('gcal', 'asked by {email}', '{now}'); \
         insert into circuits (source, failures, since, rests_until, why) values ('gcal', 1, '{now}', '{now}', 'not for {email}'); \
         insert into digests (id, kind, day, zone, message, planned_at) values \
           (gen_random_uuid(), 'daily', '2026-05-31', 'UTC', '{{\"text\":\"dead: {email}\"}}', '{now}'); \
         insert into digest_sendings (digest_id, channel, state, next_try_at, error) \
           select id, 'mail', 'refused', '{now}', 'no box of {email}' from digests; \
         insert into digest_issues (issue, what, began_at, is_told) values ('dead', 'one letter about {email}', '{now}', true); \
         insert into lead_changes (lead_id, revision, field, old_value, new_value, changed_by, changed_at) \
           select id, 1, 'assigned_to', null, '{email}', 'crm', '{now}' from leads where email = 'bob@example.com'; \
         insert into jobs (id, kind, filter, fingerprint, state, rate, asked_by, why, items, is_capped, planned_at) values \
           ('00000000-0000-7000-8000-000000000001', 'replay', '{{\"reason\":\"for {email}\"}}', 'x', 'completed', 1, 'operator', \
            'they wrote: {email}', 1, false, '{now}'); \
         insert into job_items (job, place, target, key, state) values \
           ('00000000-0000-7000-8000-000000000001', 0, 'contacts', '{{hubspot,{CONTACT}}}', 'done');"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

/// Rows of others, a quarter of them in each of four tables. Some have names that begin or end
/// alike.
pub async fn crowd(app: &TestApp, rows: u64) {
    let rows = rows / 4;
    let at = Timestamp::from_second(NOW).unwrap() - Duration::from_secs(3_600);
    let sql = format!(
        "create temporary table crowd as select i, '{at}'::timestamptz - make_interval(secs => i % 3000) as at from generate_series(1, {rows}) i; \
         create function pg_temp.id(kind text, i bigint, at timestamptz) returns uuid language sql immutable as $f$ \
             select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid \
             from md5(kind || i) as h $f$; \
         insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native, version_rank, \
                               content_hash, raw, outbox_id, updated_at) \
         select 'stripe', 'charge', 'ch_crowd' || i, 100 + i % 97, 'USD', 'collected', 'succeeded', at, at, true, 0, i, \
                convert_to('{{\"id\":\"ch_crowd' || i || '\",\"receipt_email\":\"customer+' || i || '@crowd.example.com\",\"customer\":\"cus_crowd' || i || '\"}}', 'UTF8'), \
                pg_temp.id('outbox', i, at), at from crowd; \
         insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, next_attempt_at, received_at, processed_at) \
         select outbox_id, source, kind, external_id, 'v_1', version_at, raw, 'application/json', 'processed', version_at, version_at, version_at \
         from payments where external_id like 'ch\\_crowd%'; \
         insert into leads (id, state, email, name, content_type, body, received_at, outbox_id) \
         select pg_temp.id('lead', i, at), 'accepted', 'customer+' || i || 'x@example.com', 'Quirin Ost ' || i, 'application/json', \
                convert_to('{{\"email\":\"customer+' || i || 'x@example.com\"}}', 'UTF8'), at, pg_temp.id('lead', i, at) from crowd; \
         insert into events (event_id, sender, user_id, session_id, type, payload, occurred_at, received_at, outbox_id) \
         select 'crowd-' || i, 'shop', 'user-quill-' || i, 'session-quill-x' || i, 'page.viewed', '{{\"page\":' || i || '}}', at, at, pg_temp.id('event', i, at) from crowd; \
         drop table crowd; analyze;"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}
