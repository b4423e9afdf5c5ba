//! Requests of our own clients: leads and product events.

use serde_json::{Value, json};

use super::{Found, Function, Kind, row};

pub use penstock_tests::test_app::INGEST_KEY;

const LEAD: Kind = Kind {
    name: "",
    share: 0,
    function: Function::Ingest,
    path: "/leads",
    repeatable: true,
    kept: &[200, 201, 202],
    refused: &[],
    make: |_, _| Default::default(),
    finds: |_, _| Vec::new(),
};

const OLDER_LEAD: Kind = Kind { path: "/api/lead", ..LEAD };

const EVENT: Kind = Kind { path: "/events", kept: &[202], ..LEAD };

pub static KINDS: &[Kind] = &[
    Kind {
        name: "lead without a key",
        share: 9,
        repeatable: false,
        make: |n, _| with_key(lead(n, "lead"), None),
        finds: |n, payload| accepted(n, payload),
        ..LEAD
    },
    Kind {
        name: "lead",
        share: 10,
        make: |n, _| with_key(lead(n, "lead"), Some(format!("lead-{n}"))),
        finds: |n, payload| accepted(n, payload),
        ..LEAD
    },
    // Some of these share an Idempotency-Key: the first is the lead, and all are kept (trap 29).
    Kind {
        name: "lead under a key in use",
        share: 6,
        kept: &[200, 201, 202, 422],
        make: |n, _| with_key(lead(n, &shared_key(n)), Some(shared_key(n))),
        finds: |n, payload| {
            row(payload, "leads * * *".to_owned(), &[format!("lead * {n}@a.example")])
        },
        ..LEAD
    },
    // The body is its key.
    Kind {
        name: "older lead",
        share: 6,
        kept: &[201, 202, 409],
        make: |n, _| with_key(format!("name=Ada+L&email={n}%40a.example").into_bytes(), None),
        finds: |n, payload| accepted(n, payload),
        ..OLDER_LEAD
    },
    Kind {
        name: "unreadable older lead",
        share: 3,
        kept: &[400],
        make: |n, _| {
            with_key([b"\xff\x00 no lead ".as_slice(), n.to_string().as_bytes()].concat(), None)
        },
        finds: |_, payload| {
            row(payload, "leads rejected_lead * *".to_owned(), &["lead rejected -".to_owned()])
        },
        ..OLDER_LEAD
    },
    Kind {
        name: "event",
        share: 8,
        make: |n, _| with_key(event(n, 0, true).into_bytes(), None),
        finds: |n, payload| taken(n, 0, payload, true),
        ..EVENT
    },
    Kind {
        name: "event without an id",
        share: 3,
        repeatable: false,
        make: |n, _| with_key(event(n, 0, false).into_bytes(), None),
        finds: |n, payload| taken(n, 0, payload, false),
        ..EVENT
    },
    Kind {
        name: "events, one of them bad",
        share: 3,
        make: |n, _| {
            let (first, bad, second) = (event(n, 0, true), r#"{"payload":{}}"#, event(n, 1, true));
            with_key(format!("[{first}, {bad},\n{second}]").into_bytes(), None)
        },
        finds: |n, _| {
            (0..2)
                .flat_map(|place| taken(n, place, event(n, place, true).into_bytes(), true))
                .collect()
        },
        ..EVENT
    },
    Kind {
        name: "events under a key",
        share: 3,
        make: |n, _| {
            let events: Vec<String> = (0..3).map(|place| event(n, place, false)).collect();
            with_key(format!("[{}]", events.join(",")).into_bytes(), Some(format!("events-{n}")))
        },
        finds: |n, _| {
            (0..3)
                .flat_map(|place| taken(n, place, event(n, place, false).into_bytes(), false))
                .collect()
        },
        ..EVENT
    },
];

fn with_key(body: Vec<u8>, key: Option<String>) -> (Vec<u8>, Value) {
    let mut headers = json!({"X-Api-Key": INGEST_KEY, "content-type": "application/json"});
    headers
        .as_object_mut()
        .unwrap()
        .extend(key.map(|key| ("Idempotency-Key".to_owned(), json!(key))));
    (body, headers)
}

fn lead(n: usize, name: &str) -> Vec<u8> {
    format!("{{ \"name\": \"{name}\", \"email\":\"{n}@a.example\",\n \"x\": 1e400, \"y\": \"\\u0000\" }}").into_bytes()
}

fn shared_key(n: usize) -> String {
    format!("shared-{}", n / 50)
}

fn accepted(n: usize, payload: Vec<u8>) -> Vec<Found> {
    row(payload, "leads lead * *".to_owned(), &[format!("lead accepted {n}@a.example")])
}

fn event(n: usize, place: usize, with_id: bool) -> String {
    let id = if with_id { format!("\"eventId\":\"e-{n}-{place}\", ") } else { String::new() };
    format!(
        "{{ {id}\"userId\":\"u-{n}-{place}\", \"type\":\"seen\",\n \"sessionId\":\"s\", \"payload\":[1e400, \"\\u0000\"] }}"
    )
}

fn taken(n: usize, place: usize, payload: Vec<u8>, with_id: bool) -> Vec<Found> {
    let id = if with_id { format!("e-{n}-{place}") } else { "*".to_owned() };
    // An id of the sender's own is known by the name of its key.
    let version = if with_id { "from:load" } else { "1" };
    row(
        payload,
        format!("events event {id} {version}"),
        &[format!("event {id} u-{n}-{place} seen")],
    )
}
