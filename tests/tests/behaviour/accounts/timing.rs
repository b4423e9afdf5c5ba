//! The time of a sign-in, measured at the cost of a deployment.

use std::time::{Duration, Instant};

use accounts::{Hashing, Ports};
use penstock_domain::account::Role;
use penstock_domain::account::password::{self, Cost, Password};

use super::{Ask, PASSWORD, World};

/// Sign-ins of each kind.
const EACH: usize = 200;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
#[ignore = "measures 400 sign-ins: cargo test --release --test behaviour -- --ignored sign_in_takes"]
async fn a_sign_in_takes_as_long_for_an_unknown_address_as_for_a_wrong_password() {
    let world = World::new().await;
    let stored =
        password::hash(&Password::fit(PASSWORD).unwrap(), [3; password::SALT], Cost::OWASP)
            .unwrap();
    world.person_with("ada@example.com", Role::Viewer, Some(&stored)).await;
    let ports = Ports { hashing: Hashing::at(Cost::OWASP), ..world.environment() };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turn, so that a busy machine is busy for both.
    for _ in 0..EACH {
        for (email, times) in
            [("ada@example.com", &mut known), ("nobody@example.com", &mut unknown)]
        {
            let ask = Ask::sign_in(email, "wrong horse");
            let began = Instant::now();
            let answer = ask.send_to(&ports).await;
            times.push(began.elapsed());
            assert_eq!(answer.status, 401);
        }
        world.pass(Duration::from_secs(900));
    }
    let (known, unknown) = (median(known), median(unknown));
    let apart = known.abs_diff(unknown).as_micros() * 100 / known.as_micros().max(1);
    assert!(
        apart < 5,
        "median of {EACH}: wrong password {known:?}, unknown address {unknown:?}, {apart} % apart"
    );
}
