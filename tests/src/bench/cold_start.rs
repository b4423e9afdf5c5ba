//! Measures what a function costs before its first event: start-up time, memory and size.

use std::path::Path;

use penstock_edge::config;
use penstock_testkit::RuntimeHost;

use super::figures::{Figures, median, ms};
use super::say;
use crate::template::{Template, short_name};

const STARTS: usize = 20;

const KIB: f64 = 1024.0;

/// Returns the value of a variable that a deployment sets; the template has the others. No function
/// reads a secret before its first event.
pub(super) fn given(name: &str) -> Option<String> {
    let queue = || format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
    match name {
        "DATABASE_HOST" => Some("proxy.example.com".to_owned()),
        "SOURCES" => Some("stripe".to_owned()),
        "BUSINESS_TIMEZONE" => Some("Europe/Berlin".to_owned()),
        "DATABASE_SECRET_ARN" | "STRIPE_SECRET_ARN" | "STRIPE_WEBHOOK_SECRET_ARN" => {
            Some(format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}"))
        }
        _ => name.ends_with("_QUEUE_URL").then(queue),
    }
}

/// Starts the binaries of the zips in turn, so that the machine's other load falls on all of them.
pub(super) async fn measure(folder: &Path, figures: &mut Figures) {
    let template = Template::read();
    let env = config::from_process();
    let wanted = env.optional("FUNCTIONS");
    let is_wanted = |name: &str| {
        wanted.as_deref().is_none_or(|names| names.split_whitespace().any(|wanted| wanted == name))
    };
    let mut functions = template.functions();
    functions.retain(|(_, function)| is_wanted(short_name(function)));
    let mut measured: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); functions.len()];
    say(&format!("init: starting each function {STARTS} times"));
    for _ in 0..STARTS {
        for ((_, function), (times, sizes)) in functions.iter().zip(&mut measured) {
            let binary = folder.join(short_name(function)).join("bootstrap");
            assert!(binary.is_file(), "{} is not there: run `make bench`", binary.display());
            let variables = template.environment(function, given);
            let environment: Vec<(&str, &str)> =
                variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let host = RuntimeHost::start(&binary, &environment).await;
            times.push(ms(host.first_poll().await));
            sizes.push(f64::from(u32::try_from(host.resident_kib()).expect("below 4 TiB")) / KIB);
            host.kill().await;
        }
    }
    for ((_, function), (times, sizes)) in functions.iter().zip(measured) {
        let function = short_name(function);
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
