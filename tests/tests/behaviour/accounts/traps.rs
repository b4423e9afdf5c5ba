//! The named traps of accounts.

use std::time::Duration;

use penstock_domain::account::Role;
use serde_json::json;

use super::routes::{self, Caller};
use super::{Ask, PASSWORD, World, new_token};

#[tokio::test]
async fn trap_57_a_stolen_row_is_no_sign_in_and_a_planted_token_is_not_kept() {
    let world = World::new().await;
    let (person, token) = world.signed_in(Role::Admin).await;
    // Whoever reads the whole database has every text and every byte of it, and no token.
    let client = world.db.client().await;
    let tables = ["users", "sessions", "account_links", "sign_in_limits", "audit_log"];
    for table in tables {
        let rows = client.query(&format!("select t::text from {table} t"), &[]).await.unwrap();
        for row in rows {
            let row: String = row.get(0);
            assert!(!row.contains(&token), "{table}: {row}");
            for part in row.split(|c: char| !c.is_ascii_alphanumeric()) {
                assert!(!world.is_signed_in(part).await, "{table}: {part}");
            }
        }
    }
    // Whoever plants a token before the sign-in does not share the session after it.
    let planted = world.session_of(&person, true).await;
    let ask = Ask::sign_in("admin@example.com", PASSWORD).session(&planted);
    let own = world.send(ask).await.is(200).token();
    assert_ne!(own, planted);
    assert!(world.is_signed_in(&own).await && !world.is_signed_in(&planted).await);
    let unknown = new_token();
    let ask = Ask::sign_in("admin@example.com", PASSWORD).session(&unknown);
    let own = world.send(ask).await.is(200).token();
    assert!(own != unknown && !world.is_signed_in(&unknown).await);
}

#[tokio::test]
async fn trap_58_an_unknown_address_is_answered_alike_and_strangers_keep_no_owner_out() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    world.person("eve@example.com", Role::Viewer).await;
    world.person_with("new@example.com", Role::Viewer, None).await;
    let disabled = world.person("gone@example.com", Role::Viewer).await;
    let end = "update users set disabled_at = now() where id = $1";
    world.db.client().await.execute(end, &[&disabled.id]).await.unwrap();
    // Each of these computes one hash, and says the same.
    let mut said = Vec::new();
    for email in ["ada@example.com", "nobody@example.com", "new@example.com", "gone@example.com"] {
        let before = world.ports.hashing.count();
        let answer = world.send(Ask::sign_in(email, "wrong horse")).await;
        assert_eq!(world.ports.hashing.count() - before, 1, "{email}");
        said.push((answer.status, answer.reply));
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:#?}");

    // 1,000 wrong passwords from 100 addresses over 10 environments, as fast as they are let in.
    let environments: Vec<_> = (0..10).map(|_| world.environment()).collect();
    let (mut tried, mut longest, mut n) = (0, 0, 0_usize);
    while tried < 1_000 {
        n += 1;
        let address = format!("203.0.113.{}", n % 100);
        let ask = Ask::sign_in("ada@example.com", "wrong horse").from(&address);
        let answer = ask.send_to(&environments[n % 10]).await;
        match answer.status {
            401 => tried += 1,
            429 => {
                let pause: u64 = answer.header("retry-after").parse().unwrap();
                longest = longest.max(pause);
                // Strangers come again as soon as they may; some come too early.
                let waits = if n.is_multiple_of(3) { pause / 2 } else { pause };
                world.pass(Duration::from_secs(waits.max(1)));
                tried += 1;
            }
            status => panic!("{status}: {}", answer.body),
        }
    }
    assert!((600..=900).contains(&longest), "the pauses grow, and not for ever: {longest} s");
    // No other account is touched, and no address of nobody is told apart.
    world.send(Ask::sign_in("eve@example.com", PASSWORD)).await.is(200);
    // The owner waits for the pause that is told, and is in.
    let answer = world.send(Ask::sign_in("ada@example.com", PASSWORD)).await;
    if answer.status == 429 {
        let pause: u64 = answer.header("retry-after").parse().unwrap();
        assert!(pause <= 900, "{pause}");
        world.pass(Duration::from_secs(pause));
        world.send(Ask::sign_in("ada@example.com", PASSWORD)).await.is(200);
    }
    // From an address that the owner has signed in from, strangers are in nobody's way.
    let home = "198.51.100.7";
    world.pass(Duration::from_secs(900));
    world.send(Ask::sign_in("ada@example.com", PASSWORD).from(home)).await.is(200);
    for _ in 0..13 {
        let answer = world.send(Ask::sign_in("ada@example.com", "wrong horse")).await;
        if let Ok(pause) = answer.header("retry-after").parse() {
            world.pass(Duration::from_secs(pause));
        }
    }
    world.send(Ask::sign_in("ada@example.com", PASSWORD)).await.is(429);
    world.send(Ask::sign_in("ada@example.com", PASSWORD).from(home)).await.is(200);
}

#[tokio::test]
async fn trap_61_no_get_changes_anything_and_no_page_of_another_origin_does() {
    let world = World::new().await;
    let (person, admin) = world.signed_in(Role::Admin).await;
    let link = world.made(json!({"email": "eve@example.com", "role": "viewer"})).await;
    let state = async || {
        let sql = "select (select jsonb_agg(u order by id) from users u)::text \
                   || (select jsonb_agg(l order by id) from account_links l)::text \
                   || (select jsonb_agg(s order by id) from sessions s)::text \
                   || (select jsonb_agg(a order by id) from audit_log a)::text";
        world.db.scalar::<String>(sql).await
    };
    let before = state().await;
    for path in routes::paths(person.id) {
        for query in ["", &format!("?token={link}&email=eve@example.com&password={PASSWORD}")] {
            for method in ["GET", "HEAD"] {
                let ask = Ask::get(&format!("{path}{query}")).by(method).session(&admin);
                world.send(ask.without("sec-fetch-site")).await;
            }
        }
        for caller in
            [Caller::ForeignOrigin, Caller::CrossSite, Caller::NoOrigin, Caller::NullOrigin]
        {
            let answer = world.send(caller.dress(Ask::post(&path, &json!({})), &admin)).await;
            assert!([403, 405].contains(&answer.status), "{path} {caller:?}: {}", answer.status);
        }
    }
    assert_eq!(state().await, before);
}
