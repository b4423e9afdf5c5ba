//! Events: frozen, versioned, late.

use std::collections::{BTreeMap, BTreeSet};

use penstock_tests::simulators::stripe::{
    AccountSpec, Action, Currency, Emitted, Outcome, RefundStatus, StripeAccount, StripeSimulator,
};
use serde_json::Value;

use super::{DAY, NOW, get, get_with, ids, spec, stripe, walk};

#[test]
fn events_are_frozen_at_their_own_version() {
    let stripe = stripe(11, 3_000);
    let key = ("Authorization", "Bearer sk_test_penstock");
    let listed = |version| {
        let headers = [key, ("Stripe-Version", version)];
        get_with(&stripe, "/v1/events?limit=100&type=charge.refunded", &headers).body
    };
    assert_eq!(listed("2019-02-19"), listed("2026-10-28.endive"));
    let events = walk(&stripe, "/v1/events", "&type=charge.refunded");
    let versions: BTreeSet<&str> =
        events.iter().map(|e| e["api_version"].as_str().unwrap()).collect();
    assert_eq!(versions, BTreeSet::from(["2020-08-27", "2026-10-28.endive"]));
    for event in &events {
        let object = &event["data"]["object"];
        assert_eq!(object.get("refunds").is_some(), event["api_version"] == "2020-08-27");
        let before = event["data"]["previous_attributes"]["amount_refunded"].as_i64().unwrap();
        assert!(before < object["amount_refunded"].as_i64().unwrap());
    }
    for event in walk(&stripe, "/v1/events", "&type=charge.succeeded") {
        assert_eq!(event["data"]["object"]["amount_refunded"], 0);
    }
}

/// Lays `previous` over `object`: the object as it was before.
fn undo(object: &Value, previous: &Value) -> Value {
    let (Value::Object(object), Value::Object(previous)) = (object, previous) else {
        return previous.clone();
    };
    let mut undone = object.clone();
    for (key, value) in previous {
        let below = undone.get(key).cloned().unwrap_or(Value::Null);
        undone.insert(key.clone(), undo(&below, value));
    }
    undone.retain(|_, value| !value.is_null());
    Value::Object(undone)
}

fn without_nulls(value: &Value) -> Value {
    undo(value, &Value::Object(serde_json::Map::new()))
}

#[test]
fn previous_attributes_lead_back_to_the_state_before() {
    let mut account = StripeAccount::new(spec(12, 4_000).punctual());
    account.set_now(NOW);
    account.change(800);
    let mut chains: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in account.history() {
        let body: Value = serde_json::from_str(&event.body).unwrap();
        chains.entry(event.object_id).or_default().push(body);
    }
    let mut steps = 0;
    for chain in chains.values() {
        let states: Vec<Value> = chain.iter().map(|e| scalars(&e["data"]["object"])).collect();
        for event in chain.iter().filter(|e| e["data"].get("previous_attributes").is_some()) {
            let before =
                scalars(&undo(&event["data"]["object"], &event["data"]["previous_attributes"]));
            let first_seen =
                chain.first().is_some_and(|e| e["data"].get("previous_attributes").is_some());
            assert!(first_seen || states.contains(&before), "{event:#}");
            steps += 1;
        }
    }
    assert!(steps > 500, "{steps}");
}

/// The fields that distinguish one state from the next.
fn scalars(object: &Value) -> Value {
    let mut object = without_nulls(object);
    if let Value::Object(map) = &mut object {
        for shaped in
            ["refunds", "outcome", "dispute", "balance_transaction", "failure_balance_transaction"]
        {
            map.remove(shaped);
        }
        // Rendered at two versions, and following from the others.
        for gone in [
            "radar_options",
            "payment_method",
            "payment_method_details",
            "enhanced_eligibility_types",
            "evidence",
            "evidence_details",
        ] {
            map.remove(gone);
        }
    }
    object
}

