//! The audit log, and the lines of the log beside it: who has changed what, and no secret.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_store::audit::{self, Actor, Filter};
use penstock_tests::captured_log::CapturedLog;
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use super::{Ask, PASSWORD, World};

#[tokio::test]
async fn a_change_and_its_row_are_there_both_or_neither() {
    let world = World::new().await;
    let (person, admin) = world.signed_in(Role::Admin).await;
    let other = world.person("eve@example.com", Role::Viewer).await;
    let refuse = "create function refuse() returns trigger language plpgsql as \
                  $$ begin raise exception 'no audit today'; end $$; \
                  create trigger refuse before insert on audit_log for each row execute function refuse()";
    world.db.client().await.batch_execute(refuse).await.unwrap();
    let of = |what: &str| format!("/users/{}/{what}", other.id);
    let post = |path: String, body: Value| Ask::post(&path, &body).session(&admin);
    let state = async || {
        let sql = "select jsonb_build_array((select jsonb_agg(u order by id) from users u), \
                   (select count(*) from sessions), (select count(*) from account_links))::text";
        world.db.scalar::<String>(sql).await
    };
    let token = world.session_of(&person, true).await;
    let before = state().await;
    for ask in [
        Ask::sign_in("eve@example.com", PASSWORD),
        Ask::post("/api/auth/sign-out", &json!({})).session(&token),
        post("/api/auth/revoke-other-sessions".to_owned(), json!({})),
        post("/api/auth/update-user".to_owned(), json!({"name": "x"})),
        post(
            "/api/auth/change-password".to_owned(),
            json!({"currentPassword": PASSWORD, "newPassword": "battery staple"}),
        ),
        post("/users/invite".to_owned(), json!({"email": "new@example.com", "role": "viewer"})),
        post(of("role"), json!({"role": "operator"})),
        post(of("sign-out"), json!({})),
        post(of("disable"), json!({})),
        post(of("reset-link"), json!({})),
    ] {
        let told = format!("{ask:?}");
        assert_eq!(world.send(ask).await.status, 500, "{told}");
        assert_eq!(state().await, before, "{told}");
    }
}

