//! Links that work once.

use std::time::Duration;

use accounts::SignUp;
use penstock_domain::account::Role;
use penstock_domain::account::password::{self, Cost, Password};
use serde_json::{Value, json};

use super::{Ask, PASSWORD, World, new_token, token_of};

const HOUR: Duration = Duration::from_secs(3_600);

/// The stored form that Better Auth has of [`PASSWORD`]: computed by Python's `hashlib.scrypt` with
/// N = 16,384, r = 16, p = 1 and 64 bytes. The salt is used as the text that it is.
const OF_BETTER_AUTH: &str = "0123456789abcdef0123456789abcdef:\
    c967f8a4438e68448871a4fbb9b41b2aacaa6d9d98bf76d9740467af6a3305c6\
    601235ae3706eaeaafd4c037201f630b3c3670caf74d8be1d22256672828773e";

/// Invites a person as an admin, and returns the token of the link.
async fn invited(world: &World, email: &str, role: &str) -> String {
    let admin =
        match world.db.scalar::<i64>("select count(*) from users where role = 'admin'").await {
            0 => world.signed_in(Role::Admin).await.1,
            _ => {
                let id = world.db.scalar("select id from users where role = 'admin' limit 1").await;
                super::planted_session(&world.db, id, true, world.now()).await
            }
        };
    let body = json!({"email": email, "role": role});
    let answer = world.send(Ask::post("/users/invite", &body).session(&admin)).await.is(200);
    let link = &answer.body["link"];
    assert_eq!(
        (&link["kind"], &link["role"], &link["mailed"]),
        (&json!("invite"), &json!(role), &json!(true))
    );
    let token = token_of(link["url"].as_str().unwrap());
    let mails = world.mail.take();
    let [(to, letter)] = &mails[..] else { panic!("{mails:?}") };
    assert!(to == email && letter.text.contains(&token));
    token
}

#[tokio::test]
async fn an_invitation_makes_an_account_of_its_role_with_a_password_once() {
    let world = World::new().await;
    let token = invited(&world, "eve@example.com", "operator").await;
    let answer = world.send(Ask::link(&token, None)).await.is(400);
    assert_eq!(answer.code(), "PASSWORD_REQUIRED");
    assert_eq!(
        world.send(Ask::link(&token, Some("short"))).await.is(400).code(),
        "PASSWORD_TOO_SHORT"
    );
    let answer = world.send(Ask::link(&token, Some(PASSWORD))).await.is(200);
    let user = &answer.body["user"];
    assert_eq!((&user["email"], &user["name"]), (&json!("eve@example.com"), &json!("eve")));
    assert_eq!((&user["role"], &user["emailVerified"]), (&json!("operator"), &json!(true)));
    assert!(world.is_signed_in(&answer.token()).await);
    assert_eq!(world.send(Ask::link(&token, Some(PASSWORD))).await.is(400).code(), "INVALID_TOKEN");
    world.send(Ask::sign_in("eve@example.com", PASSWORD)).await.is(200);
    let actions = ["user.invited", "account.signed_up", "session.begun", "session.begun"];
    assert_eq!(world.actions().await, actions);
}