#[test]
fn events_filter_by_type_and_end_after_thirty_days() {
    let stripe = stripe(13, 2_000);
    let all = walk(&stripe, "/v1/events", "");
    assert!(all.iter().all(|e| e["created"].as_i64().unwrap() >= NOW - 30 * DAY));
    let of = |keep: &dyn Fn(&str) -> bool| {
        all.iter().filter(|e| keep(e["type"].as_str().unwrap())).count()
    };
    let listed = |parameters: &str| walk(&stripe, "/v1/events", parameters).len();
    assert_eq!(listed("&type=refund.created"), of(&|t| t == "refund.created"));
    assert_eq!(listed("&type=charge.dispute.*"), of(&|t| t.starts_with("charge.dispute.")));
    assert_eq!(
        listed("&types[]=charge.failed&types%5B%5D=charge.captured"),
        of(&|t| t == "charge.failed" || t == "charge.captured")
    );
    let many = "&types[]=charge.failed".repeat(21);
    assert_eq!(get(&stripe, &format!("/v1/events?limit=1{many}")).status, 400);
    assert_eq!(get(&stripe, "/v1/events?type=charge.failed&types[]=charge.updated").status, 400);

    let oldest = all.last().unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(get(&stripe, &format!("/v1/events/{oldest}")).json()["id"], oldest.as_str());
    stripe.advance(31 * DAY);
    assert!(walk(&stripe, "/v1/events", "").is_empty());
    assert_eq!(get(&stripe, &format!("/v1/events/{oldest}")).status, 404);
}

#[test]
fn live_changes_emit_what_happened_and_some_of_it_late() {
    let stripe = StripeSimulator::start(StripeAccount::new(AccountSpec {
        late_permille: 300,
        ..spec(14, 800)
    }))
    .unwrap();
    let emitted = stripe.change(200);
    assert!(emitted.len() > 200);
    assert!(emitted.iter().all(|e| e.created == NOW), "the clock stands still");
    let recent = |stripe: &StripeSimulator| walk(stripe, "/v1/events", &format!("&created={NOW}"));
    let seen: BTreeSet<String> = ids(&recent(&stripe)).into_iter().map(str::to_owned).collect();
    let late: Vec<&Emitted> = emitted.iter().filter(|e| e.visible_at > NOW).collect();
    assert!(late.len() > 30 && late.iter().all(|e| !seen.contains(&e.id)));
    assert_eq!(seen.len() + late.len(), emitted.len());
    let hidden = walk(&stripe, "/v1/charges", &format!("&created={NOW}")).len();
    stripe.settle();
    assert!(stripe.now() > NOW && stripe.now() <= NOW + 120);
    assert_eq!(recent(&stripe).len(), emitted.len());
    assert!(walk(&stripe, "/v1/charges", &format!("&created={NOW}")).len() > hidden);

    let one = get(&stripe, &format!("/v1/events/{}", emitted[0].id));
    assert_eq!(one.body, format!("{}\n", emitted[0].body), "a webhook has the same bytes");
    let order: Vec<&str> = emitted.iter().map(|e| e.id.as_str()).collect();
    assert!(!order.is_sorted(), "ids do not follow time");
}

#[test]
fn actions_follow_stripes_rules() {
    let mut account = StripeAccount::new(spec(15, 0).punctual());
    let charge =
        Action::Charge { amount: 2_000, currency: Currency::Eur, outcome: Outcome::Authorised };
    let types = |events: Vec<Emitted>| events.iter().map(|e| e.event_type).collect::<BTreeSet<_>>();
    assert_eq!(types(account.act(charge).unwrap()), BTreeSet::from(["charge.succeeded"]));
    let refund = |amount| Action::Refund { charge: 0, amount, status: RefundStatus::Pending };
    assert!(account.act(refund(1)).is_none(), "nothing is captured yet");
    assert!(account.act(Action::Capture { charge: 0, amount: 2_001 }).is_none());
    let captured = account.act(Action::Capture { charge: 0, amount: 1_500 }).unwrap();
    let body: Value = serde_json::from_str(&captured[0].body).unwrap();
    assert_eq!(body["data"]["previous_attributes"]["amount_captured"], 0);
    assert_eq!(body["data"]["object"]["amount_captured"], 1_500);
    let made = account.act(refund(1_500)).unwrap();
    assert_eq!(types(made), BTreeSet::from(["refund.created", "charge.refunded"]));
    assert!(account.act(refund(1)).is_none(), "nothing is left");
    let becomes = |status| Action::RefundBecomes { refund: 0, status };
    assert!(
        account.act(becomes(RefundStatus::Canceled)).is_none(),
        "only while it requires an action"
    );
    account.act(becomes(RefundStatus::Succeeded)).unwrap();
    assert_eq!(account.ledger()["EUR"].net, 0);
    let failed = account.act(becomes(RefundStatus::Failed)).unwrap();
    assert_eq!(
        types(failed),
        BTreeSet::from(["refund.failed", "refund.updated", "charge.refund.updated"])
    );
    assert_eq!(account.ledger()["EUR"].net, 1_500);
    assert_eq!(account.charge(0).unwrap().refundable(), 1_500);
    assert!(
        account
            .act(Action::Charge {
                amount: 150,
                currency: Currency::Isk,
                outcome: Outcome::Captured
            })
            .is_none()
    );
}
