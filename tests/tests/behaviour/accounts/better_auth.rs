//! The bodies, codes, statuses and cookies of Better Auth, which its client library knows.

use std::time::Duration;

use accounts::SignUp;
use penstock_domain::account::Role;
use serde_json::{Value, json};

use super::{Ask, PASSWORD, World, new_token};

const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_IN: &str = "/api/auth/sign-in/email";

/// The names of an object's members.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const USER: [&str; 8] =
    ["createdAt", "email", "emailVerified", "id", "image", "name", "role", "updatedAt"];

#[tokio::test]
async fn one_who_signs_up_reads_the_account_and_has_a_cookie_for_seven_days() {
    let world = World::with(SignUp::Open).await;
    let body = json!({"name": "Ada", "email": "Ada@Example.com", "password": PASSWORD});
    let answer = world.send(Ask::post(SIGN_UP, &body)).await.is(200);
    assert_eq!(names(&answer.body), ["token", "user"]);
    let user = &answer.body["user"];
    assert_eq!(names(user), USER);
    assert_eq!((&user["email"], &user["name"]), (&json!("ada@example.com"), &json!("Ada")));
    assert_eq!((&user["emailVerified"], &user["role"]), (&json!(false), &json!("viewer")));
    assert_eq!(user["createdAt"], "2026-06-01T12:00:00.123Z");
    let token = answer.token();
    let cookie = format!(
        "__Secure-better-auth.session_token={token}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=604800"
    );
    assert_eq!(answer.reply.cookies, [cookie]);
    assert!(world.is_signed_in(&token).await);
    assert_ne!(answer.body["token"], json!(token), "the token is in the cookie only");
    assert_eq!(world.actions().await, ["account.signed_up"]);
}

#[tokio::test]
async fn one_who_signs_in_reads_the_account_and_where_to_go() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Operator).await;
    let answer = world.send(Ask::sign_in("ADA@example.com", PASSWORD)).await.is(200);
    assert_eq!(names(&answer.body), ["redirect", "token", "user"]);
    assert_eq!(
        (&answer.body["redirect"], &answer.body["user"]["role"]),
        (&json!(false), &json!("operator"))
    );
    let body =
        json!({"email": "ada@example.com", "password": PASSWORD, "callbackURL": "/console/runs"});
    let answer = world.send(Ask::post(SIGN_IN, &body)).await.is(200);
    assert_eq!(
        (&answer.body["redirect"], &answer.body["url"]),
        (&json!(true), &json!("/console/runs"))
    );
    for url in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "callbackURL": url});
        let answer = world.send(Ask::post(SIGN_IN, &body)).await.is(403);
        assert_eq!(answer.code(), "INVALID_CALLBACK_URL");
    }
}

