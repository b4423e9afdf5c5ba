//! The version that is kept, as a property: the order of arrival decides nothing.

use jiff::Timestamp;
use penstock_domain::config::Env;
use penstock_domain::facts::{Newest, Tie, newest};
use penstock_domain::ids::OutboxId;
use penstock_domain::payment::Payment;
use penstock_domain::record::{JSON, RowView};
use penstock_domain::source::stripe::Stripe;
use penstock_domain::source::{OwnAccount, Source};
use penstock_domain::version::Versioned;
use proptest::prelude::*;

const NOW: i64 = 1_780_272_000;

fn version((second, status, captured, note): (i64, &str, i64, u8)) -> Payment {
    let payload = format!(
        r#"{{"id":"ch_1","object":"charge","amount":900,"amount_captured":{captured},"captured":true,"created":{NOW},
            "currency":"usd","status":"{status}","metadata":{{"note":"{note}"}}}}"#
    );
    let version_at = Timestamp::from_second(NOW + second).unwrap();
    let row = RowView { version_at, ..row(payload.as_bytes()) };
    Stripe.normalizer(&Env::default()).unwrap().normalize(row).unwrap().payments.remove(0).value
}

fn row(payload: &[u8]) -> RowView<'_> {
    let version_at = Timestamp::from_second(NOW).unwrap();
    let id = OutboxId::new(version_at);
    let own = OwnAccount::default();
    RowView {
        id,
        source: "stripe",
        entity: "charge",
        external_id: "ch_1",
        version_at,
        payload,
        media: JSON,
        own,
    }
}

/// Returns the winner after these have arrived in this order, each let in by the gate of
/// `payments.upsert` or not.
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
        let (one, other) = (one.version, other.version);
        prop_assert_eq!((one.at, one.content_hash), (other.at, other.content_hash));
    }

    #[test]
    fn of_a_batch_in_any_order_the_same_version_is_written(
        arrivals in proptest::collection::vec(
            (0..2i64, prop_oneof![Just("pending"), Just("succeeded")], 0..900i64, 0..3u8).prop_map(version),
            1..12,
        ),
    ) {
        let facts = row(b"").facts(arrivals.clone());
        let Newest { facts, ties } = newest(&facts);
        prop_assert_eq!(facts.len(), 1, "one key");
        let (written, wins) = (&facts[0].value, stands(&arrivals));
        prop_assert_eq!(written.precedence(), wins.precedence());
        let mut of_its_second = arrivals.iter().filter(|p| p.version.at == wins.version.at);
        if of_its_second.all(|p| p.agrees_with(&wins)) {
            prop_assert!(ties.is_empty());
        } else {
            prop_assert_eq!(ties.len(), 1);
            let Tie { source, entity, external_id } = &ties[0];
            prop_assert_eq!((source.as_str(), entity.as_str(), external_id.as_str()), ("stripe", "charge", "ch_1"));
        }
    }

    #[test]
    fn versions_that_tie_in_everything_are_the_same_content(a in (0..2i64, Just("succeeded"), 0..2i64, 0..2u8), b in (0..2i64, Just("succeeded"), 0..2i64, 0..2u8)) {
        let (a, b) = (version(a), version(b));
        if a.precedence() == b.precedence() {
            prop_assert_eq!(a.version.content_hash, b.version.content_hash);
            prop_assert!(a.agrees_with(&b));
        }
    }
}
