//! `PATCH /leads/{id}`: status and assignee, with every change that ever was.

use futures_util::future::join_all;
use penstock_domain::ids::OutboxId;
use penstock_domain::ticket::Ticket;
use penstock_edge::http::Method;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::{Value, json};

use crate::admin::audit::refuse_trail;
use crate::ingest::{Answer, Ingest, answer, environment, pointers, post, request};
use crate::stripe_account::account;

/// The system, and the id of a lead that is processed.
async fn lead(seed: u64) -> (TestApp, String) {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    let taken = post(&app.ingest, "/leads", &[], br#"{"email":"ada@x.example"}"#).await;
    app.drain().await;
    let id = taken.lead_id().to_owned();
    (app, id)
}

async fn patch(ingest: &Ingest, id: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let own = [("X-Api-Key", INGEST_KEY), ("Content-Type", "application/json")];
    let headers: Vec<_> = own.into_iter().chain(headers.iter().copied()).collect();
    let mut request = request(&format!("/leads/{id}"), &headers, body.to_string().as_bytes());
    request.method = Method::PATCH;
    answer(ingest, request).await
}

/// Every change, oldest first, as `field: old > new by whom`.
async fn history(app: &TestApp) -> Vec<String> {
    let sql = "select format('%s: %s > %s by %s', field, old_value, new_value, changed_by) \
               from lead_changes order by revision, field";
    app.db.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_change_is_written_with_its_history_and_what_is_there_already_is_no_change() {
    let (app, id) = lead(640).await;
    let body = app.db.scalar::<Vec<u8>>("select body from leads").await;
    for (edit, status, assigned_to, etag) in [
        (json!({"status": "new", "assignedTo": "bo"}), json!("new"), json!("bo"), "\"1\""),
        (json!({"status": "won"}), json!("won"), json!("bo"), "\"2\""),
        (json!({"status": "won", "assignedTo": "bo"}), json!("won"), json!("bo"), "\"2\""),
        (json!({"assignedTo": null}), json!("won"), json!(null), "\"3\""),
    ] {
        let said = patch(&app.ingest, &id, &[], &edit).await;
        assert_eq!(said.status, 200, "{}", said.body);
        assert_eq!(said.body, json!({"id": id, "status": status, "assignedTo": assigned_to}));
        assert_eq!(said.headers["etag"], etag);
    }
    let by = app.db.scalar::<String>("select sender from leads").await;
    let expected =
        ["assigned_to:  > bo", "status:  > new", "status: new > won", "assigned_to: bo > "];
    assert_eq!(history(&app).await, expected.map(|change| format!("{change} by {by}")));
    assert_eq!(app.db.scalar::<Vec<u8>>("select body from leads").await, body);
}

#[tokio::test]
async fn who_has_read_an_older_lead_changes_nothing_and_is_told_so() {
    let (app, id) = lead(641).await;
    let first = patch(&app.ingest, &id, &[("If-Match", "\"0\"")], &json!({"status": "a"})).await;
    assert_eq!((first.status, first.headers["etag"].to_str().unwrap()), (200, "\"1\""));
    let late = patch(&app.ingest, &id, &[("If-Match", "\"0\"")], &json!({"status": "b"})).await;
    assert_eq!(
        (late.status, &late.body["type"]),
        (412, &json!("urn:penstock:problem:changed-meanwhile"))
    );
    assert_eq!(history(&app).await.len(), 1);
    let any = patch(&app.ingest, &id, &[("If-Match", "*")], &json!({"status": "b"})).await;
    assert_eq!(any.status, 200);
    assert_eq!(app.db.scalar::<String>("select status from leads").await, "b");
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_by_name() {
    let (app, id) = lead(642).await;
    let other = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";
    for (id, headers, body, status) in [
        (other, &[][..], json!({"status": "a"}), 404),
        ("no-uuid", &[], json!({"status": "a"}), 404),
        (&id, &[], json!([]), 400),
        (&id, &[("If-Match", "1")], json!({"status": "a"}), 412),
        (&id, &[("Content-Type", "text/plain")], json!({"status": "a"}), 415),
    ] {
        let said = patch(&app.ingest, id, headers, &body).await;
        assert_eq!(said.status, status, "{id} {headers:?} {body}: {}", said.body);
    }
    let said = patch(&app.ingest, &id, &[], &json!({"email": "e@x.example", "status": 1})).await;
    assert_eq!(pointers(&said), ["#/email", "#/status"]);
    // The key in the path is for form builders alone, who post.
    let mut request = request(&format!("/leads/{INGEST_KEY}"), &[], b"{\"status\":\"a\"}");
    request.method = Method::PATCH;
    assert_eq!(answer(&app.ingest, request).await.status, 401);
    assert_eq!(history(&app).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_changes_at_once_each_notes_what_the_one_before_it_has_made() {
    let (app, id) = lead(643).await;
    let environments: Vec<_> = (0..20).map(|_| environment(&app)).collect();
    let edits: Vec<Value> = (0..20).map(|n| json!({"status": format!("s{n}")})).collect();
    let changes =
        environments.iter().zip(&edits).map(|(ingest, edit)| patch(ingest, &id, &[], edit));
    let said = join_all(changes).await;
    assert!(said.iter().all(|said| said.status == 200), "{said:?}");
    let chain = "select count(*) from lead_changes c \
                 left join lead_changes p on p.lead_id = c.lead_id and p.revision = c.revision - 1 \
                 where c.old_value is not distinct from p.new_value";
    assert_eq!(app.db.scalar::<i64>(chain).await, 20);
    let last = "select l.status = c.new_value and l.revision = 20 from leads l join lead_changes c on c.revision = 20";
    assert!(app.db.scalar::<bool>(last).await);
}

#[tokio::test]
async fn columns_are_read_again_out_of_old_bodies_once_and_what_people_wrote_stays() {
    let (app, id) = lead(644).await;
    let form = b"first_name=Bo&email=bo%40x.example&utm_source=news&ip=192.0.2.1";
    post(&app.ingest, "/leads", &[("Content-Type", "application/x-www-form-urlencoded")], form)
        .await;
    app.drain().await;
    patch(&app.ingest, &id, &[], &json!({"status": "won"})).await;
    let all = "select json_agg(to_jsonb(l) - '{revision,updated_at,tx}'::text[] order by id)::text from leads l";
    let read: String = app.db.scalar(all).await;
    assert!(read.contains("\"source_type\": \"news\""), "{read}");
    // As a release before has left them.
    let client = app.db.client().await;
    client
        .batch_execute(
            "update leads set first_name = null, ip = null, source_type = null, name = 'Bo Else' \
             where first_name = 'Bo'",
        )
        .await
        .unwrap();
    for _ in 0..2 {
        let again = "update outbox set status = 'pending', processed_at = null where source = 'leads' returning id";
        let rows = client.query(again, &[]).await.unwrap();
        let ids: Vec<OutboxId> = rows.iter().map(|row| OutboxId(row.get(0))).collect();
        let tickets: Vec<String> = Ticket::split(&ids).map(|ticket| ticket.to_body()).collect();
        assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
        app.db.assert_nothing_waits().await;
        assert_eq!(app.db.scalar::<String>(all).await, read);
    }
    let revisions = "select string_agg(revision::text, ' ' order by received_at, id) from leads";
    assert_eq!(
        app.db.scalar::<String>(revisions).await,
        "1 1",
        "one by a person, one by reading again"
    );
    assert_eq!(history(&app).await.len(), 1);
}

#[tokio::test]
async fn each_edit_is_in_the_audit_log_and_one_that_cannot_be_written_there_is_not_made() {
    let (app, id) = lead(645).await;
    for edit in [json!({"status": "new", "assignedTo": "bo"}), json!({"status": "new"})] {
        assert_eq!(patch(&app.ingest, &id, &[], &edit).await.status, 200);
    }
    let by = app.db.scalar::<String>("select sender from leads").await;
    let sql =
        "select format('%s %s %s %s %s', actor_kind, actor, action, object, count) from audit_log";
    assert_eq!(app.db.scalar::<String>(sql).await, format!("key {by} lead.changed {id} 2"));
    refuse_trail(&app, "ingest").await;
    assert_eq!(patch(&app.ingest, &id, &[], &json!({"status": "won"})).await.status, 500);
    assert_eq!(app.db.scalar::<String>("select status from leads").await, "new");
}
