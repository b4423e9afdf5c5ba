//! Paging as a property: whatever a history looks like, a run sees all of it, once, and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{Checkpoint, Next, Paging, Position, Reply, Request};
use penstock_domain::source::Source;
use penstock_domain::source::stripe::Stripe;
use proptest::prelude::*;

const NOW: i64 = 1_780_272_000;

/// A list by the rules of Stripe's documentation, over `(created, id)` newest first.
fn list(history: &[(i64, String)], request: &Request) -> String {
    let query: BTreeMap<&str, &str> = request.query.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let number = |key: &str| query.get(key).map(|v| v.parse::<i64>().unwrap());
    let limit = usize::try_from(number("limit").unwrap()).unwrap();
    let within = |created: i64| {
        number("created[gte]").is_none_or(|from| created >= from)
            && number("created[lt]").is_none_or(|to| created < to)
    };
    let after = query
        .get("starting_after")
        .map_or(0, |id| history.iter().position(|(_, i)| i == id).unwrap() + 1);
    let matching: Vec<_> =
        history[after..].iter().filter(|(created, _)| within(*created)).collect();
    let object = |(created, id): &&(i64, String)| {
        format!(r#"{{"id":"{id}","object":"charge","created":{created}}}"#)
    };
    let data: Vec<String> = matching.iter().take(limit).map(object).collect();
    format!(
        r#"{{"object":"list","has_more":{},"data":[{}]}}"#,
        matching.len() > limit,
        data.join(",")
    )
}

/// Runs to the end, `pick` saying at which of the places it goes on; the ids seen, and the number
/// of requests.
fn run(
    history: &[(i64, String)],
    paging: &Paging,
    mut pick: impl FnMut(usize) -> usize,
) -> (Vec<String>, usize) {
    let now = Timestamp::from_second(NOW).unwrap();
    let mut places: Vec<Position> =
        vec![Stripe.begin(Mode::Full, Checkpoint::default(), now, paging).position.unwrap()];
    let (mut seen, mut requests) = (Vec::new(), 0);
    while !places.is_empty() {
        requests += 1;
        assert!(requests < 10_000, "the run does not end");
        let position = places.remove(pick(places.len()));
        let body = list(history, &Stripe.request("charge", Mode::Full, &position, paging));
        let reply = Reply { as_of: now, body: body.as_bytes() };
        let page =
            Stripe.page("charge", Mode::Full, RunId::new(now), &position, reply, paging).unwrap();
        seen.extend(page.items.into_iter().map(|item| item.external_id));
        match page.next {
            Next::Continue(next) => places.push(next),
            Next::Fork { window, rest } => places.extend([window, rest]),
            Next::Drained { .. } => {}
            Next::Incomplete { reason } => panic!("{reason}"),
        }
    }
    (seen, requests)
}

proptest! {
    #[test]
    fn a_full_run_sees_every_object_exactly_once_and_ends_in_whatever_order_its_windows_are_paged(
        ages in proptest::collection::vec(prop_oneof![0..100i64, 0..10_000_000i64, 0..500_000_000i64], 0..120),
        page_size in 1u32..=100,
        days in 1u64..400,
        order in proptest::collection::vec(any::<usize>(), 1..40),
    ) {
        let mut history: Vec<(i64, String)> = ages.iter().enumerate().map(|(i, age)| (NOW - age, format!("ch_{i:03}"))).collect();
        history.sort_by(|a, b| b.cmp(a));
        let paging = Paging { page_size, window: Duration::from_secs(days * 86_400), side_by_side: 4, part: None, version: None };
        let mut order = order.iter().cycle();
        let (mut seen, requests) = run(&history, &paging, |places| order.next().unwrap() % places);
        seen.sort();
        let mut expected: Vec<String> = history.iter().map(|(_, id)| id.clone()).collect();
        expected.sort();
        prop_assert_eq!(seen, expected);
        // At most: a page each, a look for each window, and a last one that finds nothing.
        prop_assert!(requests <= 2 * ages.len() + 1, "{} requests for {} objects", requests, ages.len());
    }
}
