//! Spans over OTLP/HTTP, in the JSON encoding that the protocol has beside the binary one
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). OpenTelemetry's own collector takes
//! both. Written by hand, since the crates of OpenTelemetry are some thirty more for these few
//! fields.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::trace::{SpanId, TraceId};
use serde_json::{Value, json};

use crate::span::Ended;
use crate::work::Work;

/// An invocation waits no longer than this for the receiver. It is billed time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Spans that wait at most. More are dropped: an invocation has few.
const MOST: usize = 1_000;

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// The receiver, and the spans that wait for it.
struct Exporter {
    url: String,
    percent: u64,
    client: reqwest::Client,
    spans: Mutex<Vec<(&'static str, Value)>>,
}

/// Starts to export to `OTEL_EXPORTER_OTLP_ENDPOINT`, if that is set: `OTLP_SAMPLE_PERCENT` of all
/// traces (default 10), chosen by their ids, so that each is there whole or not at all. A caller's
/// own flag does not count, because anyone could have all of their requests exported.
///
/// # Errors
/// [`ConfigError::Invalid`] if the percentage is none, or TLS cannot be set up.
pub(crate) fn start(env: &Env) -> Result<(), ConfigError> {
    let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let Some(endpoint) = env.optional(name) else { return Ok(()) };
    let percent = env.parsed_or("OTLP_SAMPLE_PERCENT", 10_u64)?;
    // This fails only if a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    #[expect(clippy::disallowed_methods, reason = "the provider is installed above")]
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let client = client.map_err(|error| ConfigError::Invalid {
        name: name.to_owned(),
        reason: error.to_string(),
    })?;
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    drop(EXPORTER.set(Exporter { url, percent, client, spans: Mutex::default() }));
    Ok(())
}

/// Whether a trace is exported.
fn is_chosen(id: TraceId, percent: u64) -> bool {
    let mut last = [0; 8];
    last.copy_from_slice(&id.bytes()[8..]);
    u64::from_be_bytes(last) % 100 < percent
}

pub(crate) fn note(work: &Work, ended: Ended) {
    let Some(exporter) = EXPORTER.get().filter(|it| is_chosen(work.trace.id, it.percent)) else {
        return;
    };
    let mut spans = exporter.spans.lock().unwrap_or_else(PoisonError::into_inner);
    if spans.len() < MOST {
        spans.push((work.function, span(work, ended)));
    }
}

/// Sends what waits. What the receiver does not take is dropped, and logged.
pub(crate) async fn flush() {
    let Some(exporter) = EXPORTER.get() else { return };
    let spans = std::mem::take(&mut *exporter.spans.lock().unwrap_or_else(PoisonError::into_inner));
    if spans.is_empty() {
        return;
    }
    let count = spans.len();
    let sent = exporter.client.post(&exporter.url).header("content-type", "application/json");
    let sent = sent.body(request(spans).to_string()).send().await;
    match sent.map(|reply| reply.status()) {
        Ok(status) if status.is_success() => {}
        Ok(status) => {
            tracing::warn!(event = "spans_not_sent", spans = count, status = status.as_u16());
        }
        Err(error) => {
            let timed_out = error.is_timeout();
            tracing::warn!(event = "spans_not_sent", spans = count, timed_out);
        }
    }
}

/// Returns the body of an export request. A process is one function.
fn request(spans: Vec<(&'static str, Value)>) -> Value {
    let function = spans.first().map_or("", |(function, _)| *function);
    let spans: Vec<Value> = spans.into_iter().map(|(_, span)| span).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", &format!("penstock-{function}"))]},
        "scopeSpans": [{"scope": {"name": "penstock"}, "spans": spans}],
    }]})
}

fn span(work: &Work, ended: Ended) -> Value {
    let end = ended.at.as_nanosecond();
    let took = i128::try_from(ended.took.as_nanos()).unwrap_or(0);
    json!({
        "traceId": work.trace.id.to_string(),
        "spanId": work.trace.span.to_string(),
        "parentSpanId": work.trace.parent.map(|parent: SpanId| parent.to_string()).unwrap_or_default(),
        "name": ended.name,
        "kind": ended.kind as u8,
        "startTimeUnixNano": (end - took).to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": [
            text("faas.name", work.function),
            text("penstock.request_id", &work.request_id),
        ],
        "status": {"code": if ended.failed { 2 } else { 0 }},
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_chosen_by_their_ids_and_so_are_the_same_in_each_function() {
        let chosen = |percent| {
            let ids = (0..1_000).map(|n| Work::invoked("fetch", &n.to_string(), None).trace.id);
            ids.filter(|id| is_chosen(*id, percent)).count()
        };
        assert_eq!((chosen(0), chosen(100)), (0, 1_000));
        assert!((50..150).contains(&chosen(10)), "{}", chosen(10));
    }
}
