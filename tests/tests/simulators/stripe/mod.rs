//! The promises of the simulated Stripe to the tests that use it.

mod account;
mod events;
mod example;
mod lists;
mod trouble;

use std::io::{Read, Write};
use std::net::TcpStream;

use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};
use serde_json::Value;

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

/// Returns an account of 60 days, with its clock stopped at their end.
fn spec(seed: u64, charges: u32) -> AccountSpec {
    AccountSpec::between(seed, charges, NOW - 60 * DAY, NOW).at(NOW)
}

fn stripe(seed: u64, charges: u32) -> StripeSimulator {
    StripeSimulator::start(StripeAccount::new(spec(seed, charges))).unwrap()
}

struct Answer {
    status: u16,
    head: String,
    body: String,
    complete: bool,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// Sends one GET over a connection of its own, by hand, so that no client changes the bytes.
fn get_with(stripe: &StripeSimulator, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(stripe.address()).unwrap();
    let mut request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let mut answer =
        Answer { status, head: head.to_owned(), body: body.to_owned(), complete: end.is_ok() };
    let length: usize = answer.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    answer.complete &= answer.body.len() == length;
    answer
}

fn get(stripe: &StripeSimulator, target: &str) -> Answer {
    get_with(stripe, target, &[("Authorization", "Bearer sk_test_penstock")])
}

/// Every object of a list, page by page.
fn walk(stripe: &StripeSimulator, path: &str, parameters: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all.last().map_or(String::new(), |last| {
            format!("&starting_after={}", last["id"].as_str().unwrap())
        });
        let answer = get(stripe, &format!("{path}?limit=100{parameters}{after}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page = answer.json();
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            return all;
        }
    }
}

fn ids(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|o| o["id"].as_str().unwrap()).collect()
}
