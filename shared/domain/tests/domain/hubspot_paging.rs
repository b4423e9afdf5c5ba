//! HubSpot's pages as a property: whatever times objects share, however far the index is behind and
//! however it sorts, a run sees each object and ends.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{
    Checkpoint, EMPTY_PAGES, Next, PageError, Paging, Position, Progress, Reply,
};
use penstock_domain::source::Source;
use penstock_domain::source::hubspot::{DEEP_OVERLAP, HubSpot, OVERLAP, SAFETY_LAG};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_780_272_000_000;

/// The end of the window of a run at [`NOW_MS`].
const TO_MS: i64 = NOW_MS - 60_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn paging(page_size: u32) -> Paging {
    Paging { page_size, window: Duration::ZERO, side_by_side: 1, part: None, version: None }
}

/// An object as the index has it, and as a page shows it.
#[derive(Debug, Clone)]
struct Indexed {
    /// The modified time that filters compare.
    modified: i64,
    /// The modified time that the object carries: later, where the index is behind.
    shown: i64,
    id: u64,
    /// Whether a page leaves it out, as an object that was deleted since.
    hidden: bool,
}

impl Indexed {
    fn at(modified: i64, id: u64) -> Self {
        Self { modified, shown: modified, id, hidden: false }
    }
}

/// How a search sorts ids, and the objects that share a time.
#[derive(Debug, Clone, Copy)]
enum Order {
    Number,
    /// 10 comes before 9.
    Text,
    /// Ids by number, and among objects that share a time the largest first.
    LargestFirst,
    /// The sort is not heeded at all.
    None,
}

/// A search by the rules of the documentation.
fn search(objects: &[Indexed], order: Order, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["sorts"].as_array().unwrap().len(), 1, "one sort is all that HubSpot takes");
    let by_id = body["sorts"][0]["propertyName"] == "hs_object_id";
    let passes = |object: &&Indexed| {
        body["filterGroups"][0]["filters"].as_array().unwrap().iter().all(|filter| {
            let wanted: i64 = filter["value"].as_str().unwrap().parse().unwrap();
            let own = match filter["propertyName"].as_str().unwrap() {
                "hs_object_id" => i64::try_from(object.id).unwrap(),
                "lastmodifieddate" => object.modified,
                other => panic!("contacts are not searched by {other}"),
            };
            match filter["operator"].as_str().unwrap() {
                "GTE" => own >= wanted,
                "LTE" => own <= wanted,
                "LT" => own < wanted,
                "GT" => own > wanted,
                other => panic!("{other}"),
            }
        })
    };
    let mut found: Vec<&Indexed> = objects.iter().filter(passes).collect();
    found.sort_by_key(|object| {
        let id = i128::from(object.id);
        let (number, text) = match order {
            Order::Number => (id, String::new()),
            Order::Text => (0, object.id.to_string()),
            Order::LargestFirst => (if by_id { id } else { -id }, String::new()),
            Order::None => (id * 7_919 % 1_009, String::new()),
        };
        let time = if by_id || matches!(order, Order::None) { 0 } else { object.modified };
        (time, number, text)
    });
    let total = found.len();
    let limit = usize::try_from(body["limit"].as_u64().unwrap()).unwrap();
    let after: usize = body["after"].as_str().map_or(0, |after| after.parse().unwrap());
    assert!(after + limit <= 10_000, "HubSpot answers 400 past 10,000 results");
    let object = |object: &&Indexed| json!({"id": object.id.to_string(), "properties": {"lastmodifieddate": at(object.shown).to_string()}});
    let page = found.iter().skip(after).take(limit);
    let results: Vec<Value> = page.filter(|object| !object.hidden).map(object).collect();
    let mut reply = json!({"total": total, "results": results});
    if total > after + limit {
        // A number, as some servers send it, as well as the text of the documentation.
        let after = after + limit;
        let after = if after.is_multiple_of(2) { json!(after.to_string()) } else { json!(after) };
        reply["paging"] = json!({"next": {"after": after}});
    }
    reply.to_string()
}

fn begun(watermark: i64) -> Position {
    let (now, checkpoint) = (at(NOW_MS), Checkpoint::at(Some(at(watermark))));
    let begun = HubSpot.begin(Mode::Incremental, checkpoint, now, &paging(1));
    assert_eq!(begun.backfill, None);
    begun.position.unwrap()
}

