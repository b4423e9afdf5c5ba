//! The accounts of all, as an admin manages them.

use std::collections::BTreeSet;
use std::time::Duration;

use penstock_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ask, PASSWORD, World};

#[tokio::test]
async fn an_admin_lists_all_accounts_by_pages_without_a_hash() {
    let world = World::new().await;
    let (admin, token) = world.signed_in(Role::Admin).await;
    for n in 0..7 {
        // Some at the same time.
        world.pass(Duration::from_secs(n % 2));
        world.person(&format!("a{n}@example.com"), Role::Viewer).await;
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let cursor_is = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let ask = Ask::get(&format!("/users?limit=3{cursor_is}")).session(&token);
        let answer = world.send(ask).await.is(200);
        assert!(!answer.reply.text().contains("argon2"), "{}", answer.body);
        let users = answer.body["users"].as_array().unwrap();
        seen.extend(users.iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        pages += 1;
        // A new account moves no page.
        world.person(&format!("new{pages}@example.com"), Role::Viewer).await;
        let Some(next) = answer.body["nextCursor"].as_str() else { break };
        cursor = Some(next.to_owned());
        assert_eq!(users.len(), 3);
    }
    let expected: BTreeSet<String> = (0..7)
        .map(|n| format!("a{n}@example.com"))
        .chain(["admin@example.com".to_owned()])
        .collect();
    assert_eq!((seen.len(), seen.into_iter().collect::<BTreeSet<_>>(), pages), (8, expected, 3));
    let answer = world.send(Ask::get("/users?limit=100").session(&token)).await.is(200);
    let all = answer.body["users"].as_array().unwrap();
    let own = all.iter().find(|user| user["id"] == json!(admin.id)).unwrap();
    assert_eq!((&own["hasPassword"], &own["sessions"]), (&json!(true), &json!(1)));
    assert_eq!((&own["disabledAt"], own["lastSeenAt"].is_string()), (&Value::Null, true));
    for bad in ["limit=0", "limit=101", "cursor=x", "page=2"] {
        world.send(Ask::get(&format!("/users?{bad}")).session(&token)).await.is(400);
    }
}

#[tokio::test]
async fn the_last_admin_stays_one_even_if_two_admins_take_each_others_role_at_the_same_time() {
    let world = World::new().await;
    let (one, token) = world.signed_in(Role::Admin).await;
    let path = |id: Uuid, what: &str| format!("/users/{id}/{what}");
    for (what, body) in [("role", json!({"role": "viewer"})), ("disable", json!({}))] {
        let answer =
            world.send(Ask::post(&path(one.id, what), &body).session(&token)).await.is(409);
        assert_eq!(answer.code(), "LAST_ADMIN");
    }
    assert!(world.is_signed_in(&token).await);
    for round in 0..10 {
        let two = world.person(&format!("two{round}@example.com"), Role::Admin).await;
        let (of_one, of_two) =
            (world.session_of(&one, true).await, world.session_of(&two, true).await);
        let other = world.environment();
        let body = json!({"role": "operator"});
        let (what, body) = if round % 2 == 0 { ("role", body) } else { ("disable", json!({})) };
        let against_two = Ask::post(&path(two.id, what), &body).session(&of_one);
        let against_one = Ask::post(&path(one.id, what), &body).session(&of_two);
        let (first, second) =
            tokio::join!(against_two.send_to(&world.ports), against_one.send_to(&other));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        // The other was signed out meanwhile, or is the last.
        assert!([401, 409].contains(&statuses[1]), "{statuses:?}");
        let admins = "select count(*) from users where role = 'admin' and disabled_at is null";
        assert_eq!(world.db.scalar::<i64>(admins).await, 1, "round {round}");
        let again = "update users set role = 'admin', disabled_at = null where email = 'admin@example.com'; \
                     delete from users where email <> 'admin@example.com'";
        world.db.client().await.batch_execute(again).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_that_has_an_account_is_not_invited_and_an_unknown_account_is_not_found() {
    let world = World::new().await;
    let (_, token) = world.signed_in(Role::Admin).await;
    let body = json!({"email": "Admin@example.com", "role": "viewer"});
    let answer = world.send(Ask::post("/users/invite", &body).session(&token)).await.is(422);
    assert_eq!(answer.code(), "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    for body in [
        json!({}),
        json!({"email": "x", "role": "viewer"}),
        json!({"email": "a@example.com", "role": "root"}),
    ] {
        let answer = world.send(Ask::post("/users/invite", &body).session(&token)).await.is(400);
        assert_eq!(answer.code(), "VALIDATION_ERROR");
    }
    for id in [Uuid::nil().to_string(), "1".to_owned(), "a%2Fb".to_owned()] {
        for what in ["sign-out", "disable", "enable", "reset-link"] {
            let path = format!("/users/{id}/{what}");
            let answer = world.send(Ask::post(&path, &json!({})).session(&token)).await.is(404);
            assert_eq!(answer.code(), "USER_NOT_FOUND", "{path}");
        }
    }
}

#[tokio::test]
async fn a_disabled_account_is_closed_to_its_password_its_links_and_its_mails() {
    let world = World::new().await;
    let (_, admin) = world.signed_in(Role::Admin).await;
    let person = world.person("eve@example.com", Role::Operator).await;
    let link = world
        .made(json!({"email": "eve@example.com", "role": "operator", "link": "sign_in"}))
        .await;
    let disable = Ask::post(&format!("/users/{}/disable", person.id), &json!({})).session(&admin);
    world.send(disable).await.is(200);
    world.send(Ask::sign_in("eve@example.com", PASSWORD)).await.is(401);
    world.send(Ask::link(&link, None)).await.is(400);
    let path = format!("/users/{}/reset-link", person.id);
    world.send(Ask::post(&path, &json!({})).session(&admin)).await.is(404);
}
