//! Refusals, keys, faults on command, the log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use penstock_tests::simulators::stripe::{Fault, RetryAfter};
use serde_json::Value;

use super::{get, get_with, stripe};

#[test]
fn refusals_are_stripes_own() {
    let stripe = stripe(17, 50);
    let refused = |target: &str, status: u16, code: &str| {
        let answer = get(&stripe, target);
        assert_eq!(answer.status, status, "{target}: {}", answer.body);
        let error = &answer.json()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{target}");
    };
    refused("/v1/charges?limit=0", 400, "parameter_invalid_integer");
    refused("/v1/charges?limit=101", 400, "parameter_invalid_integer");
    refused("/v1/charges?limit=ten", 400, "parameter_invalid_integer");
    refused("/v1/charges?updated[gte]=1", 400, "parameter_unknown");
    refused("/v1/charges?created[after]=1", 400, "parameter_unknown");
    refused("/v1/charges?charge=ch_1", 400, "parameter_unknown");
    refused("/v1/charges?starting_after=ch_1", 400, "resource_missing");
    refused("/v1/charges?starting_after=a&ending_before=b", 400, "parameters_exclusive");
    refused("/v1/charges/ch_1", 404, "resource_missing");
    refused("/v1/payouts", 404, "");
    let quoted = get(&stripe, "/v1/refunds/%22x%22");
    assert_eq!(quoted.status, 404);
    assert!(quoted.json()["error"]["message"].is_string());
}

#[test]
fn keys_are_checked() {
    let stripe = stripe(18, 50);
    let none = get_with(&stripe, "/v1/charges", &[]);
    assert_eq!(none.status, 401);
    assert!(none.message().starts_with("You did not provide an API key."));
    let wrong = get_with(&stripe, "/v1/charges", &[("Authorization", "Bearer sk_test_wrong")]);
    assert_eq!(
        (wrong.status, wrong.message().as_str()),
        (401, "Invalid API Key provided: sk_test_*********rong")
    );
    // "sk_test_penstock:" in base 64.
    let basic = [("Authorization", "Basic c2tfdGVzdF9wZW5zdG9jazo=")];
    assert_eq!(get_with(&stripe, "/v1/charges", &basic).status, 200);
    stripe.set_key("sk_test_rolled");
    assert_eq!(get(&stripe, "/v1/charges").status, 401);
    stripe.set_key("sk_test_penstock");
    stripe.forbid("/v1/disputes");
    assert_eq!(get(&stripe, "/v1/disputes").status, 403);
    assert_eq!(get(&stripe, "/v1/refunds").status, 200);
    stripe.permit_all();
    assert_eq!(get(&stripe, "/v1/disputes").status, 200);
}

#[test]
fn faults_strike_on_command() {
    let stripe = stripe(19, 200);
    let with = |fault| {
        stripe.faults().next("/v1/charges", fault);
        assert_eq!(get(&stripe, "/v1/refunds").status, 200, "another path is spared");
        get(&stripe, "/v1/charges?limit=3")
    };
    let busy = with(Fault::TooMany(RetryAfter::Seconds(7)));
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("7")));
    let date = with(Fault::TooMany(RetryAfter::Date(20)));
    assert_eq!(date.header("retry-after"), Some("Mon, 21 Sep 2026 14:13:40 GMT"));
    assert_eq!(with(Fault::ServerError).json()["error"]["type"], "api_error");
    let gateway = with(Fault::BadGateway);
    assert_eq!(gateway.status, 502);
    assert!(gateway.body.starts_with("<html>"));
    assert_eq!(with(Fault::Unavailable(RetryAfter::Absent)).status, 503);
    let cut = with(Fault::CutBody);
    assert!(cut.status == 200 && !cut.complete && !cut.body.is_empty());
    let html = with(Fault::Html);
    assert!(html.status == 200 && html.complete && html.body.starts_with("<html>"));
    let truncated = with(Fault::TruncatedJson);
    assert!(truncated.complete && serde_json::from_str::<Value>(&truncated.body).is_err());
    assert!(with(Fault::ErrorInside).json()["error"].is_object());
    let empty = with(Fault::EmptyPage).json();
    assert!(empty["has_more"] == true && empty["data"].as_array().unwrap().is_empty());
    assert_eq!(with(Fault::Unauthorized).status, 401);
    assert_eq!(with(Fault::Forbidden).status, 403);
    assert_eq!(get(&stripe, "/v1/charges").status, 200, "each struck once");
}

#[test]
fn faults_strike_by_count_and_by_chance() {
    let stripe = stripe(20, 10);
    let statuses =
        |n: usize| (0..n).map(|_| get(&stripe, "/v1/charges").status).collect::<Vec<_>>();
    stripe.faults().every(3, "/v1", Fault::ServerError);
    assert_eq!(statuses(6), [200, 200, 500, 200, 200, 500]);
    stripe.faults().clear();
    stripe.faults().at(2, "/v1", Fault::BadGateway);
    assert_eq!(statuses(4), [200, 502, 200, 200]);
    stripe.faults().next_n("/v1", 2, Fault::ServerError);
    stripe.faults().next("/v1", Fault::BadGateway);
    assert_eq!(statuses(4), [500, 500, 502, 200]);
    stripe.faults().random(1, 500, "/v1", &[Fault::ServerError]);
    let once = statuses(40);
    stripe.faults().clear();
    stripe.faults().random(1, 500, "/v1", &[Fault::ServerError]);
    assert_eq!(statuses(40), once, "the same seed strikes the same");
    assert!(once.contains(&200) && once.contains(&500));
}

#[test]
fn a_hanging_request_ends_with_the_simulator() {
    let stripe = stripe(21, 10);
    stripe.faults().next("/", Fault::Hang);
    let address = stripe.address();
    let (arrived, waiting) = mpsc::channel();
    stripe.on_request(1, move || arrived.send(()).unwrap());
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /v1/charges HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap_or_default();
        rest.len()
    });
    waiting.recv().unwrap();
    drop(stripe);
    assert_eq!(client.join().unwrap(), 0, "never a byte");
}

#[test]
fn requests_are_logged_and_hooked() {
    let stripe = stripe(22, 50);
    let (tell, told) = mpsc::channel();
    stripe.on_request(2, move || tell.send("second").unwrap());
    get(&stripe, "/v1/charges?limit=1");
    assert!(told.try_recv().is_err());
    get_with(
        &stripe,
        "/v1/events/evt_1",
        &[("Stripe-Version", "2020-08-27"), ("User-Agent", "penstock")],
    );
    assert_eq!(told.try_recv(), Ok("second"));
    let log = stripe.requests();
    assert_eq!(
        (log[0].path.as_str(), log[0].query.as_str(), log[0].status),
        ("/v1/charges", "limit=1", 200)
    );
    assert_eq!((log[1].number, log[1].status, log[1].authorized), (2, 401, false));
    assert_eq!(log[1].user_agent.as_deref(), Some("penstock"));
    assert_eq!(stripe.requests_to("/v1/events").len(), 1);
    assert!(!get(&stripe, "/_sim/ledger").json()["USD"]["net"].as_str().unwrap().is_empty());
    assert!(!get(&stripe, "/_sim/change?n=3").json().as_array().unwrap().is_empty());
    assert_eq!(stripe.requests().len(), 2, "control requests are not counted");
}
