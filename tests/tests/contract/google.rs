//! Google's own SDK as an oracle: each request of ours is one that it builds too, from Google's
//! discovery document.

use std::time::Duration;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{Checkpoint, Next, Paging, Position, Reply, Request};
use penstock_domain::source::gcal::GoogleCalendar;
use penstock_domain::source::{Channel, NewChannel, Push as _, Source as _};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::vendors::ask;

const CALENDAR: &str = "team#1@group.calendar.google.com";
const EVENT: &str = "_60q30c1g60o30e1i60o4ac1g60rj8gpl88rj2c1h84s34h9g60s30c1g60o30c1g";

/// A request as the SDK builds it.
#[derive(Debug, Deserialize)]
struct Built {
    #[serde(default)]
    method: String,
    /// Decoded, without the version.
    #[serde(default)]
    path: String,
    /// Decoded and sorted, without the key.
    #[serde(default)]
    query: Vec<(String, String)>,
    /// The document has no such parameter, or lacks one that it requires.
    refused: Option<String>,
    /// The parameters that Google forbids beside a sync token.
    excluded: Vec<String>,
}

fn paging() -> Paging {
    Paging {
        page_size: 250,
        window: Duration::ZERO,
        side_by_side: 1,
        part: Some(CALENDAR.to_owned()),
        version: None,
    }
}

/// The requests of two pages of a full run, and of two of the incremental run after it.
fn lists() -> Vec<Request> {
    let (paging, now) = (paging(), SystemClock.now());
    let entity = GoogleCalendar.entities(Mode::Full)[0];
    let mut requests = Vec::new();
    let mut cursor = None;
    for mode in [Mode::Full, Mode::Incremental] {
        let checkpoint = Checkpoint { watermark: None, token: cursor.as_deref() };
        let first = GoogleCalendar.begin(mode, checkpoint, now, &paging).position.unwrap();
        let page = |position: &Position, body: &'static str| {
            let reply = Reply { as_of: now, body: body.as_bytes() };
            GoogleCalendar.page(entity, mode, RunId::new(now), position, reply, &paging).unwrap()
        };
        let next = page(&first, r#"{"kind":"calendar#events","nextPageToken":"p2="}"#).next;
        let Next::Continue(second) = next else { panic!("another page follows: {next:?}") };
        requests
            .extend([&first, &second].map(|at| GoogleCalendar.request(entity, mode, at, &paging)));
        let next = page(&second, r#"{"kind":"calendar#events","nextSyncToken":"s1=="}"#).next;
        let Next::Drained { cursor: last } = next else { panic!("the last page: {next:?}") };
        cursor = last;
    }
    requests
}

/// The request for the oracle. Our query becomes the method's parameters as it is.
fn asked(method: &str, path: Value, request: &Request) -> Value {
    let mut parameters: Map<String, Value> = path.as_object().unwrap().clone();
    parameters.extend(request.query.iter().map(|(name, value)| {
        // The SDK takes a boolean as Python's own. As text, "false" would be true.
        let value = value.parse::<bool>().map_or_else(|_| json!(value), Value::from);
        ((*name).to_owned(), value)
    }));
    if let Some(body) = &request.body {
        parameters.insert("body".to_owned(), serde_json::from_str(body).unwrap());
    }
    json!({"vendor": "google", "method": method, "parameters": parameters})
}

#[tokio::test]
async fn googles_own_sdk_builds_each_request_that_we_send_to_the_calendar() {
    let calendar = || json!({"calendarId": CALENDAR});
    let channel = Channel {
        id: "channel-1".to_owned(),
        resource_id: "resource-1".to_owned(),
        expires_at: SystemClock.now(),
    };
    let new = NewChannel {
        id: &channel.id,
        token: "a token",
        address: "https://hooks.example.com/webhooks/gcal",
        lasting: Duration::from_secs(604_800),
    };
    let entity = GoogleCalendar.entities(Mode::Full)[0];
    let one = GoogleCalendar.object_request(entity, EVENT, &paging());
    let mut cases: Vec<_> =
        lists().into_iter().map(|list| ("events.list", calendar(), list)).collect();
    assert_eq!(cases.len(), 4);
    cases.push(("events.get", json!({"calendarId": CALENDAR, "eventId": EVENT}), one));
    let open = GoogleCalendar.open(entity, new, &paging());
    cases.push(("events.watch", calendar(), open));
    cases.push(("channels.stop", json!({}), GoogleCalendar.close(&channel)));

    let questions =
        cases.iter().map(|(method, path, request)| asked(method, path.clone(), request));
    let built: Vec<Built> = ask(&questions.collect::<Vec<_>>()).await;
    assert_eq!(built.len(), cases.len());
    for ((method, _, request), built) in cases.iter().zip(built) {
        assert_eq!(built.refused, None, "{method}");
        assert_eq!(built.method, if request.body.is_some() { "POST" } else { "GET" }, "{method}");
        let path = percent_decode_str(&request.path).decode_utf8().unwrap();
        assert_eq!(built.path, path, "{method}");
        let mut query: Vec<(String, String)> =
            request.query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        query.sort();
        assert_eq!(built.query, query, "{method}");
        assert!(built.excluded.iter().any(|name| name == "timeMin"), "{:?}", built.excluded);
        let forbidden = query.iter().find(|(name, _)| built.excluded.contains(name));
        assert_eq!(forbidden, None, "beside a sync token: {method}");
    }
}

#[tokio::test]
async fn googles_own_sdk_refuses_a_parameter_that_the_calendar_does_not_have() {
    let mut list = lists().remove(0);
    list.query.push(("updatedSince", "2026-01-01T00:00:00Z".to_owned()));
    let path = json!({"calendarId": CALENDAR});
    let built: Vec<Built> = ask(&[asked("events.list", path, &list)]).await;
    assert!(built[0].refused.as_deref().unwrap().contains("updatedSince"), "{built:?}");
}
