//! Every number on a page is that of the API at the same moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::html::numbers;
use super::seeded::Seeded;
use crate::jobs::{unknown_to_it, work};
use crate::process::batches::put;

/// A value of the API as the text that a page has.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Compares each number of a page with the API. Returns the routes that had them, with how many.
async fn compared(seeded: &Seeded, path: &str) -> BTreeMap<String, usize> {
    let html = seeded.world.page(&seeded.admin, path).await;
    let mut replies: BTreeMap<String, Value> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for number in numbers(&html) {
        if !replies.contains_key(&number.api) {
            replies.insert(number.api.clone(), seeded.api(&number.api).await);
        }
        let reply = &replies[&number.api];
        let there = reply.pointer(&number.pointer);
        let there = there.unwrap_or_else(|| panic!("{path}: {number:?} is not in {reply}"));
        assert_eq!(number.value, shown(there), "{path}: {number:?}");
        let route = number.api.split('?').next().unwrap_or_default().to_owned();
        *counts.entry(route).or_insert(0) += 1;
    }
    counts
}

#[tokio::test]
async fn every_number_on_a_page_is_in_the_reply_of_the_api_at_the_same_moment() {
    let seeded = Seeded::new(17_001).await;
    let mut routes = BTreeSet::new();
    for (path, least) in [
        ("/console", 12),
        ("/console/runs", 12),
        ("/console/queues", 1),
        ("/console/dead-letters", 1),
        ("/console/people?user=user-1", 1),
        ("/console/transactions", 6),
        ("/console/accounts", 3),
    ] {
        let counts = compared(&seeded, path).await;
        assert!(counts.values().sum::<usize>() >= least, "{path}: {counts:?}");
        routes.extend(counts.into_keys());
    }
    let run = format!("/console/runs/{}", seeded.run);
    assert!(compared(&seeded, &run).await.values().sum::<usize>() >= 5);
    let expected =
        ["/admin/events/failed", "/admin/metrics", "/metrics/revenue/daily", "/runs", "/stats"];
    for route in expected {
        assert!(routes.contains(route), "{route}: {routes:?}");
    }
}

#[tokio::test]
async fn how_far_a_job_is_is_told_alike_by_its_page_the_list_and_the_api() {
    let seeded = Seeded::new(17_004).await;
    let Seeded { world, operator, .. } = &seeded;
    let more: Vec<_> = (0..100)
        .map(|n| format!("ch_more_{n}"))
        .map(|id| (id.clone(), unknown_to_it(&id)))
        .collect();
    let ids = put(&world.app, &more).await;
    work(&world.app, &ids).await;
    let planned = world.planned(operator, &[]).await;
    let counted = compared(&seeded, &format!("/console/jobs/{planned}")).await;
    assert!(counted.values().sum::<usize>() >= 3, "{counted:?}");
    let job = world.started(operator, &[("source", "stripe")], "1").await;
    // Sixty rows in a minute, and not more in the same one.
    for step in [Duration::from_secs(60), Duration::ZERO] {
        world.app.clock.advance(step);
        world.app.relay.run_once(world.app.relay_deadline()).await.unwrap();
        world.app.drain().await;
    }
    let page = format!("/console/jobs/{job}");
    let counted = compared(&seeded, &page).await;
    let expected = BTreeMap::from([(format!("/admin/jobs/{job}"), 9)]);
    assert_eq!(counted, expected, "rows twice, the rate, each outcome, and the reason");
    let report = seeded.api(&format!("/admin/jobs/{job}")).await["report"].clone();
    let of = |what: &str| report[what].as_i64().unwrap();
    assert!(of("dead") > 0 && of("waiting") > 0, "{report}");
    let listed = compared(&seeded, "/console/jobs").await;
    assert_eq!(listed, BTreeMap::from([("/admin/jobs".to_owned(), 2)]));
    let running = compared(&seeded, "/console/jobs?state=planned").await;
    assert_eq!(running, BTreeMap::from([("/admin/jobs".to_owned(), 1)]));
}

#[tokio::test]
async fn revenue_is_that_of_the_api_cell_by_cell_in_three_zones_and_three_currencies() {
    let seeded = Seeded::new(17_002).await;
    let days = "startDate=2026-04-05&endDate=2026-05-30";
    let mut cells = 0;
    for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata"] {
        for currency in ["USD", "EUR", "JPY"] {
            for by in ["day", "week"] {
                let path =
                    format!("/console/revenue?by={by}&{days}&timezone={zone}&currency={currency}");
                let counts = compared(&seeded, &path).await;
                cells += counts.values().sum::<usize>();
                assert_eq!(counts.len(), 2, "{path}: {counts:?}");
            }
        }
    }
    assert!(cells > 9 * 5 * (56 + 9), "{cells}");
}

#[tokio::test]
async fn a_month_is_the_sum_of_its_days_and_the_csv_has_the_same_numbers() {
    let seeded = Seeded::new(17_003).await;
    let days = "startDate=2026-03-01&endDate=2026-05-31&currency=USD&timezone=UTC";
    let csv = |by: &str| format!("/console/revenue.csv?by={by}&{days}");
    let sums = |table: &str| {
        let mut sums: BTreeMap<(String, String), Vec<i128>> = BTreeMap::new();
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let key = (cells[0][..7].to_owned(), cells[1].to_owned());
            let digits = |cell: &str| cell.replace('.', "").parse::<i128>().unwrap();
            let numbers: Vec<i128> = cells[2..7].iter().map(|cell| digits(cell)).collect();
            let sum = sums.entry(key).or_insert_with(|| vec![0; 5]);
            sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        sums
    };
    let by_day = sums(&seeded.page(&csv("day")).await);
    let by_month = sums(&seeded.page(&csv("month")).await);
    assert!(by_day.len() >= 3, "{by_day:?}");
    assert_eq!(by_day, by_month);
    let summary = seeded.api(&format!("/metrics/revenue/summary?{days}")).await;
    let whole: i128 = by_month
        .iter()
        .filter(|((_, currency), _)| currency == "USD")
        .map(|(_, sums)| sums[3])
        .sum();
    assert_eq!(summary["netRevenueCents"], whole.to_string());
    let html = seeded.page(&format!("/console/revenue?by=month&{days}")).await;
    let rows = html.matches("<tr data-row=").count();
    assert_eq!(rows, 3, "March, April and May");
}
