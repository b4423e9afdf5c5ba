//! Environments: one event at a time in each, and none is left behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use penstock_testkit::RuntimeApi;
use penstock_tests::gateway::Patience;
use penstock_tests::hosting::HostedFunction;
use penstock_tests::http_client;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Api, runs, stand_in};

/// Longer than a process takes to start and to answer on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// The loopback port by which a test ends the work of a function.
async fn work() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let what = format!("work&port={}", listener.local_addr().unwrap().port());
    (listener, what)
}

#[tokio::test]
async fn requests_one_after_the_other_are_served_by_one_process() {
    let api = Api::start(stand_in(), Patience::default());
    let first = api.pid().await;
    for _ in 0..20 {
        assert_eq!(api.pid().await, first);
    }
}

#[tokio::test]
async fn requests_at_once_have_a_process_each_up_to_the_reserved_concurrency_and_then_wait() {
    let api = Api::start(stand_in(), Patience::default());
    let (listener, what) = work().await;
    let check = async {
        // Both work at once, and a third one could as well, were it not for the reservation.
        let (one, two) = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
        drop((one, two));
        listener.accept().await.unwrap();
    };
    let (one, two, three, ()) = tokio::join!(api.ask(&what), api.ask(&what), api.ask(&what), check);
    let pids: BTreeSet<String> = [one, two, three].map(|(_, pid)| pid).into();
    assert_eq!(pids.len(), 2, "{pids:?}");
}

#[tokio::test]
async fn an_event_that_takes_too_long_ends_its_process_and_is_a_500() {
    let function = HostedFunction { timeout: SOON, ..stand_in() };
    let api = Api::start(function, Patience::default());
    let before = api.pid().await;
    let (status, body) = api.ask("hang").await;
    assert_eq!((status, body.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
    assert!(!runs(before), "the process that hangs goes on");
    assert_ne!(api.pid().await, before);
}

#[tokio::test]
async fn what_api_gateway_does_not_wait_for_is_a_503_and_the_function_goes_on() {
    let patience = Patience { function: SOON, ..Patience::default() };
    let api = Api::start(stand_in(), patience);
    let warm = api.pid().await;
    let (listener, what) = work().await;
    let ((status, body), working) = tokio::join!(api.ask(&what), listener.accept());
    assert_eq!((status, body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
    assert!(runs(warm), "the function was ended with its request");
    drop(working);
}

#[tokio::test]
async fn an_error_of_the_handler_is_a_500_and_the_process_stays() {
    let api = Api::start(stand_in(), Patience::default());
    let before = api.pid().await;
    assert_eq!(api.ask("fail").await.0, 500);
    assert_eq!(api.pid().await, before);
}

#[tokio::test]
async fn a_process_that_dies_at_an_event_or_between_two_is_replaced() {
    let api = Api::start(stand_in(), Patience::default());
    let before = api.pid().await;
    assert_eq!(api.ask("die").await.0, 500);
    let next = api.pid().await;
    assert_ne!(next, before);
    let killed = std::process::Command::new("kill").args(["-9", &next.to_string()]).status();
    assert!(killed.unwrap().success());
    while runs(next) {
        tokio::task::yield_now().await;
    }
    assert_ne!(api.pid().await, next);
}

#[tokio::test]
async fn a_function_that_does_not_start_is_a_500_each_time() {
    let mut function = stand_in();
    function.variables.push(("STAND_IN".to_owned(), "dies at once".to_owned()));
    let api = Api::start(function, Patience::default());
    for _ in 0..3 {
        assert_eq!(api.ask("pid").await.0, 500);
    }
    let mut function = stand_in();
    function.bootstrap = "/nowhere".into();
    assert_eq!(Api::start(function, Patience::default()).ask("pid").await.0, 500);
}

#[tokio::test]
async fn a_process_sees_its_configuration_and_nothing_of_this_machine() {
    let mut function = stand_in();
    function.variables.push(("OF_THE_TEMPLATE".to_owned(), "yes".to_owned()));
    let api = Api::start(function, Patience::default());
    let (_, said) = api.ask("variables").await;
    let names: Vec<&str> =
        said.split('\0').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    assert!(said.contains("OF_THE_TEMPLATE=yes"), "{names:?}");
    let foreign = |name: &&&str| {
        !name.starts_with("AWS_LAMBDA_") && !["PATH", "TZ", "OF_THE_TEMPLATE"].contains(name)
    };
    assert_eq!(names.iter().find(foreign), None, "{names:?}");
}

#[tokio::test]
async fn every_process_ends_with_the_gateway_those_at_work_too() {
    let api = Api::start(stand_in(), Patience::default());
    let (listener, what) = work().await;
    let url = format!("{}/healthz?do={what}", api.url());
    let client = http_client::builder().no_proxy().build().unwrap();
    let asking = tokio::spawn(client.get(url).send());
    let (mut working, _) = listener.accept().await.unwrap();
    let idle = api.pid().await;
    drop(api);
    assert!(!runs(idle), "an idle process is left");
    // The socket of the one at work closes with it.
    let read = tokio::io::AsyncReadExt::read(&mut working, &mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(asking.await.unwrap().is_err());
}

#[tokio::test]
async fn a_process_ends_by_itself_once_nobody_serves_its_runtime_api() {
    let (listener, api) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), RuntimeApi::new());
    let address = listener.local_addr().unwrap().to_string();
    let mut serving = JoinSet::new();
    serving.spawn(Arc::clone(&api).serve(listener));
    let mut process = tokio::process::Command::new(stand_in().bootstrap)
        .env_clear()
        .envs(stand_in().variables)
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    api.first_poll().wait_for(Option::is_some).await.unwrap();
    // As where the gateway is killed.
    drop(serving);
    assert!(!process.wait().await.unwrap().success());
}
