//! The lines of `load` that alarms count.

use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_tests::captured_log::CapturedLog;

use super::filters::{Told, told};
use crate::load::LoadApp;

/// A day of a table is loaded, then a key is refused, and later a quota is used up.
async fn bigquery_refuses() -> Told {
    let app = LoadApp::new().await;
    let log = CapturedLog::start();
    app.write("events", "2026-11-28", 2).await;
    app.run().await;
    app.bigquery.quota(Some(0));
    app.write("events", "2026-11-29", 2).await;
    app.run().await;
    app.clock.set(app.clock.now() + Duration::from_secs(3_600));
    app.bigquery.rotate_key();
    app.run().await;
    told("BigQueryRefusesFilter", &log, 2)
}

/// One file is taken and one is not. Then a table is deleted.
async fn a_file_is_not_taken() -> Told {
    let app = LoadApp::new().await;
    let log = CapturedLog::start();
    app.write("events", "2026-11-28", 2).await;
    app.run().await;
    for _ in 0..2 {
        app.bigquery.fail_job("invalid", "no Parquet");
    }
    app.write("events", "2026-11-29", 2).await;
    app.run().await;
    app.clock.set(app.clock.now() + Duration::from_secs(15 * 60));
    app.run().await;
    app.bigquery.delete_table(crate::load::DATASET, "events");
    let again = app.environment();
    app.write("events", "2026-11-29", 2).await;
    let deadline = app.clock.now() + Duration::from_secs(900);
    again.serve(load::Request::Due, deadline).await.unwrap();
    told("BigQueryToLookAtFilter", &log, 2)
}

/// A file waits for six hours, and then a bit longer.
async fn a_file_waits() -> Told {
    let app = LoadApp::new().await;
    for _ in 0..2 {
        app.bigquery.fail_job("invalid", "no Parquet");
    }
    app.write("events", "2026-11-29", 2).await;
    let log = CapturedLog::start();
    app.run().await;
    app.clock.set(app.clock.now() + Duration::from_secs(6 * 3_600 - 60));
    app.run().await;
    app.clock.set(app.clock.now() + Duration::from_secs(120));
    app.run().await;
    told("BigQueryBehindFilter", &log, 1)
}

pub(super) async fn loads() -> [Told; 3] {
    let refused = Box::pin(bigquery_refuses()).await;
    let not_taken = Box::pin(a_file_is_not_taken()).await;
    [refused, not_taken, Box::pin(a_file_waits()).await]
}
