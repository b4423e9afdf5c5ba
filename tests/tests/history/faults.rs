//! Spreads faults over the run, by seed. In each source some of every passing kind hit requests
//! that are sure to come.

use fastrand::Rng;
use penstock_tests::simulators::hubspot;
use penstock_tests::simulators::stripe::{Fault, RetryAfter};

use crate::history_test::HistoryTest;

/// The faults of Stripe and Google: 429 and its like, 5xx, bodies cut in either way, no reply, and
/// replies that are not JSON.
const KINDS: [Fault; 12] = [
    Fault::TooMany(RetryAfter::Seconds(1)),
    Fault::TooMany(RetryAfter::Seconds(1)),
    Fault::ServerError,
    Fault::BadGateway,
    Fault::Unavailable(RetryAfter::Absent),
    Fault::CutBody,
    Fault::CutBody,
    Fault::Hang,
    Fault::Html,
    Fault::TruncatedJson,
    Fault::ErrorInside,
    Fault::EmptyPage,
];

/// HubSpot's.
const PORTALS: [hubspot::Fault; 10] = [
    hubspot::Fault::TooMany(hubspot::Policy::Secondly),
    hubspot::Fault::TooMany(hubspot::Policy::Secondly),
    hubspot::Fault::ServerError,
    hubspot::Fault::BadGateway,
    hubspot::Fault::CutBody,
    hubspot::Fault::Hang,
    hubspot::Fault::Html,
    hubspot::Fault::TruncatedJson,
    hubspot::Fault::ErrorInside,
    hubspot::Fault::EmptyPage,
];

/// Paths, and the number of requests that each is sure to get.
const STRIPES: [(&str, u64); 3] = [("/v1/charges", 60), ("/v1/refunds", 12), ("/v1/disputes", 2)];
const HUBSPOTS: [(&str, u64); 2] =
    [("/crm/objects/2026-09/contacts", 40), ("/crm/objects/2026-09/deals", 20)];
const CALENDARS: [(&str, u64); 1] = [("/calendar/v3/calendars", 16)];

/// Plans each kind twice, the first at the path that gets the most requests.
pub fn plan(test: &HistoryTest, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    for round in 0..2 {
        for kind in KINDS {
            let (path, most) = STRIPES[if round == 0 { 0 } else { rng.usize(0..STRIPES.len()) }];
            test.stripe.faults().at(rng.u64(2..=most), path, kind);
            let (path, most) = CALENDARS[0];
            test.google.faults().at(rng.u64(2..=most), path, kind);
        }
        for kind in PORTALS {
            let (path, most) = HUBSPOTS[if round == 0 { 0 } else { rng.usize(0..HUBSPOTS.len()) }];
            test.hubspot.faults().at(rng.u64(2..=most), path, kind);
        }
    }
}

/// Asserts that each kind of fault happened in each source; otherwise the run proves nothing of it.
///
/// # Panics
///
/// If one did not happen.
pub fn assert_all_struck(test: &HistoryTest) {
    let of_stripe: Vec<_> =
        test.stripe.requests().into_iter().filter_map(|asked| asked.fault).collect();
    let asked = test.google.take_requests();
    let of_google: Vec<_> = asked.iter().filter_map(|asked| asked.fault).collect();
    for kind in KINDS {
        assert!(of_stripe.contains(&kind) && of_google.contains(&kind), "{kind:?} did not happen");
    }
    assert!(asked.iter().any(|asked| asked.status == 410), "no sync token was refused");
    let of_portal: Vec<_> =
        test.hubspot.requests().into_iter().filter_map(|asked| asked.fault).collect();
    for kind in PORTALS {
        assert!(of_portal.contains(&kind), "{kind:?} did not happen");
    }
    let (stripe, google, portal) = (of_stripe.len(), of_google.len(), of_portal.len());
    println!("faults: {stripe} of Stripe, {portal} of HubSpot, {google} of Google Calendar");
}
