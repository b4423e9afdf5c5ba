//! Webhooks of Stripe.

use penstock_tests::simulators::stripe::sign;
use penstock_tests::test_app::WEBHOOK_SECRET;
use serde_json::{Value, json};

use super::{Found, Function, Kind, row};

const EVENT: Kind = Kind {
    name: "",
    share: 0,
    function: Function::Webhook,
    path: "/webhooks/stripe",
    repeatable: true,
    kept: &[200, 202],
    refused: &[],
    make: |_, _| Default::default(),
    finds: |_, _| Vec::new(),
};

pub static KINDS: &[Kind] = &[
    Kind {
        name: "charge",
        share: 24,
        make: |n, at| {
            signed(
                event(n, "charge", "\"status\":\"succeeded\",\"captured\":true"),
                WEBHOOK_SECRET,
                at,
            )
        },
        finds: |n, payload| payment(n, payload, "charge", "collected"),
        ..EVENT
    },
    Kind {
        name: "refund",
        share: 10,
        make: |n, at| {
            signed(
                event(n, "refund", "\"status\":\"succeeded\",\"reason\":null"),
                WEBHOOK_SECRET,
                at,
            )
        },
        finds: |n, payload| payment(n, payload, "refund", "refunded"),
        ..EVENT
    },
    Kind {
        name: "dispute",
        share: 6,
        make: |n, at| signed(event(n, "dispute", "\"status\":\"lost\""), WEBHOOK_SECRET, at),
        finds: |n, payload| payment(n, payload, "dispute", "disputed"),
        ..EVENT
    },
    Kind {
        name: "customer",
        share: 3,
        make: |n, at| signed(event(n, "customer", "\"name\":\"\u{fc}\""), WEBHOOK_SECRET, at),
        finds: |n, payload| row(payload, format!("stripe customer customer_{n} evt_{n}"), &[]),
        ..EVENT
    },
    Kind {
        name: "garbled",
        share: 3,
        make: |n, at| {
            signed(
                [b"\x00\xff no json ".as_slice(), n.to_string().as_bytes()].concat(),
                WEBHOOK_SECRET,
                at,
            )
        },
        finds: |_, payload| {
            row(payload, "stripe unknown * *".to_owned(), &["letter malformed".to_owned()])
        },
        ..EVENT
    },
    Kind {
        name: "forged",
        share: 3,
        kept: &[],
        refused: &[400],
        make: |n, at| {
            signed(event(n, "charge", "\"status\":\"succeeded\""), "whsec_of_somebody_else", at)
        },
        ..EVENT
    },
];

/// An event about an object of its own.
fn event(n: usize, object: &str, more: &str) -> Vec<u8> {
    let body = format!(
        "{{\n \"id\":\"evt_{n}\",\"object\":\"event\",\"api_version\":\"2026-10-28.endive\",\"created\":1780272000, \
         \"type\":\"{object}.updated\",\n \"data\": {{\"object\": {{\"id\":\"{object}_{n}\",\"object\":\"{object}\", \
         \"amount\":{n},\"currency\":\"usd\",\"created\":1780272000, {more}}} }}}}"
    );
    body.into_bytes()
}

fn signed(body: Vec<u8>, secret: &str, at: i64) -> (Vec<u8>, Value) {
    let header = sign(&[secret], at, &body);
    (body, json!({"Stripe-Signature": header}))
}

fn payment(n: usize, payload: Vec<u8>, kind: &str, status: &str) -> Vec<Found> {
    row(
        payload,
        format!("stripe {kind} {kind}_{n} evt_{n}"),
        &[format!("payment {kind}_{n} {n} {status}")],
    )
}
