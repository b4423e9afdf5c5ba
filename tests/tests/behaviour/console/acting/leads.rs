//! The status and the assignee of a lead, changed in the console.

use penstock_domain::account::Role;
use penstock_tests::test_app::TestApp;

use super::{Person, World};
use crate::ingest;
use crate::stripe_account::account;

/// A world with a lead, an operator, and the address of the lead's page.
async fn lead(seed: u64, body: &[u8]) -> (World, Person, String) {
    let world = World::over(TestApp::over(account(seed, 1)).await);
    let operator = world.person("operator", Role::Operator).await;
    world.app.let_in().await;
    let lead = ingest::post(&world.app.ingest, "/leads", &[], body).await;
    world.app.work_tickets().await;
    let path = format!("/console/leads/{}", lead.lead_id());
    (world, operator, path)
}

fn form<'a>(status: &'a str, to: &'a str, revision: &'a str) -> [(&'static str, &'a str); 3] {
    [("status", status), ("assignedTo", to), ("revision", revision)]
}

/// Every change, oldest first.
async fn history(world: &World) -> String {
    let sql = "select coalesce(string_agg(format('%s: %s > %s by %s', field, old_value, new_value, changed_by), \
               '|' order by revision, field), '') from lead_changes";
    world.app.db.scalar(sql).await
}

#[tokio::test]
async fn a_lead_is_assigned_and_its_history_says_by_whom() {
    let (world, operator, path) = lead(6_140, br#"{"email":"ada@x.example"}"#).await;
    let edit = format!("{path}/edit");
    let asking = world.page(&operator, &format!("{edit}?back=/console/leads?status=new")).await;
    assert!(asking.contains("name=\"revision\" value=\"0\""), "{asking}");
    assert_eq!(world.led(&operator, &edit, &form("new", "bo", "0")).await, path);
    assert_eq!(world.led(&operator, &edit, &form("new", "bo", "1")).await, path, "nothing new");
    let back = [&form("", "bo", "1")[..], &[("back", "/console/leads?status=new")]].concat();
    assert_eq!(world.led(&operator, &edit, &back).await, "/console/leads?status=new");
    let away = [&form("lost", "bo", "2")[..], &[("back", "https://evil.example/")]].concat();
    assert_eq!(world.led(&operator, &edit, &away).await, path);
    let by = &operator.email;
    let expected = ["assigned_to:  > bo", "status:  > new", "status: new > ", "status:  > lost"];
    let expected = expected.map(|change| format!("{change} by {by}")).join("|");
    assert_eq!(history(&world).await, expected);
    let trail =
        "select string_agg(format('%s %s', action, count), ' ' order by seq) from audit_log";
    assert_eq!(
        world.app.db.scalar::<String>(trail).await,
        "lead.changed 2 lead.changed 1 lead.changed 1"
    );
    assert!(world.page(&operator, &edit).await.contains(by.as_str()));
}

#[tokio::test]
async fn of_two_who_edit_a_lead_the_second_sees_both_and_decides() {
    let (world, operator, path) = lead(6_141, br#"{"email":"ada@x.example"}"#).await;
    let other = world.person("other", Role::Admin).await;
    let edit = format!("{path}/edit");
    world.led(&other, &edit, &form("won", "ada", "0")).await;
    let late = world.post(&operator, &edit, &form("lost", "bo", "0")).await;
    assert_eq!(late.status_code, 409);
    let page = late.text();
    assert!(page.contains("Somebody has changed this lead"), "{page}");
    assert!(page.contains("<dd>won</dd>") && page.contains("<dd>ada</dd>"), "theirs: {page}");
    assert!(page.contains("value=\"lost\"") && page.contains("value=\"bo\""), "ours: {page}");
    assert!(page.contains("name=\"revision\" value=\"1\""), "{page}");
    let status = "select format('%s %s', status, assigned_to) from leads";
    assert_eq!(world.app.db.scalar::<String>(status).await, "won ada", "nothing is written");
    world.led(&operator, &edit, &form("lost", "bo", "1")).await;
    assert_eq!(world.app.db.scalar::<String>(status).await, "lost bo");
}

#[tokio::test]
async fn a_field_that_is_too_long_or_holds_a_control_character_is_refused() {
    let (world, operator, path) = lead(6_142, br#"{"email":"ada@x.example"}"#).await;
    let edit = format!("{path}/edit");
    let long = "x".repeat(101);
    for (form, field) in [
        (form(&long, "", "0"), "#/status"),
        (form("", "a\u{7}b", "0"), "#/assignedTo"),
        (form("", "a\0b", "0"), "#/assignedTo"),
        (form("won", "bo", ""), "#/revision"),
    ] {
        let refused = world.post(&operator, &edit, &form).await;
        assert_eq!(refused.status_code, 400, "{form:?}");
        assert!(refused.text().contains(&format!("<code>{field}</code>")), "{}", refused.text());
    }
    assert_eq!(history(&world).await, "");
}

#[tokio::test]
async fn hostile_text_of_a_sender_or_a_colleague_is_text_on_the_form_and_where_the_body_is_revealed()
 {
    let hostile = "<img src=x onerror=alert(1)>\\u202e";
    let body =
        format!(r#"{{"email":"ada@x.example","name":"{hostile}","n":12345678901234567890123}}"#);
    let (world, operator, path) = lead(6_143, body.as_bytes()).await;
    let edit = format!("{path}/edit");
    let ours = "\"><script>alert(1)</script>";
    world.led(&operator, &edit, &form(ours, "bo", "0")).await;
    let page = world.page(&operator, &edit).await;
    assert!(!page.contains("<img") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    let revealed = world.post(&operator, &format!("{path}/reveal"), &[]).await;
    let revealed = revealed.text();
    assert!(!revealed.contains("<img"), "{revealed}");
    assert!(revealed.contains(">12345678901234567890123<"), "numbers as they came: {revealed}");
    let trail = "select string_agg(action, ' ' order by seq) from audit_log";
    assert_eq!(world.app.db.scalar::<String>(trail).await, "lead.changed payload.revealed");
}