#[tokio::test]
async fn a_refusal_has_the_status_and_the_code_that_the_client_knows_in_a_problem() {
    let world = World::with(SignUp::Open).await;
    world.person("ada@example.com", Role::Viewer).await;
    let (person, token) = world.signed_in(Role::Operator).await;
    let account =
        |email: &str, password: &str| json!({"name": "A", "email": email, "password": password});
    let post = |path: &str, body: Value| Ask::post(path, &body);
    let change = |current: &str, new: &str| {
        post("/api/auth/change-password", json!({"currentPassword": current, "newPassword": new}))
            .session(&token)
    };
    for (ask, status, code) in [
        (
            post(SIGN_UP, account("ada@example.com", PASSWORD)),
            422,
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        ),
        (post(SIGN_UP, account("eve@example.com", "short")), 400, "PASSWORD_TOO_SHORT"),
        (post(SIGN_UP, account("eve@example.com", &"x".repeat(129))), 400, "PASSWORD_TOO_LONG"),
        (post(SIGN_UP, account("eve", PASSWORD)), 400, "VALIDATION_ERROR"),
        (post(SIGN_UP, json!({})), 400, "VALIDATION_ERROR"),
        (post(SIGN_UP, json!([])), 400, "VALIDATION_ERROR"),
        (Ask::post(SIGN_UP, &json!({})).body("{"), 400, "BAD_REQUEST"),
        (
            post(SIGN_IN, json!({"email": "ada@example.com", "password": "wrong horse"})),
            401,
            "INVALID_EMAIL_OR_PASSWORD",
        ),
        (
            post(SIGN_IN, json!({"email": "eve@example.com", "password": "wrong horse"})),
            401,
            "INVALID_EMAIL_OR_PASSWORD",
        ),
        (post(SIGN_IN, json!({"email": "ada@example.com"})), 400, "VALIDATION_ERROR"),
        (post(SIGN_IN, json!({"email": 7, "password": 7})), 400, "VALIDATION_ERROR"),
        (
            Ask::sign_in("a@example.com", "x").header("content-type", "text/plain"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (change("wrong horse", "battery staple"), 400, "INVALID_PASSWORD"),
        (change(PASSWORD, "short"), 400, "PASSWORD_TOO_SHORT"),
        (
            post(
                "/api/auth/reset-password",
                json!({"newPassword": PASSWORD, "token": new_token()}),
            ),
            400,
            "INVALID_TOKEN",
        ),
        (post("/api/auth/use-link", json!({"token": "none"})), 400, "INVALID_TOKEN"),
        (
            post("/api/auth/get-session", json!({})),
            405,
            "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        ),
        (Ask::get(SIGN_IN), 405, "METHOD_NOT_ALLOWED"),
        (Ask::get("/api/auth/list-sessions"), 401, "UNAUTHORIZED"),
        (Ask::get("/users").session(&token), 403, "FORBIDDEN"),
        (Ask::get("/api/auth/unknown"), 404, "NOT_FOUND"),
        (Ask::get("/users?page=2"), 401, "UNAUTHORIZED"),
    ] {
        let told = format!("{ask:?}");
        let answer = world.send(ask).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{told}: {}", answer.body);
        assert!(answer.body["message"].is_string() && answer.body["detail"].is_string(), "{told}");
        assert_eq!(answer.body["status"], status, "{told}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{told}");
        assert_eq!(answer.header("cache-control"), "no-store", "{told}");
        // No limit of an account is to be met here.
        world.pass(Duration::from_secs(3));
    }
    let message = world.send(post(SIGN_UP, account("eve", PASSWORD))).await;
    assert_eq!(message.body["message"], "[body.email] Invalid email address");
    assert!(world.is_signed_in(&token).await, "no refusal signs {} out", person.id);
}

#[tokio::test]
async fn without_a_session_the_session_is_null_and_a_stale_cookie_is_cleared() {
    let world = World::new().await;
    for path in ["/api/auth/get-session", "/session"] {
        let answer = world.send(Ask::get(path)).await.is(200);
        assert_eq!((&answer.body, answer.reply.text()), (&Value::Null, "null"));
        assert!(answer.reply.cookies.is_empty());
        let answer = world.send(Ask::get(path).session(&new_token())).await.is(200);
        assert_eq!(answer.reply.text(), "null");
        assert_eq!(answer.reply.cookies.len(), 3, "{:?}", answer.reply.cookies);
        for cookie in &answer.reply.cookies {
            assert!(cookie.contains("=; ") && cookie.ends_with("; Max-Age=0"), "{cookie}");
        }
        assert_eq!(
            (answer.header("cache-control"), answer.header("pragma")),
            ("no-store", "no-cache")
        );
    }
}

#[tokio::test]
async fn the_session_has_the_members_that_the_client_reads_with_three_fractional_digits() {
    let world = World::new().await;
    let (person, token) = world.signed_in(Role::Admin).await;
    let ask = Ask::get("/api/auth/get-session?disableCookieCache=true&other=1").session(&token);
    let answer = world.send(ask).await.is(200);
    assert_eq!(names(&answer.body), ["session", "user"]);
    let session = &answer.body["session"];
    let members =
        ["createdAt", "expiresAt", "id", "ipAddress", "token", "updatedAt", "userAgent", "userId"];
    assert_eq!(names(session), members);
    assert_eq!(names(&answer.body["user"]), USER);
    assert_eq!(session["userId"], json!(person.id));
    assert_eq!(session["expiresAt"], "2026-06-08T12:00:00.123Z");
    let text = answer.reply.text();
    let times = text.split('"').filter(|part| part.starts_with("2026-"));
    for time in times {
        let fraction = time.split_once('.').map(|(_, fraction)| fraction);
        assert!(fraction.is_some_and(|it| it.len() == 4 && it.ends_with('Z')), "{time}");
    }
}

#[tokio::test]
async fn one_who_is_not_to_be_remembered_has_cookies_without_an_end_and_a_day() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "rememberMe": false});
    let answer = world.send(Ask::post(SIGN_IN, &body)).await.is(200);
    let [session, forgetful] = &answer.reply.cookies[..] else { panic!("{:?}", answer.reply) };
    assert!(
        session.starts_with("__Secure-better-auth.session_token=") && !session.contains("Max-Age")
    );
    assert_eq!(
        forgetful,
        "__Secure-better-auth.dont_remember=true; Path=/; HttpOnly; Secure; SameSite=Lax"
    );
    let token = answer.token();
    world.pass(Duration::from_secs(86_400 - 1));
    let answer = world.send(Ask::get("/session").session(&token)).await;
    assert_eq!(answer.body["session"]["expiresAt"], "2026-06-02T12:00:00.123Z");
    assert!(answer.reply.cookies.is_empty(), "it is never renewed");
    world.pass(Duration::from_secs(1));
    assert!(!world.is_signed_in(&token).await);
}

