//! The limits on tries, by account and by network address.

use std::time::Duration;

use accounts::SignUp;
use penstock_domain::account::Role;
use serde_json::json;

use super::{Answer, Ask, PASSWORD, World};

fn pause(answer: &Answer) -> u64 {
    assert_eq!((answer.status, answer.code()), (429, "TOO_MANY_REQUESTS"), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), answer.header("x-retry-after"));
    assert!(answer.body["message"].is_string());
    answer.header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn a_wrong_password_makes_a_pause_that_doubles_to_a_quarter_of_an_hour_and_ends_by_itself() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let wrong = async || world.send(Ask::sign_in("ada@example.com", "wrong horse")).await;
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
        wrong().await.is(401);
        assert_eq!(pause(&wrong().await), expected);
        // An attempt in the pause makes it no longer.
        assert_eq!(pause(&wrong().await), expected);
        world.pass(Duration::from_secs(expected));
    }
    // The right one is the end of it: the next wrong one makes a second again.
    world.send(Ask::sign_in("ada@example.com", PASSWORD)).await.is(200);
    wrong().await.is(401);
    assert_eq!(pause(&wrong().await), 1);
    // So does a day without a try.
    world.pass(Duration::from_secs(1));
    wrong().await.is(401);
    world.pass(Duration::from_secs(86_401));
    wrong().await.is(401);
    assert_eq!(pause(&wrong().await), 1);
}

#[tokio::test]
async fn the_address_of_nobody_has_the_same_pauses_and_case_makes_no_other_account() {
    let world = World::new().await;
    for (email, again) in
        [("nobody@example.com", "NoBody@Example.com"), ("x@example.com", " x@example.com ")]
    {
        world.send(Ask::sign_in(email, "wrong horse")).await.is(401);
        assert_eq!(pause(&world.send(Ask::sign_in(again, "wrong horse")).await), 1);
    }
}

#[tokio::test]
async fn of_attempts_at_the_same_time_in_ten_environments_one_goes_through() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    for round in 0..5 {
        let environments: Vec<_> = (0..10).map(|_| world.environment()).collect();
        let asks: Vec<_> =
            (0..10).map(|_| Ask::sign_in("ada@example.com", "wrong horse")).collect();
        let all = environments.iter().zip(&asks).map(|(ports, ask)| ask.send_to(ports));
        let answers = futures_util::future::join_all(all).await;
        let through = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(through, 1, "round {round}");
        world.pass(Duration::from_secs(900));
    }
}

#[tokio::test]
async fn a_network_address_has_three_tries_and_then_one_each_three_seconds_and_a_third() {
    let world = World::with(SignUp::Open).await;
    let home = "203.0.113.7";
    let mut n = 0;
    let mut next = async || {
        n += 1;
        // Sign-in, sign-up and changes of a password share the tries; the accounts differ.
        let ask = match n % 2 {
            0 => Ask::sign_in(&format!("a{n}@example.com"), "wrong horse"),
            _ => {
                let body = json!({"email": format!("b{n}@example.com"), "password": PASSWORD});
                Ask::post("/api/auth/sign-up/email", &body)
            }
        };
        // Whatever this header says.
        world.send(ask.from(home).header("x-forwarded-for", &format!("198.51.100.{n}"))).await
    };
    for _ in 0..3 {
        assert_ne!(next().await.status, 429);
    }
    assert_eq!(pause(&next().await), 4);
    world.pass(Duration::from_millis(3_334));
    assert_ne!(next().await.status, 429);
    assert_eq!(pause(&next().await), 4);
    world.pass(Duration::from_secs(10));
    for _ in 0..3 {
        assert_ne!(next().await.status, 429);
    }
    pause(&next().await);
    // Others are let in.
    world.send(Ask::sign_in("c@example.com", "wrong horse").from("203.0.113.8")).await.is(401);
}

#[tokio::test]
async fn a_limit_of_a_broken_clock_keeps_nobody_out() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let home = "203.0.113.7";
    let ask = || Ask::sign_in("ada@example.com", PASSWORD).from(home);
    world.send(Ask::sign_in("ada@example.com", "wrong horse").from(home)).await.is(401);
    let broken = "update sign_in_limits set free_at = free_at + interval '1 year'";
    world.db.client().await.batch_execute(broken).await.unwrap();
    world.send(ask()).await.is(200);
}

#[tokio::test]
async fn a_refused_request_computes_no_hash() {
    let world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    world.send(Ask::sign_in("ada@example.com", "wrong horse")).await.is(401);
    let before = world.ports.hashing.count();
    for ask in [
        Ask::sign_in("ada@example.com", PASSWORD),
        Ask::sign_in("ada", PASSWORD),
        Ask::link(&super::new_token(), Some(PASSWORD)),
        Ask::post(
            "/api/auth/sign-up/email",
            &json!({"email": "b@example.com", "password": PASSWORD}),
        ),
    ] {
        assert!(world.send(ask).await.status >= 400);
    }
    assert_eq!(world.ports.hashing.count(), before);
}

#[tokio::test]
async fn mails_are_asked_for_three_times_a_minute_from_a_network_address() {
    let world = World::new().await;
    let ask = |n: u8| {
        let body = json!({"email": format!("a{n}@example.com")});
        Ask::post("/api/auth/request-password-reset", &body).from("203.0.113.7")
    };
    for n in 0..3 {
        world.send(ask(n)).await.is(200);
    }
    assert_eq!(pause(&world.send(ask(3)).await), 20);
}