#[tokio::test]
async fn of_two_people_with_one_link_at_the_same_time_one_wins() {
    let world = World::new().await;
    for round in 0..10 {
        let token = invited(&world, &format!("eve{round}@example.com"), "viewer").await;
        let other = world.environment();
        let (one, two) =
            (Ask::link(&token, Some(PASSWORD)), Ask::link(&token, Some("battery staple")));
        let (one, two) = tokio::join!(one.send_to(&world.ports), two.send_to(&other));
        let mut both = [one, two];
        both.sort_by_key(|answer| answer.status);
        let [won, lost] = both;
        assert_eq!((won.status, lost.status, lost.code()), (200, 400, "INVALID_TOKEN"), "{round}");
        let made = "select count(*) from users where email like 'eve%'";
        assert_eq!(world.db.scalar::<i64>(made).await, round + 1);
        world.pass(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_link_works_for_an_hour_and_an_invitation_for_seven_days() {
    let world = World::new().await;
    for (command, lasts) in [
        (json!({"email": "a@example.com", "role": "viewer", "link": "sign_in"}), HOUR),
        (json!({"email": "a@example.com", "role": "viewer"}), HOUR),
        (json!({"email": "b@example.com", "role": "viewer"}), 7 * 24 * HOUR),
    ] {
        for early in [Duration::from_micros(1), Duration::ZERO] {
            let token = world.made(command.clone()).await;
            world.pass(lasts - early);
            let status = world.send(Ask::link(&token, Some(PASSWORD))).await.status;
            assert_eq!(status, if early.is_zero() { 400 } else { 200 }, "{command}");
            let forget = "delete from users where email = 'b@example.com'";
            world.db.client().await.batch_execute(forget).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_newer_link_of_the_same_kind_replaces_the_older_one() {
    let world = World::new().await;
    let first = invited(&world, "eve@example.com", "admin").await;
    let second = invited(&world, "eve@example.com", "viewer").await;
    world.send(Ask::link(&first, Some(PASSWORD))).await.is(400);
    let answer = world.send(Ask::link(&second, Some(PASSWORD))).await.is(200);
    assert_eq!(answer.body["user"]["role"], "viewer");
}

#[tokio::test]
async fn a_reset_link_sets_a_password_ends_all_sessions_and_the_pause_of_the_account() {
    let world = World::new().await;
    let (_, admin) = world.signed_in(Role::Admin).await;
    let (person, session) = world.signed_in(Role::Viewer).await;
    for _ in 0..8 {
        world.send(Ask::sign_in("viewer@example.com", "wrong horse")).await;
        world.pass(Duration::from_secs(64));
    }
    let path = format!("/users/{}/reset-link", person.id);
    let answer = world.send(Ask::post(&path, &json!({})).session(&admin)).await.is(200);
    let link = &answer.body["link"];
    assert_eq!((&link["kind"], &link["email"]), (&json!("reset"), &json!("viewer@example.com")));
    let token = token_of(link["url"].as_str().unwrap());
    // A sign-up by it makes nothing: it is no invitation.
    let body = json!({"email": "viewer@example.com", "password": PASSWORD, "token": token});
    world.send(Ask::post("/api/auth/sign-up/email", &body)).await.is(400);
    let reset = |token: &str| json!({"newPassword": "battery staple", "token": token});
    let ask = Ask::post("/api/auth/reset-password", &reset(&token));
    assert_eq!(world.send(ask.clone()).await.is(200).body, json!({"status": true}));
    assert_eq!(world.send(ask).await.is(400).code(), "INVALID_TOKEN");
    assert!(!world.is_signed_in(&session).await);
    world.send(Ask::sign_in("viewer@example.com", "battery staple")).await.is(200);
    // The token may be in the query, as older clients of Better Auth send it.
    let answer = world.send(Ask::post(&path, &json!({})).session(&admin)).await.is(200);
    let token = token_of(answer.body["link"]["url"].as_str().unwrap());
    let path = format!("/api/auth/reset-password?token={token}");
    world.send(Ask::post(&path, &json!({"newPassword": PASSWORD}))).await.is(200);
}

#[tokio::test]
async fn a_link_to_sign_in_or_to_make_an_account_sets_no_password_of_another() {
    let world = World::new().await;
    let sign_in =
        world.made(json!({"email": "a@example.com", "role": "viewer", "link": "sign_in"})).await;
    let invite = world.made(json!({"email": "b@example.com", "role": "viewer"})).await;
    for token in [&sign_in, &invite] {
        let body = json!({"newPassword": "battery staple", "token": token});
        world.send(Ask::post("/api/auth/reset-password", &body)).await.is(400);
    }
    let answer = world.send(Ask::link(&sign_in, Some("battery staple"))).await.is(200);
    assert!(world.is_signed_in(&answer.token()).await);
    world.send(Ask::sign_in("a@example.com", "battery staple")).await.is(401);
}

#[tokio::test]
async fn make_user_makes_an_account_raises_its_role_and_lets_it_in_again() {
    let world = World::new().await;
    let command = json!({"email": "Ada@Example.com", "role": "admin"});
    let token = world.made(command.clone()).await;
    let answer = world.send(Ask::link(&token, Some(PASSWORD))).await.is(200);
    assert_eq!(answer.body["user"]["role"], "admin");
    let session = answer.token();
    // An account that is there: a link to a new password, and the role that is asked for.
    world.db.client().await.batch_execute("update users set disabled_at = now()").await.unwrap();
    let token = world.made(json!({"email": "ada@example.com", "role": "operator"})).await;
    assert!(!world.is_signed_in(&session).await);
    let answer = world.send(Ask::link(&token, Some("battery staple"))).await.is(200);
    assert_eq!(answer.body["user"]["role"], "operator");
    let token =
        world.made(json!({"email": "eve@example.com", "role": "viewer", "link": "sign_in"})).await;
    world.send(Ask::link(&token, None)).await.is(200);
    for (wanted, detail) in [
        (json!({"email": "ada", "role": "admin"}), "EMAIL is no address."),
        (
            json!({"email": "ada@example.com", "role": "owner"}),
            "ROLE is viewer, operator or admin.",
        ),
        (
            json!({"email": "ada@example.com"}),
            "make_user has email, role, and maybe link and baseUrl.",
        ),
        (Value::Null, "make_user has email, role, and maybe link and baseUrl."),
    ] {
        let reply = world.invoke(json!({"make_user": wanted})).await;
        assert_eq!((&reply["status"], &reply["body"]["detail"]), (&json!(400), &json!(detail)));
    }
    let kinds = "select string_agg(actor_kind || ' ' || actor, ',') from audit_log where action = 'user.made'";
    assert_eq!(world.db.scalar::<String>(kinds).await, ["operator invocation"; 3].join(","));
}

#[tokio::test]
async fn sign_up_is_as_the_operator_says() {
    for (sign_up, with_invitation, without) in
        [(SignUp::Closed, 400, 400), (SignUp::Invite, 200, 400), (SignUp::Open, 200, 200)]
    {
        let world = World::with(sign_up).await;
        let token = invited(&world, "eve@example.com", "operator").await;
        let sign_up = |email: &str, token: Option<&str>| {
            let body = json!({"email": email, "password": PASSWORD, "name": "", "token": token});
            Ask::post("/api/auth/sign-up/email", &body)
        };
        for (email, token, expected, code) in [
            ("new@example.com", None, without, "EMAIL_PASSWORD_SIGN_UP_DISABLED"),
            // An invitation is for its own address, and a token must be one.
            ("mallory@example.com", Some(token.clone()), 400, "INVALID_TOKEN"),
            ("eve@example.com", Some(new_token()), 400, "INVALID_TOKEN"),
            ("eve@example.com", Some(token.clone()), with_invitation, "INVALID_TOKEN"),
            ("eve@example.com", Some(token.clone()), 400, "INVALID_TOKEN"),
        ] {
            let answer = world.send(sign_up(email, token.as_deref())).await;
            assert_eq!(
                answer.status,
                expected,
                "{email} {sign_up:?}",
                sign_up = world.ports.settings.sign_up
            );
            if expected == 200 {
                let role = if token.is_some() { "operator" } else { "viewer" };
                assert_eq!(answer.body["user"]["role"], role);
            } else if world.ports.settings.sign_up == SignUp::Closed {
                assert_eq!(answer.code(), "EMAIL_PASSWORD_SIGN_UP_DISABLED");
            } else {
                assert_eq!(answer.code(), code);
            }
            world.pass(Duration::from_secs(20));
        }
    }
}

#[tokio::test]
async fn an_imported_hash_of_better_auth_signs_in_and_is_raised_and_so_is_a_cheap_one() {
    let world = World::new().await;
    let cheap = password::hash(&Password::fit(PASSWORD).unwrap(), [1; password::SALT], Cost::LEAST)
        .unwrap();
    for (email, stored) in [("old@example.com", OF_BETTER_AUTH), ("cheap@example.com", &cheap)] {
        world.person_with(email, Role::Viewer, Some(stored)).await;
        let dear = Cost { memory_kib: 64, passes: 2, lanes: 1 };
        let ports = accounts::Ports { hashing: accounts::Hashing::at(dear), ..world.environment() };
        Ask::sign_in(email, "wrong horse").send_to(&ports).await.is(401);
        world.pass(Duration::from_secs(1));
        Ask::sign_in(email, PASSWORD).send_to(&ports).await.is(200);
        let now = format!("select password from users where email = '{email}'");
        let raised: String = world.db.scalar(&now).await;
        assert!(raised.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{raised}");
        world.pass(Duration::from_secs(1));
        let before = ports.hashing.count();
        Ask::sign_in(email, PASSWORD).send_to(&ports).await.is(200);
        assert_eq!(ports.hashing.count() - before, 1, "it is raised once");
        assert_eq!(world.db.scalar::<String>(&now).await, raised);
    }
}
