//! The host of the Lambda Runtime API, with a function that does what its payload says.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use penstock_testkit::{Outcome, RuntimeHost, binary};
use serde_json::{Value, json};

const SIGKILL: Option<i32> = Some(9);

/// `cargo test -p penstock-testkit` builds the examples beside the tests.
fn obedient() -> PathBuf {
    binary("examples/obedient_function")
}

#[tokio::test]
async fn a_reply_comes_back_again_and_again() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    for n in 0..3 {
        let outcome = host.invoke(json!({"do": "echo", "what": {"n": n}})).await;
        assert_eq!(outcome, Outcome::Replied(json!({"n": n})));
    }
}

#[tokio::test]
async fn an_error_and_a_panic_fail_the_invocation_and_the_process_lives_on() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    for (order, expected) in [("fail", "it was told to fail"), ("panic", "it was told to panic")] {
        let Outcome::Failed { message, .. } = host.invoke(json!({"do": order})).await else {
            panic!("{order} did not fail");
        };
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(host.invoke(json!({"do": "echo", "what": 1})).await.reply(), json!(1));
}

#[tokio::test]
async fn a_process_that_ends_is_told_with_its_status() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    let Outcome::Died(status) = host.invoke(json!({"do": "exit"})).await else {
        panic!("it lives")
    };
    assert_eq!(status.code(), Some(3));
    assert_eq!(host.invoke(json!({"do": "echo"})).await, Outcome::Died(status));
}

#[tokio::test]
async fn a_deadline_that_passes_kills_the_process_as_lambda_does() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    host.first_poll().await;
    let outcome = host.invoke_with_deadline(json!({"do": "hang"}), Duration::from_millis(50)).await;
    assert_eq!(outcome, Outcome::TimedOut);
    let Outcome::Died(status) = host.invoke(json!({"do": "echo"})).await else {
        panic!("it lives")
    };
    assert_eq!(status.signal(), SIGKILL);
}

#[tokio::test]
async fn the_function_is_told_its_deadline() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    let began = Instant::now();
    let told = async |seconds| {
        let deadline = Duration::from_secs(seconds);
        host.invoke_with_deadline(json!({"do": "deadline"}), deadline).await.reply()
    };
    let (soon, late) = (told(60).await, told(70).await);
    let difference = late.as_i64().unwrap() - soon.as_i64().unwrap();
    // Ten seconds, and the time between the two.
    let most = 10_001 + i64::try_from(began.elapsed().as_millis()).unwrap();
    assert!((10_000..=most).contains(&difference), "{difference} ms");
}

#[tokio::test]
async fn a_kill_in_mid_flight_is_seen_by_the_invocation() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    let (outcome, status) = tokio::join!(host.invoke(json!({"do": "hang"})), async {
        host.first_poll().await;
        host.kill().await
    });
    assert_eq!(outcome, Outcome::Died(status));
    assert_eq!(status.signal(), SIGKILL);
}

#[tokio::test]
async fn the_killer_can_be_handed_away() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    let killer = host.killer();
    let (outcome, ()) = tokio::join!(host.invoke(json!({"do": "hang"})), async {
        host.first_poll().await;
        std::thread::spawn(killer).join().unwrap();
    });
    assert!(matches!(outcome, Outcome::Died(status) if status.signal() == SIGKILL), "{outcome:?}");
}

#[tokio::test]
async fn the_process_has_only_the_environment_it_was_given() {
    let host =
        RuntimeHost::start(&obedient(), &[("GIVEN", "1"), ("AWS_REGION", "eu-north-1")]).await;
    let mut names: Vec<String> =
        serde_json::from_value(host.invoke(json!({"do": "environment"})).await.reply()).unwrap();
    names.retain(|name| !name.starts_with("AWS_") && !name.starts_with("_X_AMZN"));
    assert_eq!(names, ["GIVEN"]);
}

#[tokio::test]
async fn what_the_process_writes_is_kept() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    assert_eq!(host.invoke(json!({"do": "write"})).await.reply(), Value::Null);
    host.kill().await;
    let written = host.output();
    assert!(
        written.contains("a line to stdout") && written.contains("a line to stderr"),
        "{written}"
    );
}

#[tokio::test]
async fn a_cold_start_and_its_memory_can_be_measured() {
    let host = RuntimeHost::start(&obedient(), &[]).await;
    assert!(host.first_poll().await > Duration::ZERO);
    assert!(host.resident_kib() > 500);
}

#[tokio::test]
#[should_panic(expected = "is not built: run `make test`")]
async fn a_binary_that_was_not_built_is_named() {
    binary("no-such-function");
}
