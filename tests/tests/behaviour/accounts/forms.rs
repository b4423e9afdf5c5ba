//! Forms of pages: they work without a script, and are answered by a page.

use penstock_domain::account::Role;
use serde_json::json;

use super::{Ask, PASSWORD, World, token_of};

#[tokio::test]
async fn a_form_signs_in_and_goes_on_to_its_page_or_back_with_the_code() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let form = |password: &str, next: &str| {
        let fields = [("email", "ada@example.com"), ("password", password), ("callbackURL", next)];
        Ask::form("/api/auth/sign-in/email", &fields)
    };
    let answer = world.send(form(PASSWORD, "/console/runs?status=failed")).await.is(303);
    assert_eq!(answer.header("location"), "/console/runs?status=failed");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(world.is_signed_in(&answer.token()).await);
    let answer = world.send(form("wrong horse", "/console/runs?a=b")).await.is(303);
    let back = "/console/sign-in?error=INVALID_EMAIL_OR_PASSWORD&next=%2Fconsole%2Fruns%3Fa%3Db";
    assert_eq!(answer.header("location"), back);
    assert!(answer.reply.cookies.is_empty());
    let answer = world.send(form(PASSWORD, "")).await.is(303);
    assert_eq!(answer.header("location"), "/console/sign-in?error=TOO_MANY_REQUESTS&retryAfter=1");
    let answer = world.send(form(PASSWORD, "https://evil.example/")).await.is(303);
    assert_eq!(answer.header("location"), "/console/sign-in?error=INVALID_CALLBACK_URL");
    // A program that sends a form reads JSON.
    let answer = world.send(form(PASSWORD, "").header("accept", "application/json")).await;
    assert_eq!(answer.is(429).code(), "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn a_form_uses_a_link_after_its_page_has_asked_for_a_password() {
    let world = World::new().await;
    let token = world.made(json!({"email": "ada@example.com", "role": "admin"})).await;
    let form = |password: Option<&str>| {
        let mut fields = vec![("token", token.as_str()), ("callbackURL", "/console")];
        fields.extend(password.map(|password| ("password", password)));
        Ask::form("/api/auth/use-link", &fields)
    };
    for (password, code) in [(None, "PASSWORD_REQUIRED"), (Some("short"), "PASSWORD_TOO_SHORT")] {
        let answer = world.send(form(password)).await.is(303);
        assert_eq!(answer.header("location"), format!("/console/link?error={code}&token={token}"));
    }
    let answer = world.send(form(Some(PASSWORD))).await.is(303);
    assert_eq!(answer.header("location"), "/console");
    let session = answer.token();
    let answer = world.send(Ask::form("/api/auth/sign-out", &[]).session(&session)).await.is(303);
    assert_eq!(answer.header("location"), "/console/sign-in");
    assert!(!world.is_signed_in(&session).await);
}

#[tokio::test]
async fn a_link_that_a_form_has_made_goes_to_the_next_page_in_a_cookie_that_lasts_a_minute() {
    let world = World::new().await;
    let (_, admin) = world.signed_in(Role::Admin).await;
    let fields = [("email", "eve@example.com"), ("role", "viewer")];
    let answer = world.send(Ask::form("/users/invite", &fields).session(&admin)).await.is(303);
    assert_eq!(answer.header("location"), "/console/accounts");
    let [cookie] = &answer.reply.cookies[..] else { panic!("{:?}", answer.reply) };
    let (token, attributes) =
        cookie.strip_prefix("__Secure-penstock.link=").unwrap().split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60");
    let mails = world.mail.take();
    assert_eq!(
        token_of(mails[0].1.text.lines().find(|line| line.starts_with("https")).unwrap()),
        token
    );
    let answer = world.send(Ask::form("/users/invite", &fields)).await.is(303);
    assert_eq!(answer.header("location"), "/console/sign-in?error=UNAUTHORIZED");
    let fields = [
        ("email", "eve"),
        ("role", "viewer"),
        ("errorCallbackURL", "/console/accounts?tab=invite"),
    ];
    let answer = world.send(Ask::form("/users/invite", &fields).session(&admin)).await.is(303);
    assert_eq!(answer.header("location"), "/console/accounts?tab=invite&error=VALIDATION_ERROR");
}