/// Runs to the end; ids with their version keys, and the number of requests.
fn run(
    objects: &[Indexed],
    order: Order,
    mut position: Position,
    page_size: u32,
) -> (BTreeSet<(u64, String)>, usize) {
    let (now, paging) = (at(NOW_MS), paging(page_size));
    let (mut seen, mut requests) = (BTreeSet::new(), 0);
    let mut progress = Progress::default();
    loop {
        requests += 1;
        assert!(requests < 20_000, "the run does not end");
        let request = HubSpot.request("contact", Mode::Incremental, &position, &paging);
        assert_eq!(request.query.len(), 0);
        let body = search(objects, order, request.body.as_deref().unwrap());
        let reply = Reply { as_of: now, body: body.as_bytes() };
        let run = RunId::new(now);
        let page =
            HubSpot.page("contact", Mode::Incremental, run, &position, reply, &paging).unwrap();
        assert_eq!(progress.note(&position, &page), Ok(()), "{position:?}");
        seen.extend(
            page.items
                .into_iter()
                .map(|item| (item.external_id.parse().unwrap(), item.version_key)),
        );
        match page.next {
            Next::Continue(next) => position = next,
            Next::Drained { .. } => return (seen, requests),
            other => panic!("a search is one window: {other:?}"),
        }
    }
}

fn ids(seen: &BTreeSet<(u64, String)>) -> BTreeSet<u64> {
    seen.iter().map(|(id, _)| *id).collect()
}

/// The objects that the index has in the window, and a page shows.
fn due(objects: &[Indexed], from: Timestamp) -> BTreeSet<u64> {
    let window = from.as_millisecond()..TO_MS;
    let due = objects.iter().filter(|o| window.contains(&o.modified) && !o.hidden);
    due.map(|object| object.id).collect()
}

proptest! {
    #[test]
    fn trap_10_a_run_sees_all_that_was_modified_within_its_window_once_each_and_ends(
        ages in proptest::collection::vec(prop_oneof![0..5i64, 0..100_000i64, 0..4_000_000i64], 0..150),
        same in 0usize..80,
        page_size in 1u32..40,
    ) {
        // Many in a few stamps, some alone, and `same` of them all in one.
        let stamps = ages.iter().copied().chain(std::iter::repeat_n(777_000, same));
        let objects: Vec<_> = stamps.enumerate().map(|(i, age)| Indexed::at(NOW_MS - age, i as u64 * 7 + 1)).collect();
        let position = begun(NOW_MS - 3_600_000);
        let due = due(&objects, position.from.unwrap());
        let (seen, requests) = run(&objects, Order::LargestFirst, position, page_size);
        prop_assert_eq!(&ids(&seen), &due);
        prop_assert_eq!(seen.len(), due.len(), "seen twice, an object has one version key");
        let pages = due.len() / usize::try_from(page_size).unwrap() + 1;
        prop_assert!(requests <= 4 * pages + 3 * due.len().min(30) + 4, "{} requests for {} pages", requests, pages);
    }

    #[test]
    fn trap_10_a_run_sees_all_that_the_index_has_in_its_window_however_it_sorts_and_lags(
        objects in proptest::collection::vec(
            (prop_oneof![0..5i64, 0..100_000i64, 0..4_000_000i64], prop_oneof![3 => Just(0), 1 => 0..9_000_000i64], 0u64..3_000, prop_oneof![4 => Just(false), 1 => Just(true)]),
            0..150,
        ),
        same in 0usize..80,
        order in prop_oneof![Just(Order::Number), Just(Order::Text), Just(Order::LargestFirst), Just(Order::None)],
        page_size in 1u32..40,
    ) {
        let same = std::iter::repeat_n((777_000, 0, 1, false), same);
        let objects: Vec<_> = objects.into_iter().chain(same).enumerate().map(|(i, (age, behind, id, hidden))| {
            let modified = NOW_MS - age;
            Indexed { modified, shown: (modified + behind).min(NOW_MS), id: id * 1_000 + i as u64 + 1, hidden }
        }).collect();
        let position = begun(NOW_MS - 3_600_000);
        let due = due(&objects, position.from.unwrap());
        let (seen, requests) = run(&objects, order, position, page_size);
        prop_assert_eq!(ids(&seen), due);
        let found = objects.len() / usize::try_from(page_size).unwrap() + 1;
        prop_assert!(requests <= 60 * found + 10 * objects.len() + 60, "{} requests for {} pages", requests, found);
    }
}

