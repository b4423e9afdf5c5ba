//! Sessions: how long they last, how they are renewed, and what ends them.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_store::sessions::{self, Session};
use serde_json::{Value, json};

use super::{Ask, PASSWORD, World, new_token};

const DAY: Duration = Duration::from_secs(86_400);

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["token"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_session_lasts_seven_days_and_is_renewed_with_its_cookie_after_one() {
    let world = World::new().await;
    let (_, token) = world.signed_in(Role::Viewer).await;
    let get = |path: &str| Ask::get(path).session(&token);
    world.pass(DAY - Duration::from_secs(1));
    let answer = world.send(get("/session")).await;
    assert_eq!(answer.body["session"]["expiresAt"], "2026-06-08T12:00:00.123Z");
    assert!(answer.reply.cookies.is_empty());
    world.pass(Duration::from_secs(1));
    let answer = world.send(get("/session?disableRefresh=true")).await;
    assert_eq!(answer.body["session"]["expiresAt"], "2026-06-08T12:00:00.123Z", "as asked");
    let answer = world.send(get("/session")).await;
    assert_eq!(answer.body["session"]["expiresAt"], "2026-06-09T12:00:00.123Z");
    assert_eq!(answer.token(), token, "the same cookie, for another seven days");
    assert!(answer.reply.cookies[0].ends_with("; Max-Age=604800"));
    let answer = world.send(get("/session")).await;
    assert!(answer.reply.cookies.is_empty(), "once");
    // A route that needs a session renews it too.
    world.pass(DAY);
    assert_eq!(world.send(get("/api/auth/list-sessions")).await.is(200).token(), token);
    world.pass(7 * DAY - Duration::from_micros(1));
    assert!(world.is_signed_in(&token).await);
    world.pass(Duration::from_micros(1));
    assert!(!world.is_signed_in(&token).await);
}

#[tokio::test]
async fn of_requests_at_the_same_time_one_renews_the_session_and_its_use_is_noted_once_a_minute() {
    let world = World::new().await;
    let (_, token) = world.signed_in(Role::Viewer).await;
    let sha256 = penstock_domain::account::token::hashed(&token).unwrap();
    let pool = world.db.database_of("accounts", 4);
    let find = async |now| -> Session {
        sessions::find(&**pool.connection().await.unwrap(), &sha256, now).await.unwrap().unwrap()
    };
    let later = world.now() + DAY;
    let all = futures_util::future::join_all((0..4).map(|_| find(later))).await;
    assert_eq!(all.iter().filter(|session| session.renewed).count(), 1);
    let seen = "select last_seen_at from sessions";
    for (after, noted) in [(59, 0), (60, 60), (61, 60), (119, 60), (120, 120)] {
        find(later + Duration::from_secs(after)).await;
        let seen: jiff::Timestamp = world.db.scalar(seen).await;
        assert_eq!(seen, later + Duration::from_secs(noted), "{after}");
    }
}

#[tokio::test]
async fn a_session_that_is_expired_ended_or_forged_opens_nothing() {
    let world = World::new().await;
    let (person, ended) = world.signed_in(Role::Admin).await;
    let expired = world.session_of(&person, false).await;
    world.send(Ask::post("/api/auth/sign-out", &json!({})).session(&ended)).await.is(200);
    world.pass(DAY);
    let session: uuid::Uuid = world.db.scalar("select id from sessions limit 1").await;
    let hash: String =
        world.db.scalar("select encode(token_sha256, 'hex') from sessions limit 1").await;
    for token in [
        expired,
        ended,
        new_token(),
        String::new(),
        "' or true --".to_owned(),
        // The name of a session, and its hash, are in replies and in the database.
        session.simple().to_string(),
        hash[..32].to_owned(),
        hash,
    ] {
        let answer = world.send(Ask::get("/users").session(&token)).await.is(401);
        assert_eq!(answer.code(), "UNAUTHORIZED", "{token}");
        assert_eq!(answer.reply.cookies.len(), 3, "the cookie of no session is cleared");
    }
}

#[tokio::test]
async fn people_list_their_sessions_and_end_one_the_others_or_all() {
    let world = World::new().await;
    let (person, own) = world.signed_in(Role::Viewer).await;
    let other = world.person("eve@example.com", Role::Viewer).await;
    let of_other = world.session_of(&other, true).await;
    let mut tokens = vec![own.clone()];
    for _ in 0..3 {
        world.pass(Duration::from_secs(1));
        tokens.push(world.session_of(&person, true).await);
    }
    let list =
        async || world.send(Ask::get("/api/auth/list-sessions").session(&own)).await.is(200).body;
    let listed = list().await;
    assert_eq!(ids(&listed).len(), 4);
    assert!(tokens.iter().all(|token| !listed.to_string().contains(token.as_str())));
    let post = |path: &str, body: Value| Ask::post(path, &body).session(&own);

    // The newest comes first.
    let newest = ids(&listed)[0].to_owned();
    let strange = world.send(Ask::get("/api/auth/list-sessions").session(&of_other)).await.body;
    let strange = ids(&strange)[0].to_owned();
    for token in [newest.as_str(), strange.as_str(), "unknown", &newest] {
        let answer = world.send(post("/api/auth/revoke-session", json!({"token": token}))).await;
        assert_eq!(answer.is(200).body, json!({"status": true}));
    }
    assert!(!world.is_signed_in(&tokens[3]).await);
    assert!(world.is_signed_in(&of_other).await, "that of another account is not one's own");
    world.send(post("/api/auth/revoke-other-sessions", json!({}))).await.is(200);
    assert_eq!(ids(&list().await).len(), 1);
    assert!(world.is_signed_in(&own).await);
    world.send(post("/api/auth/revoke-sessions", json!({}))).await.is(200);
    assert!(!world.is_signed_in(&own).await);
    assert_eq!(world.actions().await, ["sessions.ended"; 3]);
    let counts = "select string_agg(count::text, ',' order by seq) from audit_log";
    assert_eq!(world.db.scalar::<String>(counts).await, "1,2,1");
}

#[tokio::test]
async fn a_changed_password_ends_all_other_sessions_and_gives_this_one_another_token() {
    let world = World::new().await;
    let (person, own) = world.signed_in(Role::Viewer).await;
    let other = world.session_of(&person, true).await;
    let body = json!({"currentPassword": PASSWORD, "newPassword": "battery staple"});
    let answer =
        world.send(Ask::post("/api/auth/change-password", &body).session(&own)).await.is(200);
    assert_eq!(answer.body["token"], Value::Null);
    for token in [&own, &other] {
        assert!(!world.is_signed_in(token).await);
    }
    let token = answer.token();
    assert!(world.is_signed_in(&token).await);
    world.pass(Duration::from_secs(5));
    world.send(Ask::sign_in("viewer@example.com", PASSWORD)).await.is(401);
    world.pass(Duration::from_secs(5));
    let body = json!({
        "currentPassword": "battery staple", "newPassword": PASSWORD, "revokeOtherSessions": true,
    });
    let answer =
        world.send(Ask::post("/api/auth/change-password", &body).session(&token)).await.is(200);
    assert!(answer.body["token"].is_string() && answer.body["token"] != json!(answer.token()));
    assert_eq!(world.actions().await, ["password.changed"; 2]);
}

#[tokio::test]
async fn another_role_ends_all_sessions_and_so_does_an_end_of_the_account() {
    let world = World::new().await;
    let (_, admin) = world.signed_in(Role::Admin).await;
    let (person, token) = world.signed_in(Role::Operator).await;
    let of = |what: &str| format!("/users/{}/{what}", person.id);
    let post = |path: String, body: Value| Ask::post(&path, &body).session(&admin);
    let answer = world.send(post(of("role"), json!({"role": "operator"}))).await.is(200);
    assert_eq!(answer.body, json!({"status": true, "ended": 0}), "it has this role already");
    assert!(world.is_signed_in(&token).await);
    for (what, body) in [
        ("role", json!({"role": "admin"})),
        ("role", json!({"role": "viewer"})),
        ("sign-out", json!({})),
        ("disable", json!({})),
    ] {
        let token = world.session_of(&person, true).await;
        assert!(world.is_signed_in(&token).await);
        world.send(post(of(what), body)).await.is(200);
        assert!(!world.is_signed_in(&token).await, "{what}");
    }
    let answer = world.send(Ask::sign_in("operator@example.com", PASSWORD)).await.is(401);
    assert_eq!(answer.code(), "INVALID_EMAIL_OR_PASSWORD", "as an address of nobody");
    world.send(post(of("enable"), json!({}))).await.is(200);
    world.pass(Duration::from_secs(1));
    world.send(Ask::sign_in("operator@example.com", PASSWORD)).await.is(200);
}

#[tokio::test]
async fn a_session_of_a_disabled_account_opens_nothing_even_if_its_row_is_still_there() {
    let world = World::new().await;
    let (_, token) = world.signed_in(Role::Admin).await;
    let disable = "update users set disabled_at = now()";
    world.db.client().await.batch_execute(disable).await.unwrap();
    assert_eq!(world.db.scalar::<i64>("select count(*) from sessions").await, 1);
    assert!(!world.is_signed_in(&token).await);
    world.send(Ask::get("/users").session(&token)).await.is(401);
}