#[tokio::test]
async fn the_trail_says_who_did_what_to_whom_when_and_from_where() {
    let world = World::new().await;
    let (person, admin) = world.signed_in(Role::Admin).await;
    let other = world.person("eve@example.com", Role::Viewer).await;
    world.session_of(&other, true).await;
    let path = format!("/users/{}/role", other.id);
    let ask = Ask::post(&path, &json!({"role": "operator"})).session(&admin).from("203.0.113.9");
    world.send(ask.header("x-request-id", "order-7")).await.is(200);
    world.pass(Duration::from_secs(1));
    world.send(Ask::sign_in("eve@example.com", PASSWORD)).await.is(200);
    let client = world.db.client().await;
    let page = audit::page(&client, Filter::default(), None, 10).await.unwrap();
    let [begun, role] = &page[..] else { panic!("{page:?}") };
    assert_eq!(
        (begun.action.as_str(), begun.actor.as_deref()),
        ("session.begun", Some("eve@example.com"))
    );
    assert_eq!((role.actor_kind.as_str(), role.actor_id), ("user", Some(person.id)));
    assert_eq!(role.actor.as_deref(), Some("admin@example.com"));
    assert_eq!((role.object.as_str(), role.count), (other.id.to_string().as_str(), Some(1)));
    assert_eq!(role.detail.as_deref(), Some(r#"{"from":"viewer","to":"operator"}"#));
    assert_eq!(
        (role.request_id.as_str(), role.address.as_deref()),
        ("order-7", Some("203.0.113.9"))
    );
    assert_eq!(role.at, world.now() - Duration::from_secs(1));
    let after =
        audit::page(&client, Filter::default(), Some((begun.at, begun.id)), 10).await.unwrap();
    assert_eq!(after.as_slice(), std::slice::from_ref(role));
    for (filter, found) in [
        (Filter { actor: Some("admin@example.com"), ..Filter::default() }, 1),
        (Filter { action: Some("session.begun"), ..Filter::default() }, 1),
        (Filter { object: Some(&role.object), ..Filter::default() }, 1),
        (Filter { from: Some(begun.at), ..Filter::default() }, 1),
        (Filter { until: Some(begun.at), ..Filter::default() }, 1),
        (Filter { action: Some("key.made"), ..Filter::default() }, 0),
    ] {
        assert_eq!(
            audit::page(&client, filter, None, 10).await.unwrap().len(),
            found,
            "{filter:?}"
        );
    }
}

#[tokio::test]
async fn no_function_changes_a_row_of_the_trail_and_only_relay_deletes_old_ones() {
    let world = World::new().await;
    let entry = audit::Entry::new(
        Actor::System,
        penstock_domain::audit::Action::UserMade,
        "x",
        "r",
        world.now(),
    );
    audit::write(&world.db.client().await, &entry).await.unwrap();
    for function in penstock_store::roles::functions() {
        let pool = world.db.database_of(function, 1);
        let connection = pool.connection().await.unwrap();
        for sql in [
            "update audit_log set action = 'nothing'",
            "truncate audit_log",
            "delete from audit_log",
        ] {
            let code = connection.batch_execute(sql).await.map_err(|error| error.code().cloned());
            if function == "relay" && sql.starts_with("delete") {
                continue;
            }
            assert_eq!(code, Err(Some(SqlState::INSUFFICIENT_PRIVILEGE)), "{function}: {sql}");
        }
    }
}

#[tokio::test]
async fn no_line_of_the_log_has_a_token_a_password_a_hash_or_an_address() {
    let world = World::new().await;
    let log = CapturedLog::start();
    let (person, admin) = world.signed_in(Role::Admin).await;
    let mut secrets = vec![
        admin.clone(),
        PASSWORD.to_owned(),
        "battery staple".to_owned(),
        "wrong horse".to_owned(),
    ];
    secrets.extend(["argon2", "@example", "203.0.113"].map(str::to_owned));
    let at = |ask: Ask| ask.from("203.0.113.7");
    let invite = json!({"email": "eve@example.com", "role": "viewer"});
    let answer = world.send(at(Ask::post("/users/invite", &invite).session(&admin))).await.is(200);
    let link = super::token_of(answer.body["link"]["url"].as_str().unwrap());
    secrets.push(link.clone());
    secrets.push(world.send(at(Ask::link(&link, Some(PASSWORD)))).await.is(200).token());
    world.send(at(Ask::link(&link, Some(PASSWORD)))).await.is(400);
    secrets.push(world.send(at(Ask::sign_in("eve@example.com", PASSWORD))).await.is(200).token());
    world.send(at(Ask::sign_in("eve@example.com", "wrong horse"))).await.is(401);
    world.send(at(Ask::sign_in("eve@example.com", "wrong horse"))).await.is(429);
    let change = json!({"currentPassword": PASSWORD, "newPassword": "battery staple"});
    let answer =
        world.send(Ask::post("/api/auth/change-password", &change).session(&admin)).await.is(200);
    secrets.push(answer.token());
    let body = json!({"email": "eve@example.com"});
    world.send(at(Ask::post("/api/auth/request-password-reset", &body))).await.is(200);
    world.invoke(json!({"mails": "due"})).await;
    secrets.push(world.made(json!({"email": "ops@example.com", "role": "admin"})).await);
    // Postgres fails in the middle of it, and quotes what it was given.
    let broken =
        "alter table sessions add constraint broken check (length(user_agent) < 3) not valid";
    world.db.client().await.batch_execute(broken).await.unwrap();
    world.pass(Duration::from_secs(60));
    world.send(at(Ask::sign_in("eve@example.com", PASSWORD))).await.is(500);
    let text = log.text();
    for event in [
        "signed_in",
        "link_made",
        "link_used",
        "password_changed",
        "user_made",
        "mailed",
        "attempt_refused",
    ] {
        assert!(text.contains(&format!("\"event\":\"{event}\"")), "no line is of {event}: {text}");
    }
    assert!(text.contains(&person.id.to_string()), "an account is named by its id");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the log: {text}");
    }
}