#[test]
fn trap_10_more_than_ten_thousand_rows_on_one_stamp_are_all_seen() {
    for (order, most) in [(Order::Number, 60), (Order::Text, 600)] {
        let objects: Vec<_> = (1..=10_500).map(|id| Indexed::at(NOW_MS - 600_000, id)).collect();
        let (seen, requests) = run(&objects, order, begun(NOW_MS - 900_000), 200);
        assert_eq!(seen.len(), 10_500, "{order:?}");
        assert!(requests < most, "{order:?}: {requests}");
    }
}

#[test]
fn trap_10_pages_whose_objects_all_changed_past_the_window_are_passed_and_lose_nobody() {
    // The index has the old times of 5,000 objects, which an import has changed meanwhile.
    let ago = |id: u64, apart: i64| i64::try_from(id).unwrap() * apart - 900_000;
    let changed = |id| Indexed { shown: NOW_MS - 1_000, ..Indexed::at(NOW_MS + ago(id, 100), id) };
    let mut objects: Vec<_> = (1..=5_000).map(changed).collect();
    objects.extend((5_001..5_400).map(|id| Indexed::at(NOW_MS + ago(id, 10), id)));
    let (seen, requests) = run(&objects, Order::Number, begun(NOW_MS - 900_000), 200);
    assert_eq!(seen.len(), 5_399);
    assert!(requests < 160, "{requests}");
}

#[test]
fn a_run_of_an_older_release_goes_on_within_its_stamp() {
    let objects: Vec<_> = (1..=30).map(|id| Indexed::at(NOW_MS - 600_000, id)).collect();
    let token = Some("id:20".to_owned());
    let position = Position { from: Some(at(NOW_MS - 600_000)), to: at(TO_MS), token };
    let (seen, _) = run(&objects, Order::Number, position, 4);
    assert_eq!(ids(&seen), (21..=30).collect());
}

#[test]
fn trap_07_twice_an_hour_a_run_looks_back_by_two_hours() {
    let mut deep = 0;
    for minute in (0..120).step_by(15) {
        let now = at(NOW_MS + 60_000 * minute);
        let watermark = now - SAFETY_LAG - Duration::from_secs(15 * 60);
        let checkpoint = Checkpoint::at(Some(watermark));
        let begun = HubSpot.begin(Mode::Incremental, checkpoint, now, &paging(1));
        let back = watermark.duration_since(begun.position.unwrap().from.unwrap());
        let back = back.unsigned_abs();
        assert!([OVERLAP, DEEP_OVERLAP].contains(&back), "{back:?}");
        deep += usize::from(back == DEEP_OVERLAP);
    }
    assert_eq!(deep, 4, "in two hours of a run every 15 minutes");
}

fn position(token: Option<&str>) -> Position {
    Position { from: Some(at(NOW_MS - 1_000)), to: at(NOW_MS), token: token.map(str::to_owned) }
}

fn read(mode: Mode, position: &Position, body: &str) -> Result<Next, PageError> {
    let reply = Reply { as_of: at(NOW_MS), body: body.as_bytes() };
    HubSpot
        .page("deal", mode, RunId::new(at(NOW_MS)), position, reply, &paging(1))
        .map(|page| page.next)
}

/// Reads the same body again and again; the error that ends it, and the number of pages.
fn end_of(mode: Mode, token: Option<&str>, body: &str) -> (PageError, u32) {
    let (mut position, mut progress) = (position(token), Progress::default());
    for pages in 1..300 {
        let reply = Reply { as_of: at(NOW_MS), body: body.as_bytes() };
        let page = HubSpot.page("deal", mode, RunId::new(at(NOW_MS)), &position, reply, &paging(1));
        match page.and_then(|page| progress.note(&position, &page).map(|()| page.next)) {
            Ok(Next::Continue(next)) => position = next,
            Ok(other) => panic!("{other:?}"),
            Err(error) => return (error, pages),
        }
    }
    panic!("it never ends: {body}")
}

