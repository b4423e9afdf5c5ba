//! Remaps: what stands is read again, and revenue is right after, to the cent.

use penstock_domain::config::Env;
use penstock_domain::source;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use super::{Mistaken, finish, get, start, unknown_to_it, work};
use crate::admin::trigger::admin;
use crate::process::batches::{charge, put};
use crate::stripe_account::account;

/// A deal of HubSpot in a stage that no default map knows.
fn deal(id: usize) -> String {
    json!({
        "id": id.to_string(), "archived": false,
        "createdAt": "2026-05-01T00:00:00Z", "updatedAt": "2026-05-02T00:00:00Z",
        "properties": {
            "amount": "12.34", "deal_currency_code": "EUR", "dealstage": "our_own_won", "dealname": "d",
            "closedate": "2026-05-02T00:00:00Z", "createdate": "2026-05-01T00:00:00Z",
            "hs_lastmodifieddate": "2026-05-02T00:00:00Z", "hs_is_closed": null, "hs_is_closed_won": null,
        },
    })
    .to_string()
}

fn hubspot(app: &mut TestApp, stages: &str) {
    let env: Env =
        [("HUBSPOT_DEAL_STAGES", stages), ("HUBSPOT_CURRENCY", "EUR")].into_iter().collect();
    let normalizer = source::find("hubspot").unwrap().normalizer(&env).unwrap();
    app.process.reader.insert("hubspot", normalizer);
}

async fn put_deals(app: &TestApp, deals: usize) {
    let texts: Vec<String> = (0..deals).map(deal).collect();
    let items: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(id, text)| penstock_domain::record::Item {
            entity: "deal".to_owned(),
            external_id: id.to_string(),
            version_key: "run:1".to_owned(),
            version_at: "2026-05-02T00:00:00Z".parse().unwrap(),
            api_version: None,
            payload: text.as_bytes(),
        })
        .collect();
    let ids = app.put_of("hubspot", &items).await;
    work(app, &ids).await;
}

const COLLECTED: &str = "select coalesce(sum(amount), 0)::bigint from revenue_buckets \
                         where grain = 'hour' and status = 'collected' and currency = 'EUR'";

#[tokio::test]
async fn trap_38_an_unknown_status_counts_as_nothing_and_a_remap_repairs_the_past_to_the_cent() {
    let mut app = TestApp::over(account(1530, 1)).await;
    hubspot(&mut app, "");
    put_deals(&app, 5).await;
    assert_eq!(app.db.scalar::<i64>(COLLECTED).await, 0);
    // Half of them are too old to be in the outbox any more.
    let purge = "delete from outbox where external_id in ('0', '1')";
    app.db.client().await.batch_execute(purge).await.unwrap();

    hubspot(&mut app, "our_own_won=collected");
    let admin = admin(&app).await;
    let filter = json!({"source": "hubspot", "unmapped": true});
    let job = start(&admin, "/admin/remap", filter.clone()).await;
    let told = finish(&app, &admin, &job).await;
    assert_eq!((&told["items"], &told["report"]["processed"]), (&json!(5), &json!(5)), "{told}");
    assert_eq!(app.db.scalar::<i64>(COLLECTED).await, 5 * 1_234);
    // Once more, and with the old map: what is read is what stands.
    let job = start(&admin, "/admin/remap", json!({"source": "hubspot"})).await;
    assert_eq!(finish(&app, &admin, &job).await["report"]["processed"], 5);
    assert_eq!(app.db.scalar::<i64>(COLLECTED).await, 5 * 1_234);
    hubspot(&mut app, "our_own_won=failed");
    let job = start(&admin, "/admin/remap", json!({"source": "hubspot", "entity": "deal"})).await;
    assert_eq!(finish(&app, &admin, &job).await["report"]["processed"], 5);
    assert_eq!(app.db.scalar::<i64>(COLLECTED).await, 0);
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from payments where source = 'hubspot'").await,
        5
    );
}

#[tokio::test]
async fn a_version_that_came_after_the_dry_run_stands_and_is_not_undone() {
    let mut app = TestApp::over(account(1531, 1)).await;
    hubspot(&mut app, "");
    put_deals(&app, 2).await;
    let admin = admin(&app).await;
    let job = start(&admin, "/admin/remap", json!({"source": "hubspot"})).await;
    let newer = deal(0).replace("12.34", "99.00").replace("2026-05-02", "2026-05-03");
    let item = penstock_domain::record::Item {
        entity: "deal".to_owned(),
        external_id: "0".to_owned(),
        version_key: "run:2".to_owned(),
        version_at: "2026-05-03T00:00:00Z".parse().unwrap(),
        api_version: None,
        payload: newer.as_bytes(),
    };
    let ids = app.put_of("hubspot", &[item]).await;
    work(&app, &ids).await;
    let report = finish(&app, &admin, &job).await["report"].clone();
    assert_eq!((&report["processed"], &report["skipped"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(report["reasons"][0]["reason"], "another version stands");
    let amount = "select amount from payments where source = 'hubspot' and external_id = '0'";
    assert_eq!(app.db.scalar::<i64>(amount).await, 9_900);
}

#[tokio::test]
async fn a_version_that_cannot_be_read_any_more_is_a_dead_letter_and_what_stood_stays() {
    let mut app = TestApp::over(account(1532, 1)).await;
    let rows = [
        ("ch_1".to_owned(), unknown_to_it("ch_1")),
        ("ch_2".to_owned(), charge("ch_2", "100", "succeeded")),
    ];
    let ids = put(&app, &rows).await;
    work(&app, &ids).await;
    let collected = "select sum(amount)::bigint from payments where status = 'collected'";
    assert_eq!(app.db.scalar::<i64>(collected).await, 200);
    app.process.reader.insert("stripe", Mistaken::mistaken());
    let admin = admin(&app).await;
    let job = start(&admin, "/admin/remap", json!({"entity": "charge"})).await;
    let report = finish(&app, &admin, &job).await["report"].clone();
    assert_eq!((&report["processed"], &report["dead"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(
        app.db.scalar::<i64>(collected).await,
        200,
        "no money is lost by a reader's mistake"
    );
    let listed = get(&admin, "/admin/events/failed").await;
    assert_eq!(listed["events"][0]["externalId"], "ch_1");
}
