//! What a function costs before it has done anything.

use std::path::Path;

use penstock_testkit::RuntimeHost;

use super::figures::{Figures, median, ms};
use super::say;
use crate::repository::functions;

const STARTS: usize = 20;

const KIB: f64 = 1024.0;

/// As the template sets them: TLS with the system's roots, secrets by name. None is read before the
/// first event.
const ENVIRONMENT: [(&str, &str); 14] = [
    ("PENSTOCK_LOG", "info"),
    ("DATABASE_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:database"),
    ("DATABASE_HOST", "proxy.example.com"),
    ("DATABASE_NAME", "penstock"),
    ("DATABASE_TLS", "require"),
    ("DATABASE_POOL_SIZE", "1"),
    ("STRIPE_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe"),
    ("STRIPE_BASE_URL", "https://api.stripe.com"),
    ("TICKETS_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/tickets"),
    ("FETCH_REQUESTS_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/fetch-requests"),
    ("SPILL_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/spill"),
    ("STRIPE_WEBHOOK_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook"),
    ("BASE_CURRENCY", "USD"),
    ("BUSINESS_TIMEZONE", "Europe/Berlin"),
];

/// Starts what the zips hold, one function after the other by turns.
pub(super) async fn measure(folder: &Path, figures: &mut Figures) {
    let functions = functions();
    let mut measured: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); functions.len()];
    say(&format!("init: starting each function {STARTS} times"));
    for _ in 0..STARTS {
        for (function, (times, sizes)) in functions.iter().zip(&mut measured) {
            let binary = folder.join(function).join("bootstrap");
            assert!(binary.is_file(), "{} is not there: run `make bench`", binary.display());
            let host = RuntimeHost::start(&binary, &ENVIRONMENT).await;
            times.push(ms(host.first_poll().await));
            sizes.push(f64::from(u32::try_from(host.resident_kib()).expect("below 4 TiB")) / KIB);
            host.kill().await;
        }
    }
    for (function, (times, sizes)) in functions.iter().zip(measured) {
        let zip = folder.join(function).join("bootstrap.zip");
        let bytes = std::fs::metadata(&zip).map(|m| m.len()).unwrap_or_default();
        figures.note(format!("init_ms_{function}"), median(&times));
        figures.note(
            format!("init_min_ms_{function}"),
            times.iter().copied().fold(f64::INFINITY, f64::min),
        );
        figures.note(format!("rss_mb_{function}"), median(&sizes));
        figures.note(
            format!("zip_mb_{function}"),
            f64::from(u32::try_from(bytes).expect("below 4 GiB")) / KIB / KIB,
        );
    }
}