#[test]
fn trap_16_no_page_makes_an_endless_loop() {
    let promise = r#"{"results":[],"paging":{"next":{"after":"42"}}}"#;
    let timeless = r#"{"results":[{"id":"1","properties":{}}]}"#;
    let again = r#"{"results":[{"id":"7","properties":{}}],"paging":{"next":{"after":"42"}}}"#;
    for (mode, token, body) in [
        (Mode::Full, None, promise),
        (Mode::Incremental, None, promise),
        (Mode::Full, Some("live:42"), again),
        (Mode::Incremental, None, timeless),
        (Mode::Incremental, None, again),
        (Mode::Incremental, Some("id:7"), again),
    ] {
        let (error, _) = end_of(mode, token, body);
        assert!(matches!(error, PageError::Loop(_)), "{mode:?} {token:?}: {error}");
    }
    let inside = r#"{"status":"error","message":"internal error","correlationId":"x","category":"INTERNAL_ERROR"}"#;
    assert!(matches!(read(Mode::Full, &position(None), inside), Err(PageError::ErrorInside(_))));
    let nowhere = r#"{"results":[],"paging":{"next":{"link":"https://api.hubapi.com/x"}}}"#;
    for body in
        ["", "<html>", r#"{"results":[{"id":"1"#, "[]", "{}", r#"{"results":null}"#, nowhere]
    {
        assert!(
            matches!(read(Mode::Full, &position(None), body), Err(PageError::Malformed { .. })),
            "{body}"
        );
    }
}

#[test]
fn trap_16_empty_pages_go_on_by_after_as_text_or_number_and_not_for_ever() {
    for mode in [Mode::Full, Mode::Incremental] {
        let (mut position, mut progress) = (position(None), Progress::default());
        for n in 1..=EMPTY_PAGES + 1 {
            let after = if n.is_multiple_of(2) { format!("{n}") } else { format!("\"{n}\"") };
            let body =
                format!(r#"{{"total":3,"results":[],"paging":{{"next":{{"after":{after}}}}}}}"#);
            let reply = Reply { as_of: at(NOW_MS), body: body.as_bytes() };
            let run = RunId::new(at(NOW_MS));
            let page = HubSpot.page("deal", mode, run, &position, reply, &paging(1)).unwrap();
            assert!(page.doubt.is_some(), "it is asked for once more");
            let noted = progress.note(&position, &page);
            assert_eq!(noted.is_ok(), n <= EMPTY_PAGES, "{mode:?} {n}: {noted:?}");
            let Next::Continue(next) = page.next else { panic!("it goes on") };
            position = next;
            let request = HubSpot.request("deal", mode, &position, &paging(1));
            let sent = match &request.body {
                Some(body) => serde_json::from_str::<Value>(body).unwrap()["after"].clone(),
                None => json!(request.query.iter().find(|(k, _)| *k == "after").unwrap().1),
            };
            assert_eq!(sent, json!(n.to_string()), "{mode:?}");
        }
    }
}

#[test]
fn trap_11_a_full_run_reads_what_is_there_and_then_what_is_archived() {
    let begun = HubSpot
        .begin(Mode::Full, Checkpoint::default(), at(NOW_MS), &paging(200))
        .position
        .unwrap();
    let asked = |position: &Position| {
        let request = HubSpot.request("deal", Mode::Full, position, &paging(200));
        let get = |key: &str| request.query.iter().find(|(k, _)| *k == key).map(|(_, v)| v.clone());
        assert_eq!(request.path, "/crm/objects/2026-09/deals");
        assert_eq!(get("limit").as_deref(), Some("100"), "a list gives no more");
        (get("archived").unwrap(), get("after"))
    };
    let step = |position: &Position, body: &str| match read(Mode::Full, position, body).unwrap() {
        Next::Continue(next) => next,
        other => panic!("there is more: {other:?}"),
    };
    let more = r#"{"results":[{"id":"1"}],"paging":{"next":{"after":"42","link":"…"}}}"#;
    let last = r#"{"results":[{"id":"1"}]}"#;
    assert_eq!(asked(&begun), ("false".to_owned(), None));
    let second = step(&begun, more);
    assert_eq!(asked(&second), ("false".to_owned(), Some("42".to_owned())));
    let archived = step(&second, last);
    assert_eq!(asked(&archived), ("true".to_owned(), None));
    let archived = step(&archived, more);
    assert_eq!(asked(&archived), ("true".to_owned(), Some("42".to_owned())));
    assert!(matches!(read(Mode::Full, &archived, last), Ok(Next::Drained { cursor: None })));
}
