//! HubSpot's recorded objects are read as what they are.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::paging::{Paging, Position, Reply};
use penstock_domain::record::{JSON, RowView};
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::{OwnAccount, Source};
use serde_json::Value;

#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "given by the environment; a skip must be seen"
)]
fn recorded_objects_are_read() {
    let Ok(folder) = std::env::var("PENSTOCK_FIXTURES") else {
        eprintln!("skipped: PENSTOCK_FIXTURES is not set");
        return;
    };
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(format!("{folder}/hubspot/mock_data.json")).unwrap())
            .unwrap();
    let now = Timestamp::from_second(1_780_272_000).unwrap();
    let paging = Paging {
        page_size: 200,
        window: Duration::ZERO,
        side_by_side: 1,
        part: None,
        version: None,
    };
    let normalizer =
        HubSpot.normalizer(&[("HUBSPOT_CURRENCY", "EUR")].into_iter().collect()).unwrap();
    let mut read = 0;
    for (key, entity) in [
        ("mock_contacts_data", "contact"),
        ("mock_contacts_with_history", "contact"),
        ("mock_deals_data", "deal"),
    ] {
        let body = recorded[key].to_string();
        let position = Position { from: None, to: now, token: Some("archived:".to_owned()) };
        let reply = Reply { as_of: now, body: body.as_bytes() };
        let page =
            HubSpot.page(entity, Mode::Full, RunId::new(now), &position, reply, &paging).unwrap();
        for item in &page.items {
            assert_eq!(item.entity, entity);
            let row = RowView {
                id: OutboxId::new(now),
                source: "hubspot",
                entity,
                external_id: &item.external_id,
                version_at: item.version_at,
                payload: item.payload,
                media: JSON,
                own: OwnAccount::default(),
            };
            normalizer.normalize(row).unwrap();
            read += 1;
        }
    }
    assert!(read >= 5, "{read}");
}
