//! HubSpot as a property: whatever times objects share, an incremental run sees each of them and
//! ends; and its recorded payloads come to what they say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "to fail is to panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::contact::Contact;
use penstock_domain::facts::Facts;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::paging::{Checkpoint, ErrorClass, Next, PageError, Paging, Position, Reply};
use penstock_domain::payment::{Payment, Status};
use penstock_domain::record::{RowView, vanished};
use penstock_domain::source::hubspot::{HubSpot, SAFETY_LAG};
use penstock_domain::source::{OwnAccount, Source};
use penstock_domain::version::Stamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_780_272_000_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn paging(page_size: u32) -> Paging {
    Paging { page_size, window: Duration::ZERO, side_by_side: 1, part: None, version: None }
}

/// A search by the rules of the documentation, over `(modified, id)`; ties of what is sorted come
/// largest id first.
fn search(objects: &[(i64, u64)], body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    assert!(body.get("after").is_none(), "no offset is ever asked for");
    assert_eq!(body["sorts"].as_array().unwrap().len(), 1, "one sort is all that HubSpot takes");
    let by_id = body["sorts"][0]["propertyName"] == "hs_object_id";
    let passes = |(modified, id): &(i64, u64)| {
        body["filterGroups"][0]["filters"].as_array().unwrap().iter().all(|filter| {
            let wanted: i64 = filter["value"].as_str().unwrap().parse().unwrap();
            let own = match filter["propertyName"].as_str().unwrap() {
                "hs_object_id" => i64::try_from(*id).unwrap(),
                "lastmodifieddate" => *modified,
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
    let mut found: Vec<_> = objects.iter().filter(|object| passes(object)).collect();
    found.sort_by_key(
        |(modified, id)| if by_id { (0, i128::from(*id)) } else { (*modified, -i128::from(*id)) },
    );
    let total = found.len();
    let limit = usize::try_from(body["limit"].as_u64().unwrap()).unwrap();
    let object = |(modified, id): &&(i64, u64)| json!({"id": id.to_string(), "properties": {"lastmodifieddate": at(*modified).to_string()}});
    let results: Vec<Value> = found.iter().take(limit).map(object).collect();
    let mut reply = json!({"total": total, "results": results});
    if total > limit {
        reply["paging"] = json!({"next": {"after": limit.to_string()}});
    }
    reply.to_string()
}

/// Runs to the end; ids with their version keys, and the number of requests.
fn run(objects: &[(i64, u64)], watermark: i64, page_size: u32) -> (BTreeSet<(u64, String)>, usize) {
    let (now, paging) = (at(NOW_MS), paging(page_size));
    let begun = HubSpot.begin(Mode::Incremental, Checkpoint::at(Some(at(watermark))), now, &paging);
    assert_eq!(begun.backfill, None);
    let mut position = begun.position.unwrap();
    let (mut seen, mut requests) = (BTreeSet::new(), 0);
    loop {
        requests += 1;
        assert!(requests < 5_000, "the run does not end");
        let request = HubSpot.request("contact", Mode::Incremental, &position, &paging);
        assert_eq!(
            (request.path.as_str(), request.query.len()),
            ("/crm/objects/2026-09/contacts/search", 0)
        );
        let body = search(objects, request.body.as_deref().unwrap());
        let reply = Reply { as_of: now, body: body.as_bytes() };
        let page = HubSpot
            .page("contact", Mode::Incremental, RunId::new(now), &position, reply, &paging)
            .unwrap();
        seen.extend(
            page.items
                .into_iter()
                .map(|item| (item.external_id.parse().unwrap(), item.version_key)),
        );
        match page.next {
            Next::Continue(next) => position = next,
            Next::Drained { .. } => return (seen, requests),
            Next::Fork { .. } => panic!("a search is one window"),
        }
    }
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
        let objects: Vec<(i64, u64)> = stamps.enumerate().map(|(i, age)| (NOW_MS - age, i as u64 * 7 + 1)).collect();
        let (seen, requests) = run(&objects, NOW_MS - 3_600_000, page_size);
        let lag = i64::try_from(SAFETY_LAG.as_millis()).unwrap();
        let (from, to) = (NOW_MS - 3_600_000 - 600_000, NOW_MS - lag);
        let due: BTreeSet<u64> = objects.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, id)| *id).collect();
        let ids: BTreeSet<u64> = seen.iter().map(|(id, _)| *id).collect();
        prop_assert_eq!(&ids, &due);
        prop_assert_eq!(seen.len(), ids.len(), "seen twice, an object has one version key");
        let pages = due.len() / usize::try_from(page_size).unwrap() + 1;
        prop_assert!(requests <= 4 * pages + 3 * due.len().min(30) + 4, "{} requests for {} pages", requests, pages);
    }
}

#[test]
fn trap_10_more_than_ten_thousand_rows_on_one_stamp_are_all_seen() {
    let objects: Vec<(i64, u64)> = (1..=10_500).map(|id| (NOW_MS - 600_000, id)).collect();
    let (seen, requests) = run(&objects, NOW_MS - 900_000, 200);
    assert_eq!(seen.len(), 10_500);
    assert!(requests < 60, "{requests}");
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
        (Mode::Incremental, Some("id:7"), again),
    ] {
        let error = read(mode, &position(token), body).unwrap_err();
        assert!(matches!(error, PageError::Loop(_)), "{mode:?} {token:?}: {error}");
    }
    let inside = r#"{"status":"error","message":"internal error","correlationId":"x","category":"INTERNAL_ERROR"}"#;
    assert!(matches!(read(Mode::Full, &position(None), inside), Err(PageError::ErrorInside(_))));
    for body in ["", "<html>", r#"{"results":[{"id":"1"#, "[]", "{}", r#"{"results":null}"#] {
        assert!(
            matches!(read(Mode::Full, &position(None), body), Err(PageError::Malformed { .. })),
            "{body}"
        );
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
        Next::Drained { .. } | Next::Fork { .. } => panic!("there is more"),
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

#[test]
fn trap_14_each_limit_has_its_own_verdict() {
    let body = |policy: &str| {
        format!(
            r#"{{"status":"error","message":"You have reached your limit.","errorType":"RATE_LIMIT","policyName":"{policy}"}}"#
        )
    };
    let verdict = |policy: &str| HubSpot.error_class(Mode::Full, 429, body(policy).as_bytes());
    assert_eq!(verdict("SECONDLY"), Some(ErrorClass::RateLimited(Duration::from_secs(1))));
    assert_eq!(
        verdict("TEN_SECONDLY_ROLLING"),
        Some(ErrorClass::RateLimited(Duration::from_secs(10)))
    );
    let reason = "RATE_LIMIT: DAILY: You have reached your limit.";
    assert_eq!(verdict("DAILY"), Some(ErrorClass::QuotaExhausted(reason.to_owned())));
    assert_eq!(verdict("ANOTHER"), None);
    assert_eq!(HubSpot.error_class(Mode::Full, 429, b"<html>"), None);
    // A lock of two seconds, and a portal that moves house: both pass, and no person has to see to
    // them.
    assert_eq!(
        HubSpot.error_class(Mode::Full, 423, b""),
        Some(ErrorClass::RateLimited(Duration::from_secs(2)))
    );
    assert_eq!(
        HubSpot.error_class(Mode::Full, 477, b""),
        Some(ErrorClass::RateLimited(Duration::from_secs(60)))
    );
    let missing = br#"{"status":"error","message":"resource not found","correlationId":"x"}"#;
    assert_eq!(HubSpot.error_class(Mode::Refetch, 404, missing), Some(ErrorClass::Gone));
    assert_eq!(HubSpot.error_class(Mode::Full, 404, missing), None);
    assert_eq!(
        HubSpot.error_class(Mode::Refetch, 404, b"<html>"),
        None,
        "a base URL that is wrong deletes nothing"
    );
}

/// Reads a row as facts of one kind: the one that `pick` takes out of them.
fn normalized<T>(
    (entity, id): (&str, &str),
    payload: &[u8],
    version_at: Timestamp,
    pick: impl FnOnce(&mut Facts<'_>) -> Vec<T>,
) -> Result<Vec<T>, String> {
    let (id_of_row, source) = (OutboxId::new(at(NOW_MS)), "hubspot");
    let own = OwnAccount::default();
    let row = RowView { id: id_of_row, source, entity, external_id: id, version_at, payload, own };
    let normalizer =
        HubSpot.normalizer(&[("HUBSPOT_CURRENCY", "EUR")].into_iter().collect()).unwrap();
    let mut facts = normalizer.normalize(row).map_err(|reason| reason.detail)?;
    let picked = pick(&mut facts);
    assert_eq!(facts, Facts::default(), "a {entity} says nothing else");
    Ok(picked)
}

fn contacts(id: &str, payload: &[u8], version_at: Timestamp) -> Result<Vec<Contact>, String> {
    let pick = |facts: &mut Facts<'_>| facts.contacts.drain(..).map(|fact| fact.value).collect();
    normalized(("contact", id), payload, version_at, pick)
}

fn deals(id: &str, payload: &[u8], version_at: Timestamp) -> Result<Vec<Payment>, String> {
    let pick = |facts: &mut Facts<'_>| facts.payments.drain(..).map(|fact| fact.value).collect();
    normalized(("deal", id), payload, version_at, pick)
}

fn deal(properties: Value, rest: Value) -> Result<(i64, String, Status, String, String), String> {
    let mut payload = json!({"id": "7", "properties": properties, "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-02-01T00:00:00.000Z", "archived": false});
    payload.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let all = deals("7", payload.to_string().as_bytes(), at(NOW_MS))?;
    let p = &all[0];
    let currency = p.currency.as_str().to_owned();
    Ok((p.amount, currency, p.status, p.raw_status.clone(), p.occurred_at.to_string()))
}

#[test]
fn trap_10_a_deal_is_a_payment_in_exact_minor_units_on_its_close_date() {
    let won = json!({"amount": "1000.5", "dealstage": "closedwon", "closedate": "1769904000000", "deal_currency_code": "USD"});
    let expected = (
        100_050,
        "USD".to_owned(),
        Status::Collected,
        "closedwon".to_owned(),
        "2026-02-01T00:00:00Z".to_owned(),
    );
    assert_eq!(deal(won.clone(), json!({})), Ok(expected));
    // No currency of its own: the portal's. No close date: the day it came to be. No amount:
    // nothing.
    let bare = json!({"amount": null, "dealstage": "qualifiedtobuy", "closedate": null, "deal_currency_code": ""});
    let expected = (
        0,
        "EUR".to_owned(),
        Status::Pending,
        "qualifiedtobuy".to_owned(),
        "2026-01-01T00:00:00Z".to_owned(),
    );
    assert_eq!(deal(bare, json!({})), Ok(expected));
    let archived =
        deal(won, json!({"archived": true, "archivedAt": "2026-03-01T00:00:00.000Z"})).unwrap();
    assert_eq!(
        (archived.2, archived.3.as_str()),
        (Status::Canceled, "archived"),
        "counts as nothing"
    );
    for (property, value) in
        [("amount", "n/a"), ("closedate", "soon"), ("deal_currency_code", "EURO")]
    {
        let why = deal(json!({"dealstage": "closedwon", property: value}), json!({})).unwrap_err();
        assert!(why.starts_with(&format!("deal 7: {property}: ")), "{why}");
    }
}

#[test]
fn trap_11_what_was_merged_away_ends_with_the_row_of_what_remains() {
    let payload =
        br#"{"id":"9","properties":{"email":"a@example.com","hs_merged_object_ids":"3;4"},
        "updatedAt":"2026-02-01T00:00:00.000Z","archived":false}"#;
    let version_at: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
    let all = contacts("9", payload, version_at).unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|c| (c.external_id.as_str(), c.merged_into.as_deref(), c.deleted_at))
        .collect();
    assert_eq!(
        told,
        [("9", None, None), ("3", Some("9"), Some(version_at)), ("4", Some("9"), Some(version_at))]
    );
    assert_eq!(
        (all[0].version.stamp, all[0].email.as_deref(), all[1].email.as_deref()),
        (Stamp::Native, Some("a@example.com"), None)
    );
    assert!(
        all[1].version.at > version_at + Duration::from_secs(299),
        "a merge stands above a tombstone of the same minutes"
    );
    // Deals: what they were worth is counted in the one that remains.
    let payload = br#"{"id":"9","properties":{"amount":"5","dealstage":"closedwon","hs_merged_object_ids":"3"},"updatedAt":"2026-02-01T00:00:00Z"}"#;
    let all = deals("9", payload, version_at).unwrap();
    let told: Vec<_> = all.iter().map(|p| (p.external_id.as_str(), p.amount, p.status)).collect();
    assert_eq!(told, [("9", 500, Status::Collected), ("3", 0, Status::Canceled)]);
}

#[test]
fn trap_11_a_tombstone_marks_a_contact_deleted_and_makes_a_deal_count_as_nothing() {
    let people = contacts("5", &vanished("5"), at(NOW_MS)).unwrap();
    assert_eq!((people[0].external_id.as_str(), people[0].deleted_at), ("5", Some(at(NOW_MS))));
    let deals = deals("5", &vanished("5"), at(NOW_MS)).unwrap();
    assert_eq!(
        (deals[0].amount, deals[0].status, deals[0].raw_status.as_str()),
        (0, Status::Canceled, "vanished")
    );
}

#[test]
fn trap_26_text_that_postgres_or_json_would_choke_on_stays_visible() {
    let payload =
        br#"{"id":"9","properties":{"firstname":"a\u0000b","lastname":"\ud800x","phone":12}}"#;
    let all = contacts("9", payload, at(NOW_MS)).unwrap();
    let told = [&all[0].first_name, &all[0].last_name, &all[0].phone].map(|text| text.as_deref());
    assert_eq!(told, [Some("a\u{2400}b"), Some("\\ud800x"), Some("12")]);
    for bad in [&b"no json"[..], b"{}", br#"{"id":"8"}"#, b"\xff"] {
        assert!(contacts("9", bad, at(NOW_MS)).is_err());
    }
    let none = |_: &mut Facts<'_>| Vec::<Contact>::new();
    assert!(normalized(("unknown", "sha256:0"), b"{}", at(NOW_MS), none).is_err());
}
