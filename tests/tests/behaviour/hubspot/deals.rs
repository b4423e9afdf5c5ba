//! The worth of deals: stages of custom pipelines, odd amounts, credits.

use std::collections::BTreeMap;

use penstock_domain::fetch_request::Mode;
use penstock_domain::source::hubspot::HubSpot;
use penstock_store::Chosen;
use penstock_tests::simulators::hubspot::Kind;
use penstock_tests::truth::hubspot::deals_due;

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

#[tokio::test]
async fn a_won_deal_of_a_custom_pipeline_is_revenue_without_any_setting() {
    let test = HubSpotTestApp::over(portal(30, 1, 40)).await;
    test.run(Mode::Incremental).await;
    let id = some(&test, Kind::Deal, 2);
    for (stage, status) in
        [("48231230", "pending"), ("48231231", "collected"), ("48231232", "failed")]
    {
        test.hubspot.portal().set_stage(id, stage);
        test.wait(100);
        test.run(Mode::Incremental).await;
        assert_eq!(test.deals().await[&id.to_string()].1, status, "{stage}");
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_38_a_stage_that_no_map_flag_or_name_decides_is_unmapped_listed_and_repaired() {
    let mut silent = portal(31, 1, 60);
    silent.deals_have_flags = false;
    let mut test = HubSpotTestApp::over(silent).await;
    test.run(Mode::Full).await;
    test.assert_true().await;
    let client = test.app.db.client().await;
    let listed = async || {
        let all = penstock_store::revenue::unmapped(&client, Chosen::default()).await.unwrap();
        all.into_iter().map(|s| (s.source, s.kind, s.raw_status)).collect::<Vec<_>>()
    };
    let stages = ["48231230", "48231231", "48231232"];
    let expected = stages.map(|stage| ("hubspot".to_owned(), "deal".to_owned(), stage.to_owned()));
    assert_eq!(listed().await, expected);
    let reported: Vec<String> = test
        .app
        .db
        .scalar("select unmapped from sync_runs where entity = 'deal' and mode = 'full'")
        .await;
    assert_eq!(reported, stages.map(|stage| format!("deal:{stage}")), "the run's report says so");

    let map = "48231230=pending,48231231=collected,*=failed";
    let settings = [("HUBSPOT_CURRENCY", "EUR"), ("HUBSPOT_DEAL_STAGES", map)];
    test.app.process.reader.add(&HubSpot, &settings.into_iter().collect()).unwrap();
    test.wait(3_600);
    test.run(Mode::Full).await;
    assert!(listed().await.is_empty());
    let status = "select string_agg(distinct raw_status || ' ' || status, ', ' order by raw_status || ' ' || status) \
                  from payments where raw_status like '4823%'";
    assert_eq!(
        test.app.db.scalar::<String>(status).await,
        "48231230 pending, 48231231 collected, 48231232 failed"
    );
}

#[tokio::test]
async fn trap_78_odd_amounts_and_credits_count_the_same_in_rows_buckets_and_every_sum() {
    let test = HubSpotTestApp::over(portal(32, 1, 30)).await;
    test.run(Mode::Incremental).await;
    let deals = test.hubspot.portal().live(Kind::Deal);
    let typed = [
        ("1234.567", 123_457),
        ("33.333333333333336", 3_333),
        ("150.005", 15_000),
        ("150.015", 15_002),
        ("-50.00", -5_000),
        ("-0.005", 0),
        ("1.0E3", 100_000),
    ];
    for (id, (text, minor)) in deals.iter().zip(typed) {
        test.hubspot.portal().type_amount(*id, text, Some(minor));
    }
    test.wait(100);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    assert_sums_agree(&test).await;
    // A credit that is taken back leaves no trace.
    test.hubspot.portal().type_amount(deals[4], "50", Some(5_000));
    test.wait(100);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    assert_sums_agree(&test).await;
}

/// Asserts that buckets, days and the rows themselves have the portal's sums of won deals.
async fn assert_sums_agree(test: &HubSpotTestApp) {
    let mut due = BTreeMap::<String, i128>::new();
    for (deal, status) in deals_due(&test.hubspot.portal()).into_values() {
        if status == "collected" {
            *due.entry(deal.currency).or_default() += i128::from(deal.amount);
        }
    }
    let rows =
        "select currency, sum(amount)::text from payments where status = 'collected' group by 1";
    let buckets = |grain: &str| {
        format!(
            "select currency, sum(amount)::text from revenue_buckets \
             where grain = '{grain}' and status = 'collected' \
             group by 1 having sum(count) > 0"
        )
    };
    let client = test.app.db.client().await;
    for sql in [rows.to_owned(), buckets("day"), buckets("quarter_hour")] {
        let ours = client.query(&sql, &[]).await.unwrap();
        let ours = ours
            .iter()
            .map(|row| (row.get::<_, String>(0), row.get::<_, String>(1).parse::<i128>().unwrap()));
        assert_eq!(ours.collect::<BTreeMap<_, _>>(), due, "{sql}");
    }
    penstock_store::revenue::rebuild(&client).await.unwrap();
    let again = client.query(&buckets("day"), &[]).await.unwrap();
    assert_eq!(again.len(), due.len());
}
