//! A collector on loopback gets one trace over two functions, with the ids that the log has.
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, reason = "test code")]

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::config::Env;
use penstock_domain::trace::Trace;
use penstock_telemetry::export::flush;
use penstock_telemetry::span::{Ended, Kind};
use penstock_telemetry::work::Work;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Accepts one request, answers 200, and returns its head and its body.
async fn collect(listener: TcpListener) -> (String, Value) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.unwrap();
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            let reply =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(reply.as_bytes()).await.unwrap();
            return (head, serde_json::from_str(body).unwrap());
        }
    }
}

#[tokio::test]
async fn one_trace_arrives_at_a_collector_with_its_ids_before_the_invocation_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTLP_SAMPLE_PERCENT", "100")];
    penstock_telemetry::init(&settings.into_iter().collect::<Env>()).unwrap();
    let collecting = tokio::spawn(collect(listener));

    let trace = Trace::continued(SENT, "ingest/1").unwrap();
    let edge = Work { function: "ingest", request_id: "1".to_owned(), trace };
    let message = Work { trace: trace.child("process/2/m"), ..edge.clone() };
    let at: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
    let took = Duration::from_millis(20);
    edge.ended(Ended { kind: Kind::Server, name: "answered", at, took, failed: false });
    message.ended(Ended { kind: Kind::Consumer, name: "message_worked", at, took, failed: true });
    flush().await;

    let (head, body) = collecting.await.unwrap();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let resource = &body["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["key"], "service.name");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let [first, second] = spans.as_slice() else { panic!("{body}") };
    for span in [first, second] {
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["startTimeUnixNano"], "1777636799980000000");
        assert_eq!(span["endTimeUnixNano"], "1777636800000000000");
    }
    assert_eq!(first["parentSpanId"], "00f067aa0ba902b7", "the caller's");
    assert_eq!(second["parentSpanId"], first["spanId"]);
    assert_eq!((first["kind"].as_u64(), second["kind"].as_u64()), (Some(2), Some(5)));
    assert_eq!((&first["status"]["code"], &second["status"]["code"]), (&0.into(), &2.into()));
}
