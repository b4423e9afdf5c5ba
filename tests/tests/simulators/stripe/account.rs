//! The account and its books.

use std::collections::{BTreeMap, BTreeSet};

use penstock_tests::simulators::stripe::{
    AccountSpec, Currency, EventType, Kind, NONE, RefundStatus, StripeAccount, StripeSimulator,
    Totals,
};
use serde_json::Value;

use super::{DAY, NOW, spec, stripe, walk};

#[test]
fn the_same_order_makes_the_same_world() {
    let make = |seed| StripeAccount::new(spec(seed, 3_000));
    let (one, same, other) = (make(1), make(1), make(2));
    assert_eq!(one.truth(), same.truth());
    assert_eq!(one.ledger(), same.ledger());
    let bodies = |w: &StripeAccount| w.history().into_iter().map(|e| e.body).collect::<Vec<_>>();
    assert_eq!(bodies(&one), bodies(&same));
    assert_ne!(one.ledger(), other.ledger());
    let (mut one, mut same) = (one, same);
    let live = |w: &mut StripeAccount| w.change(50).into_iter().map(|e| e.body).collect::<Vec<_>>();
    assert_eq!(live(&mut one), live(&mut same));
}

#[test]
fn a_world_holds_every_kind_of_case() {
    let account = StripeAccount::new(spec(3, 30_000));
    let truth = account.truth();
    let seen: BTreeSet<(Kind, &str)> = truth.iter().map(|r| (r.kind, r.raw_status)).collect();
    for status in ["succeeded", "pending", "failed"] {
        assert!(seen.contains(&(Kind::Charge, status)), "{status}");
    }
    for status in ["succeeded", "pending", "failed", "canceled", "requires_action"] {
        assert!(seen.contains(&(Kind::Refund, status)), "{status}");
    }
    for status in [
        "won",
        "lost",
        "needs_response",
        "under_review",
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "prevented",
    ] {
        assert!(seen.contains(&(Kind::Dispute, status)), "{status}");
    }
    let charges = || (0..30_000).filter_map(|i| account.charge(i));
    assert!(charges().any(|c| c.captured && c.captured_amount < c.amount));
    assert!(charges().any(|c| c.is_open()));
    assert!(charges().any(|c| c.bank_debit));
    let refunds = || (0..10_000).filter_map(|i| account.refund(i));
    assert!(refunds().any(|r| r.status == RefundStatus::Failed && r.had_succeeded));
    assert!(refunds().filter(|r| r.previous != NONE).count() > 100);
    let currencies: BTreeSet<_> = truth.iter().map(|r| r.currency).collect();
    assert_eq!(currencies.len(), Currency::ALL.len());
    let seconds: BTreeSet<i64> = charges().map(|c| c.created).collect();
    assert!(seconds.len() < 27_000, "one in six shares its second: {}", seconds.len());
    let types: BTreeSet<&str> = account.history().iter().map(|e| e.event_type).collect();
    assert_eq!(types.len(), EventType::ALL.len(), "{types:?}");
}

#[test]
fn two_hundred_thousand_charges_fit_and_add_up() {
    let account = StripeAccount::new(spec(4, 200_000));
    let (charges, refunds, disputes, events) = account.counts();
    assert_eq!(charges, 200_000);
    assert!(refunds > 10_000 && disputes > 1_000 && events > 100_000);
    let net: i128 = account.ledger().values().map(|t| t.net).sum();
    let rows: i128 = account
        .truth()
        .iter()
        .map(|row| match row.kind {
            Kind::Charge => row.counted_iso_minor,
            _ => -row.counted_iso_minor,
        })
        .sum();
    assert_eq!(net, rows);
}

/// The rules of Stripe's documentation, written a second time without the simulator's code.
fn iso(amount: &Value, currency: &str) -> i128 {
    let amount = i128::from(amount.as_i64().unwrap());
    match currency {
        "isk" | "ugx" => {
            assert_eq!(amount % 100, 0);
            amount / 100
        }
        "mga" => amount * 100,
        "kwd" => {
            assert_eq!(amount % 10, 0);
            amount
        }
        _ => amount,
    }
}

/// The ledger, added up from what the API serves.
fn added_up(stripe: &StripeSimulator) -> BTreeMap<String, Totals> {
    let mut ledger: BTreeMap<String, Totals> = BTreeMap::new();
    for charge in walk(stripe, "/v1/charges", "") {
        if charge["status"] == "succeeded" && charge["captured"] == true {
            let code = charge["currency"].as_str().unwrap();
            let totals = ledger.entry(code.to_uppercase()).or_default();
            totals.gross += iso(&charge["amount_captured"], code);
            totals.charges += 1;
        }
    }
    for refund in walk(stripe, "/v1/refunds", "") {
        if refund["status"] == "succeeded" && !refund["balance_transaction"].is_null() {
            let code = refund["currency"].as_str().unwrap();
            let totals = ledger.entry(code.to_uppercase()).or_default();
            totals.refunded += iso(&refund["amount"], code);
            totals.refunds += 1;
        }
    }
    for dispute in walk(stripe, "/v1/disputes", "") {
        if dispute["status"] == "lost" {
            let code = dispute["currency"].as_str().unwrap();
            let totals = ledger.entry(code.to_uppercase()).or_default();
            totals.disputed += iso(&dispute["amount"], code);
            totals.disputes += 1;
        }
    }
    for totals in ledger.values_mut() {
        totals.net = totals.gross - totals.refunded - totals.disputed;
    }
    ledger
}

#[test]
fn the_ledger_is_what_the_api_adds_up_to() {
    let stripe = stripe(8, 2_500);
    assert_eq!(added_up(&stripe), stripe.ledger());
    for _ in 0..20 {
        stripe.change(20);
        stripe.advance(7);
    }
    stripe.settle();
    assert_eq!(added_up(&stripe), stripe.ledger());
    let (early, late) =
        (stripe.ledger_between(0, NOW - DAY), stripe.ledger_between(NOW - DAY, i64::MAX));
    let usd = |ledger: &BTreeMap<String, Totals>| ledger.get("USD").map_or(0, |t| t.net);
    assert_eq!(usd(&early) + usd(&late), usd(&stripe.ledger()));
}

#[test]
fn amounts_become_iso_minor_units() {
    for (currency, stripe, iso) in [
        (Currency::Usd, 1_099, 1_099),
        (Currency::Jpy, 500, 500),
        (Currency::Kwd, 5_120, 5_120),
        (Currency::Isk, 500, 5),
        (Currency::Ugx, 250_000, 2_500),
        (Currency::Mga, 7_000, 700_000),
        (Currency::Huf, 1_045, 1_045),
    ] {
        assert_eq!(currency.iso_minor(stripe), iso, "{currency:?}");
    }
}

#[test]
fn released_authorisations_are_refunds_that_move_nothing() {
    let released = AccountSpec { releases: true, ..spec(16, 3_000) };
    let stripe = StripeSimulator::start(StripeAccount::new(released)).unwrap();
    let refunds = walk(&stripe, "/v1/refunds", "");
    let expired: Vec<_> =
        refunds.iter().filter(|r| r["reason"] == "expired_uncaptured_charge").collect();
    assert!(!expired.is_empty());
    for refund in expired {
        assert_eq!(refund["status"], "succeeded");
        assert!(refund["balance_transaction"].is_null());
    }
    assert_eq!(added_up(&stripe), stripe.ledger());
}
