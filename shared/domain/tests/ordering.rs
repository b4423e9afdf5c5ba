//! Which version stands, as a property: the order of arrival decides nothing.

#![allow(clippy::unwrap_used, reason = "to fail is to panic")]

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::meaning::Meaning;
use penstock_domain::payment::Payment;
use penstock_domain::record::RowView;
use penstock_domain::settings::Settings;
use penstock_domain::source::Source;
use penstock_domain::source::stripe::Stripe;
use proptest::prelude::*;

const NOW: i64 = 1_780_272_000;

fn version((second, status, captured, note): (i64, &str, i64, u8)) -> Payment {
    let payload = format!(
        r#"{{"id":"ch_1","object":"charge","amount":900,"amount_captured":{captured},"captured":true,"created":{NOW},
            "currency":"usd","status":"{status}","metadata":{{"note":"{note}"}}}}"#
    );
    let version_at = Timestamp::from_second(NOW + second).unwrap();
    let id = OutboxId::new(version_at);
    let row = RowView {
        id,
        entity: "charge",
        external_id: "ch_1",
        version_at,
        payload: payload.as_bytes(),
    };
    match Stripe.normalize(row, &Settings::default()).unwrap() {
        Meaning::Payments(mut movements) => movements.remove(0),
        other => unreachable!("{other:?}"),
    }
}

/// What stands after these have arrived in this order, each let in by the gate of `payments.upsert` or not.
fn stands(arrivals: &[Payment]) -> Payment {
    let mut arrivals = arrivals.iter();
    let first = arrivals.next().unwrap();
    arrivals
        .fold(
            first,
            |standing, p| if p.precedence() > standing.precedence() { p } else { standing },
        )
        .clone()
}

proptest! {
    #[test]
    fn every_order_of_arrival_leaves_the_same_version_standing(
        (arrivals, shuffled) in proptest::collection::vec(
            (0..4i64, prop_oneof![Just("pending"), Just("succeeded"), Just("failed"), Just("odd")], 0..900i64, 0..3u8)
                .prop_map(version),
            1..12,
        ).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
    ) {
        let (one, other) = (stands(&arrivals), stands(&shuffled));
        prop_assert!(one.agrees_with(&other));
        prop_assert_eq!((one.version_at, one.content_hash), (other.version_at, other.content_hash));
    }

    #[test]
    fn versions_that_tie_in_everything_are_the_same_content(a in (0..2i64, Just("succeeded"), 0..2i64, 0..2u8), b in (0..2i64, Just("succeeded"), 0..2i64, 0..2u8)) {
        let (a, b) = (version(a), version(b));
        if a.precedence() == b.precedence() {
            prop_assert_eq!(a.content_hash, b.content_hash);
            prop_assert!(a.agrees_with(&b));
        }
    }
}
