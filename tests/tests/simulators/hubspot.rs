//! The simulated portal keeps to HubSpot's documentation.

use penstock_tests::http_client;
use penstock_tests::simulators::hubspot::{
    DEFAULT_TOKEN, HubSpotPortal, HubSpotSimulator, Kind, OBJECTS,
};
use serde_json::{Value, json};

/// 2026-06-01T00:00:00Z, in Unix milliseconds.
const NOW_MS: i64 = 1_780_272_000_000;

fn portal(seed: u64, contacts: usize, deals: usize) -> HubSpotPortal {
    HubSpotPortal::new(seed, contacts, deals, NOW_MS)
}

async fn ask(portal: &HubSpotSimulator, path: &str, body: Option<Value>) -> (u16, Value) {
    let client = http_client::new();
    let url = format!("{}{OBJECTS}{path}", portal.url());
    let request = match body {
        Some(body) => {
            client.post(url).header("content-type", "application/json").body(body.to_string())
        }
        None => client.get(url),
    };
    let response = request.bearer_auth(DEFAULT_TOKEN).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn search_gives_200_a_page_and_nothing_past_10_000() {
    let portal = HubSpotSimulator::start(portal(51, 1_000, 1)).unwrap();
    for (limit, after, status) in
        [(200, 0, 200), (201, 0, 400), (200, 9_800, 200), (200, 9_801, 400), (1, 10_000, 400)]
    {
        let body = json!({"limit": limit, "after": after.to_string(), "filterGroups": []});
        assert_eq!(
            ask(&portal, "contacts/search", Some(body)).await.0,
            status,
            "{limit} after {after}"
        );
    }
    let two = json!({"sorts": [{"propertyName": "createdate"}, {"propertyName": "hs_object_id"}]});
    assert_eq!(ask(&portal, "contacts/search", Some(two)).await.0, 400, "one sort");
    let (_, page) = ask(&portal, "contacts/search", Some(json!({"limit": 200}))).await;
    assert_eq!((&page["total"], &page["paging"]["next"]["after"]), (&json!(1_000), &json!("200")));
    // Deals know no lastmodifieddate, contacts no hs_lastmodifieddate.
    let of = |name: &str| json!({"filterGroups": [{"filters": [{"propertyName": name, "operator": "GT", "value": "0"}]}]});
    assert_eq!(
        ask(&portal, "contacts/search", Some(of("hs_lastmodifieddate"))).await.1["total"],
        0
    );
    assert_eq!(
        ask(&portal, "contacts/search", Some(of("lastmodifieddate"))).await.1["total"],
        1_000
    );
    assert_eq!(ask(&portal, "deals/search", Some(of("hs_lastmodifieddate"))).await.1["total"], 1);
}

#[tokio::test]
async fn what_is_archived_shows_only_where_it_is_asked_for_and_what_is_merged_nowhere_under_its_own_id()
 {
    let portal = HubSpotSimulator::start(portal(52, 10, 1)).unwrap();
    let ids = portal.portal().live(Kind::Contact);
    portal.portal().archive(Kind::Contact, ids[0]);
    let kept = portal.portal().merge(Kind::Contact, ids[1], ids[2], true);
    let count = |page: &Value| page["results"].as_array().unwrap().len();
    assert_eq!(count(&ask(&portal, "contacts?limit=100", None).await.1), 8);
    let (_, archived) = ask(&portal, "contacts?limit=100&archived=true", None).await;
    assert_eq!((count(&archived), &archived["results"][0]["archived"]), (1, &json!(true)));
    assert!(archived["results"][0]["archivedAt"].is_string());
    assert_eq!(ask(&portal, &format!("contacts/{}", ids[0]), None).await.0, 404);
    assert_eq!(ask(&portal, &format!("contacts/{}?archived=true", ids[0]), None).await.0, 200);
    for gone in [ids[1], ids[2]] {
        let (status, one) = ask(&portal, &format!("contacts/{gone}"), None).await;
        assert_eq!(
            (status, &one["id"]),
            (200, &json!(kept.to_string())),
            "the old ids point to what they became"
        );
    }
    let (_, one) =
        ask(&portal, &format!("contacts/{kept}?properties=hs_merged_object_ids"), None).await;
    assert_eq!(one["properties"]["hs_merged_object_ids"], json!(format!("{};{}", ids[2], ids[1])));
    assert_eq!(ask(&portal, "contacts?limit=101", None).await.0, 400);
    assert_eq!(
        ask(&portal, "contacts/search", Some(json!({"limit": 100}))).await.1["total"],
        7,
        "what has just changed is not yet found"
    );
}

#[tokio::test]
async fn a_token_that_is_not_the_portals_is_refused() {
    let portal = HubSpotSimulator::start(portal(53, 1, 1)).unwrap();
    portal.set_token("another");
    let (status, body) = ask(&portal, "contacts", None).await;
    assert_eq!((status, &body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
}

#[tokio::test]
async fn dated_versions_and_the_legacy_one_answer_alike_and_others_do_not_exist() {
    let portal = HubSpotSimulator::start(portal(59, 3, 3)).unwrap();
    let client = http_client::new();
    let ask = async |path: &str| {
        let url = format!("{}{path}", portal.url());
        let response = client.get(url).bearer_auth(DEFAULT_TOKEN).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let newest = ask("/crm/objects/2026-09/deals").await;
    assert_eq!(newest.0, 200);
    for path in ["/crm/v3/objects/deals", "/crm/objects/2026-03/deals"] {
        assert_eq!(ask(path).await, newest, "{path}");
    }
    for path in ["/crm/objects/2031-09/deals", "/crm/v9/objects/deals", "/crm/objects/deals"] {
        assert_eq!(ask(path).await.0, 404, "{path}");
    }
}

/// The ids that a list shows.
fn ids(page: &Value) -> Vec<u64> {
    let objects = page["results"].as_array().unwrap().iter();
    objects.map(|object| object["id"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn lists_that_are_behind_show_objects_as_they_were_and_reads_by_id_as_they_are() {
    let hubspot = HubSpotSimulator::start(portal(60, 6, 1)).unwrap();
    let before = hubspot.portal().live(Kind::Contact);
    let created = {
        let mut portal = hubspot.portal();
        portal.list_lag_ms = 120_000;
        portal.set_now(NOW_MS + 3_600_000);
        portal.archive(Kind::Contact, before[0]);
        portal.purge(Kind::Contact, before[1]);
        portal.create(Kind::Contact)
    };
    for (later_ms, caught_up) in [(119_000, false), (121_000, true)] {
        hubspot.portal().set_now(NOW_MS + 3_600_000 + later_ms);
        let live = ids(&ask(&hubspot, "contacts?limit=100", None).await.1);
        let archived = ids(&ask(&hubspot, "contacts?limit=100&archived=true", None).await.1);
        let now = hubspot.portal().live(Kind::Contact);
        let due = if caught_up { (now, vec![before[0]]) } else { (before.clone(), Vec::new()) };
        assert_eq!((live, archived), due, "{later_ms}");
    }
    hubspot.portal().set_now(NOW_MS + 3_600_000);
    for (id, status) in [(created, 200), (before[0], 404), (before[1], 404), (before[2], 200)] {
        assert_eq!(ask(&hubspot, &format!("contacts/{id}"), None).await.0, status);
    }
}

#[tokio::test]
async fn an_object_that_is_restored_between_the_two_lists_is_in_neither() {
    let hubspot = HubSpotSimulator::start(portal(61, 4, 4)).unwrap();
    let id = hubspot.portal().live(Kind::Deal)[1];
    hubspot.portal().archive(Kind::Deal, id);
    hubspot.between_lists(Kind::Deal, move |portal| portal.restore(Kind::Deal, id));
    for (path, shown) in [
        ("deals", false),
        ("contacts?archived=true", false),
        ("deals?archived=true", false),
        ("deals", true),
    ] {
        assert_eq!(ids(&ask(&hubspot, path, None).await.1).contains(&id), shown, "{path}");
    }
}

#[tokio::test]
async fn the_recycling_bin_forgets_after_90_days() {
    let hubspot = HubSpotSimulator::start(portal(62, 3, 3)).unwrap();
    let id = hubspot.portal().live(Kind::Contact)[0];
    hubspot.portal().archive(Kind::Contact, id);
    for (days, shown) in [(89, true), (91, false)] {
        hubspot.portal().set_now(NOW_MS + days * 86_400_000);
        let (_, archived) = ask(&hubspot, "contacts?archived=true", None).await;
        assert_eq!(ids(&archived).contains(&id), shown, "{days}");
    }
    assert!(hubspot.portal().contacts_truth()[&id.to_string()].deleted);
}
