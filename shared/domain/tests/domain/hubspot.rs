//! HubSpot's objects and errors: what each of them comes to.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::contact::Contact;
use penstock_domain::facts::Facts;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::OutboxId;
use penstock_domain::paging::ErrorClass;
use penstock_domain::payment::{Payment, Status};
use penstock_domain::record::{JSON, RowView, vanished};
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::{OwnAccount, Source};
use penstock_domain::version::Stamp;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_780_272_000_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
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
    let row = RowView {
        id: id_of_row,
        source,
        entity,
        external_id: id,
        version_at,
        payload,
        media: JSON,
        own,
    };
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
fn trap_14_an_error_is_read_in_whatever_shape_it_comes() {
    let verdict = |body: &str| HubSpot.error_class(Mode::Full, 429, body.as_bytes());
    let limit = |message: &str| {
        format!(
            r#"{{"status":"error","message":"You have reached your {message} limit.","policyName":null}}"#
        )
    };
    let seconds = |n| Some(ErrorClass::RateLimited(Duration::from_secs(n)));
    assert_eq!(verdict(&limit("secondly")), seconds(1));
    assert_eq!(verdict(&limit("ten_secondly_rolling")), seconds(10));
    assert!(matches!(verdict(&limit("daily")), Some(ErrorClass::QuotaExhausted(_))));
    assert_eq!(verdict(&limit("other")), None);
    for (body, words) in [
        (r#"{"status":400,"message":"no","correlationId":"x"}"#, Some("no")),
        (r#"{"status":"error","message":["no"],"category":7}"#, Some("7")),
        (
            r#"{"category":"VALIDATION_ERROR","errors":null,"message":"no"}"#,
            Some("VALIDATION_ERROR: no"),
        ),
        (r#"{"id":"1","properties":{},"status":"open"}"#, None),
        ("", None),
        ("[]", None),
    ] {
        assert_eq!(HubSpot.error_message(body.as_bytes()).as_deref(), words, "{body}");
    }
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
