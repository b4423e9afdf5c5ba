//! Mails to people who have forgotten their password.

use std::time::Duration;

use penstock_clients::sending::NotSent;
use penstock_domain::account::Role;
use penstock_tests::captured_log::CapturedLog;
use serde_json::{Value, json};

use super::{Ask, PASSWORD, World, token_of};

fn forgotten(email: &str) -> Ask {
    Ask::post("/api/auth/request-password-reset", &json!({"email": email, "redirectTo": "/x"}))
}

async fn due(world: &World) -> Value {
    world.invoke(json!({"mails": "due"})).await
}

/// The link in a mail.
fn link_in(text: &str) -> String {
    token_of(text.lines().find(|line| line.starts_with("https://")).unwrap())
}

#[tokio::test]
async fn one_who_has_forgotten_a_password_gets_a_link_by_mail_and_one_who_has_no_account_gets_none()
{
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let mut said = Vec::new();
    for email in ["Ada@example.com", "nobody@example.com"] {
        let answer = world.send(forgotten(email)).await.is(200);
        said.push(answer.reply.text().to_owned());
    }
    assert_eq!(said[0], said[1], "the same bytes");
    assert!(world.mail.take().is_empty(), "no mail is sent while somebody waits for the answer");
    assert_eq!(due(&world).await, json!({"sent": 1, "notSent": 0}));
    let mails = world.mail.take();
    let [(to, letter)] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(to, "ada@example.com");
    let body = json!({"newPassword": "battery staple", "token": link_in(&letter.text)});
    world.send(Ask::post("/api/auth/reset-password", &body)).await.is(200);
    world.send(Ask::sign_in("ada@example.com", "battery staple")).await.is(200);
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 0}));
    assert_eq!(world.actions().await, ["link.made", "password.reset", "session.begun"]);
}

#[tokio::test]
async fn a_request_looks_no_account_up() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    // Accounts that nobody can read: whatever asked for one would wait, and fail.
    let holder = world.db.client().await;
    holder.batch_execute("begin; lock table users in access exclusive mode").await.unwrap();
    for email in ["ada@example.com", "nobody@example.com"] {
        world.send(forgotten(email)).await.is(200);
    }
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(world.db.scalar::<i64>("select count(*) from reset_requests").await, 2);
}

#[tokio::test]
async fn a_mail_box_is_not_flooded_however_many_ask() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    for _ in 0..10 {
        for _ in 0..5 {
            world.send(forgotten("ada@example.com")).await.is(200);
        }
        due(&world).await;
        world.pass(Duration::from_secs(60));
    }
    // Ten minutes: one mail in each five.
    assert_eq!(world.mail.take().len(), 2);
}

#[tokio::test]
async fn a_mail_that_is_put_off_comes_later_and_one_that_is_refused_does_not() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    world.send(forgotten("ada@example.com")).await.is(200);
    let log = CapturedLog::start();
    let later = NotSent::Later { reason: "429 TooManyRequestsException".to_owned(), pause: None };
    world.mail.refuse(Some(later));
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 1}));
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 0}), "not at once");
    world.mail.refuse(None);
    world.pass(Duration::from_secs(180));
    assert_eq!(due(&world).await, json!({"sent": 1, "notSent": 0}));

    world.pass(Duration::from_secs(300));
    world.send(forgotten("ada@example.com")).await.is(200);
    world.mail.refuse(Some(NotSent::Refused("400 MessageRejected".to_owned())));
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 1}));
    world.mail.refuse(None);
    world.pass(Duration::from_secs(180));
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 0}), "nothing makes it better");

    // One that is put off again and again is given up.
    world.pass(Duration::from_secs(300));
    world.send(forgotten("ada@example.com")).await.is(200);
    world.mail.refuse(Some(NotSent::Unsure("no answer in time".to_owned())));
    for _ in 0..5 {
        assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 1}));
        world.pass(Duration::from_secs(180));
    }
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 0}));
    let text = log.text();
    assert_eq!(text.matches("\"event\":\"mail_not_sent\"").count(), 2, "{text}");
    assert_eq!(text.matches("\"event\":\"mail_put_off\"").count(), 5, "{text}");
}

#[tokio::test]
async fn a_disabled_account_gets_no_mail_and_neither_does_one_without_a_mail_box() {
    let mut world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    world.db.client().await.batch_execute("update users set disabled_at = now()").await.unwrap();
    world.send(forgotten("ada@example.com")).await.is(200);
    assert_eq!(due(&world).await, json!({"sent": 0, "notSent": 0}));
    world.ports.mail = None;
    let log = CapturedLog::start();
    let answer = world.send(forgotten("eve@example.com")).await.is(200);
    assert_eq!(answer.body["status"], true, "answered the same");
    assert!(log.text().contains("\"event\":\"no_mail\""), "{}", log.text());
    assert!(!log.text().contains("eve@"), "{}", log.text());
    // An admin passes the link on.
    let (person, admin) = world.signed_in(Role::Admin).await;
    let path = format!("/users/{}/reset-link", person.id);
    let answer = world.send(Ask::post(&path, &json!({})).session(&admin)).await.is(200);
    assert_eq!(answer.body["link"]["mailed"], false);
    let token = token_of(answer.body["link"]["url"].as_str().unwrap());
    world.send(Ask::link(&token, Some(PASSWORD))).await.is(200);
}

#[tokio::test]
async fn an_invitation_whose_mail_is_refused_is_shown_all_the_same() {
    let world = World::new().await;
    let (_, admin) = world.signed_in(Role::Admin).await;
    world.mail.refuse(Some(NotSent::Refused("400 MessageRejected".to_owned())));
    let body = json!({"email": "eve@example.com", "role": "viewer"});
    let answer = world.send(Ask::post("/users/invite", &body).session(&admin)).await.is(200);
    assert_eq!(answer.body["link"]["mailed"], false);
    let token = token_of(answer.body["link"]["url"].as_str().unwrap());
    world.send(Ask::link(&token, Some(PASSWORD))).await.is(200);
}
