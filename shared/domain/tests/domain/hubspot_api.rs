//! The versions of HubSpot's API, and objects of its replies that cannot be read.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::config::Env;
use penstock_domain::disposition::ReasonKind;
use penstock_domain::facts::Facts;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::paging::{Paging, Position, Reply};
use penstock_domain::payment::Status;
use penstock_domain::record::{JSON, RowView};
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::{OwnAccount, Source};

const NOW_MS: i64 = 1_780_272_000_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn paging(page_size: u32) -> Paging {
    Paging { page_size, window: Duration::ZERO, side_by_side: 1, part: None, version: None }
}

fn position() -> Position {
    Position { from: Some(at(NOW_MS - 1_000)), to: at(NOW_MS), token: None }
}

#[test]
fn dated_and_legacy_versions_of_the_api_have_paths_of_their_own() {
    for (version, list, object) in [
        (None, "/crm/objects/2026-09/deals", "/crm/objects/2026-09/deals/7"),
        (Some("2027-03"), "/crm/objects/2027-03/deals", "/crm/objects/2027-03/deals/7"),
        (Some("v3"), "/crm/v3/objects/deals", "/crm/v3/objects/deals/7"),
    ] {
        let paging = Paging { version: version.map(str::to_owned), ..paging(1) };
        let asked = HubSpot.request("deal", Mode::Full, &position(), &paging);
        let changed = HubSpot.request("deal", Mode::Incremental, &position(), &paging);
        let one = HubSpot.object_request("deal", "7", &paging);
        assert_eq!((asked.path.as_str(), one.path.as_str()), (list, object));
        assert_eq!(changed.path, format!("{list}/search"));
    }
}

#[test]
fn trap_77_an_object_that_cannot_be_read_is_known_by_its_id_and_counts_as_nothing() {
    let odd = br#"{"id":"7","properties":[],"archived":"perhaps"}"#;
    let body = format!(r#"{{"results":[{}]}}"#, String::from_utf8_lossy(odd));
    let reply = Reply { as_of: at(NOW_MS), body: body.as_bytes() };
    let run = RunId::new(at(NOW_MS));
    let page = HubSpot.page("deal", Mode::Full, run, &position(), reply, &paging(1)).unwrap();
    assert_eq!((page.items[0].entity.as_str(), page.items[0].external_id.as_str()), ("deal", "7"));
    let normalizer = HubSpot.normalizer(&Env::default()).unwrap();
    let row = |entity: &'static str, external_id: &'static str| RowView {
        id: OutboxId::new(at(NOW_MS)),
        source: "hubspot",
        entity,
        external_id,
        version_at: at(NOW_MS),
        payload: odd,
        media: JSON,
        own: OwnAccount::default(),
    };
    assert_eq!(normalizer.normalize(row("deal", "7")).unwrap_err().kind, ReasonKind::Malformed);
    let facts = normalizer.unreadable(row("deal", "7"), ReasonKind::Malformed);
    let deal = &facts.payments[0].value;
    assert_eq!(
        (deal.external_id.as_str(), deal.amount, deal.status, deal.raw_status.as_str()),
        ("7", 0, Status::Unreadable, "malformed")
    );
    let facts = normalizer.unreadable(row("contact", "7"), ReasonKind::Malformed);
    assert!(facts.contacts[0].value.is_unreadable && facts.payments.is_empty());
    let facts = normalizer.unreadable(row("unknown", "sha256:00"), ReasonKind::Malformed);
    assert_eq!(facts, Facts::default(), "what has no id is nobody's version");
}