#[tokio::test]
async fn one_who_signs_out_has_no_cookie_and_no_session_left() {
    let world = World::new().await;
    let (_, token) = world.signed_in(Role::Viewer).await;
    for round in 0..2 {
        let ask = Ask::post("/api/auth/sign-out", &json!({})).session(&token);
        let answer = world.send(ask).await.is(200);
        assert_eq!(answer.body, json!({"success": true}));
        let cleared = ["session_token", "session_data", "dont_remember"].map(|name| {
            format!(
                "__Secure-better-auth.{name}=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0"
            )
        });
        assert_eq!(answer.reply.cookies, cleared, "{round}");
    }
    assert!(!world.is_signed_in(&token).await);
    assert_eq!(world.actions().await, ["session.ended"], "the second time nothing has ended");
}

#[tokio::test]
async fn the_cookie_without_tls_has_the_plain_name() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let ask = Ask::sign_in("ada@example.com", PASSWORD).header("x-forwarded-proto", "http");
    let answer = world.send(ask).await.is(200);
    let [cookie] = &answer.reply.cookies[..] else { panic!("{:?}", answer.reply) };
    assert!(cookie.starts_with("better-auth.session_token="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800"), "{cookie}");
}

#[tokio::test]
async fn a_name_and_a_picture_are_changed_and_taken_away_and_what_is_missing_stays() {
    let world = World::new().await;
    let (_, token) = world.signed_in(Role::Viewer).await;
    let read = async || world.send(Ask::get("/session").session(&token)).await.body["user"].clone();
    for (change, name, image) in [
        (json!({"name": "Ada\u{0}"}), "Ada\u{2400}", Value::Null),
        (
            json!({"image": "https://example.com/a.png"}),
            "Ada\u{2400}",
            json!("https://example.com/a.png"),
        ),
        (json!({"name": "Eve", "other": 1}), "Eve", json!("https://example.com/a.png")),
        (json!({"image": null}), "Eve", Value::Null),
        (json!({}), "Eve", Value::Null),
    ] {
        let ask = Ask::post("/api/auth/update-user", &change).session(&token);
        assert_eq!(world.send(ask).await.is(200).body, json!({"status": true}));
        let user = read().await;
        assert_eq!((&user["name"], &user["image"]), (&json!(name), &image), "{change}");
    }
    for bad in [
        json!({"image": "javascript:alert(1)"}),
        json!({"name": "x".repeat(256)}),
        json!({"name": 7}),
    ] {
        world.send(Ask::post("/api/auth/update-user", &bad).session(&token)).await.is(400);
    }
    assert_eq!(world.actions().await, ["user.changed"; 4]);
}

#[tokio::test]
async fn an_account_with_a_password_has_one_credential_and_one_without_has_none() {
    let world = World::new().await;
    let (person, token) = world.signed_in(Role::Viewer).await;
    let answer = world.send(Ask::get("/api/auth/list-accounts").session(&token)).await.is(200);
    let [one] = &answer.body.as_array().unwrap()[..] else { panic!("{}", answer.body) };
    assert_eq!((&one["providerId"], &one["accountId"]), (&json!("credential"), &json!(person.id)));
    let person = world.person_with("eve@example.com", Role::Viewer, None).await;
    let token = world.session_of(&person, true).await;
    let answer = world.send(Ask::get("/api/auth/list-accounts").session(&token)).await.is(200);
    assert_eq!(answer.body, json!([]));
    let body = json!({"currentPassword": "", "newPassword": "battery staple"});
    let answer = world.send(Ask::post("/api/auth/change-password", &body).session(&token)).await;
    assert_eq!(answer.is(400).code(), "CREDENTIAL_ACCOUNT_NOT_FOUND");
    assert_eq!(world.send(Ask::get("/api/auth/ok")).await.is(200).body, json!({"ok": true}));
}
