//! Requests of form builders: forms and JSON in every dress, compressed, and with the key in the
//! path (trap 71).

use std::io::Read;

use flate2::Compression;
use penstock_edge::http::Method;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::json;
use uuid::Uuid;

use crate::ingest::spill::cut_off;
use crate::ingest::{answer, environment, pointers, post, request};
use crate::stripe_account::account;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const ADA: &[u8] = br#"{"email":"ada@x.example"}"#;

async fn test_app(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    app
}

/// State, e-mail address and body of each lead, after everything was processed.
async fn leads(app: &TestApp) -> Vec<(String, Option<String>, Vec<u8>)> {
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let sql = "select state, email, body from leads order by received_at, id";
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// [`ADA`] as gzip, zlib, raw deflate and brotli, each with its Content-Encoding.
fn compressed() -> [(&'static str, Vec<u8>); 5] {
    let raw = flate2::read::DeflateEncoder::new(ADA, Compression::default());
    let zlib = flate2::read::ZlibEncoder::new(ADA, Compression::default());
    let brotli = "0b0c807b22656d61696c223a2261646140782e6578616d706c65227d03";
    [
        ("gzip", gzip(ADA)),
        ("x-gzip", gzip(ADA)),
        ("deflate", read(raw)),
        ("deflate", read(zlib)),
        ("br", hex::decode(brotli).unwrap()),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    read(flate2::read::GzEncoder::new(bytes, Compression::default()))
}

fn read(mut from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

/// 4 MiB of zeros as gzip, in 4 KiB.
fn bomb() -> Vec<u8> {
    gzip(&vec![b'0'; 4 * 1024 * 1024])
}

#[tokio::test]
async fn trap_71_forms_with_spaces_brackets_and_line_ends_are_taken_and_whom_to_call_is_found() {
    let app = test_app(380).await;
    let multipart = ("Content-Type", "multipart/form-data; boundary=x");
    let json = ("Content-Type", "application/json");
    let sent: Vec<((&str, &str), Vec<u8>)> = vec![
        (FORM, b"form_fields%5Bname%5D=Ada&form_fields%5Bemail%5D=ada%40x.example".to_vec()),
        (FORM, b"fields%5Bemail%5D%5Bid%5D=email&fields%5Bemail%5D%5Bvalue%5D=ada%40x.example".to_vec()),
        (FORM, b"page_id=1&data.json=%7B%22email%22%3A%5B%22ada%40x.example%22%5D%7D".to_vec()),
        (FORM, b"name=Ada Lovelace&email=ada@x.example".to_vec()),
        (FORM, b"name=Ada&email=ada@x.example\n".to_vec()),
        (FORM, b"name=Ada&msg=a<b&email=ada@x.example".to_vec()),
        (
            multipart,
            b"--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nada@x.example\r\n--x--\r\n".to_vec(),
        ),
        (json, [b"\xef\xbb\xbf", ADA].concat()),
        (("Content-Type", "text/plain"), ADA.to_vec()),
    ];
    for (n, (header, body)) in sent.iter().enumerate() {
        for path in ["/leads", "/api/lead"] {
            let reply = post(&app.ingest, path, &[*header], body).await;
            assert_eq!(reply.status, 201, "{n} at {path}: {}", reply.body);
            app.clock.advance(std::time::Duration::from_secs(1));
        }
    }
    let twice = sent.into_iter().flat_map(|(_, body)| [body.clone(), body]);
    let email = || Some("ada@x.example".to_owned());
    let expected: Vec<_> = twice.map(|body| ("accepted".to_owned(), email(), body)).collect();
    assert_eq!(leads(&app).await, expected);
}

#[tokio::test]
async fn compressed_leads_are_kept_as_they_came_with_their_encoding_and_read_inflated() {
    let app = test_app(381).await;
    for (encoding, body) in compressed() {
        for path in ["/leads", "/api/lead"] {
            let key = format!("{encoding} {} {path}", body.len()).replace(' ', "-");
            let headers = [("Content-Encoding", encoding), ("Idempotency-Key", &key)];
            let reply = post(&app.ingest, path, &headers, &body).await;
            assert_eq!(reply.status, 201, "{encoding} at {path}: {}", reply.body);
            app.clock.advance(std::time::Duration::from_secs(1));
        }
    }
    // Encodings that nobody knows, and a bomb: kept, but not read.
    for (path, encoding, body, status) in [
        ("/leads", "zstd", &b"\x28\xb5\x2f\xfd"[..], 201),
        ("/leads", "gzip", &bomb(), 201),
        ("/api/lead", "gzip", &bomb(), 400),
    ] {
        let reply = post(&app.ingest, path, &[("Content-Encoding", encoding)], body).await;
        assert_eq!(reply.status, status, "{encoding} at {path}: {}", reply.body);
        app.clock.advance(std::time::Duration::from_secs(1));
    }
    let leads = leads(&app).await;
    let sent: Vec<Vec<u8>> =
        compressed().map(|(_, body)| [body.clone(), body]).into_iter().flatten().collect();
    let email = Some("ada@x.example".to_owned());
    let expected: Vec<_> =
        sent.into_iter().map(|body| ("accepted".to_owned(), email.clone(), body)).collect();
    assert_eq!(leads[..10], expected);
    let unread: Vec<_> =
        leads[10..].iter().map(|(state, email, _)| (state.as_str(), email.clone())).collect();
    assert_eq!(unread, [("accepted", None), ("accepted", None), ("rejected", None)]);
    let kept =
        "select string_agg(distinct content_encoding, ' ' order by content_encoding) from leads";
    assert_eq!(app.db.scalar::<String>(kept).await, "br deflate gzip x-gzip zstd");
}

#[tokio::test]
async fn compressed_events_are_inflated_and_a_bomb_is_a_413() {
    let app = test_app(382).await;
    let event = br#"{"userId":"u","sessionId":"s","type":"t"}"#;
    let brotli = hex::decode(
        "0b14807b22757365724964223a2275222c2273657373696f6e4964223a2273222c2274797065223a2274227d03",
    );
    let utf16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(event.iter().map(|byte| u16::from(*byte)))
        .flat_map(u16::to_le_bytes)
        .collect();
    for (encoding, body) in [
        ("br", brotli.unwrap()),
        ("gzip", gzip(event)),
        ("gzip", event.to_vec()),
        ("identity", [b"\xef\xbb\xbf", &event[..]].concat()),
        ("identity", utf16),
    ] {
        let reply = post(&app.ingest, "/events", &[("Content-Encoding", encoding)], &body).await;
        assert_eq!(reply.status, 202, "{encoding}: {}", reply.body);
    }
    for (encoding, body, status) in
        [("gzip", bomb(), 413), ("zstd", event.to_vec(), 400), ("gzip", vec![0xff; 9], 400)]
    {
        let reply = post(&app.ingest, "/events", &[("Content-Encoding", encoding)], &body).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        if status == 400 {
            assert_eq!(pointers(&reply), ["#/header/Content-Encoding"]);
        }
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from events where user_id = 'u'").await, 5);
    // A row of an event is plain text, whatever its request was.
    let plain = "select count(distinct payload) || ' ' || count(content_encoding) from outbox where source = 'events'";
    assert_eq!(app.db.scalar::<String>(plain).await, "1 0");
}

#[tokio::test]
async fn a_builder_that_can_set_no_header_posts_to_a_path_with_a_key_of_its_own_which_no_line_repeats()
 {
    let app = test_app(383).await;
    let log = CapturedLog::start();
    let path = format!("/leads/{INGEST_KEY}");
    let send = async |path: &str, headers: &[(&str, &str)]| {
        answer(&app.ingest, request(path, headers, ADA)).await
    };
    let first = send(&path, &[("Idempotency-Key", "k")]).await;
    assert_eq!((first.status, &first.body["ok"]), (201, &json!(true)));
    let again = post(&app.ingest, "/leads", &[("Idempotency-Key", "k")], ADA).await;
    assert_eq!((again.status, again.lead_id()), (200, first.lead_id()), "one sender, one lead");
    // The key in the path decides, also beside one that is good and one that is not.
    assert_eq!(
        send(&path, &[("X-Api-Key", "wrong"), ("X-Admin-Api-Key", "wrong")]).await.status,
        201
    );
    for wrong in
        ["wrong", "wrong%2Fkey", &INGEST_KEY.replace("_ingest_", "_read_"), &"k".repeat(513)]
    {
        let reply = send(&format!("/leads/{wrong}"), &[("X-Api-Key", INGEST_KEY)]).await;
        assert_eq!(reply.status, 401, "{wrong}");
    }
    for (method, path) in
        [(Method::GET, &*path), (Method::HEAD, &*path), (Method::GET, "/leads/wrong")]
    {
        let mut other = request(path, &[], b"");
        other.method = method;
        let reply = penstock_edge::http::Service::handle(&app.ingest, &other, "invocation").await;
        let allow = reply.headers["allow"].to_str().unwrap();
        assert_eq!((reply.status_code, allow), (405, "POST, PATCH, GET, HEAD"), "of metrics");
    }
    let id: Uuid = app.db.scalar("select id from api_keys where scope = 'ingest'").await;
    app.db
        .client()
        .await
        .execute("update api_keys set revoked_at = now() where id = $1", &[&id])
        .await
        .unwrap();
    let later = environment(&app);
    assert_eq!(answer(&later, request(&path, &[], ADA)).await.status, 401, "revoked");
    let text = log.text();
    assert!(text.contains("\"route\":\"/leads/{id}\""), "{text}");
    assert!(!text.contains(INGEST_KEY) && !text.contains("/leads/wrong"), "{text}");
    assert_eq!(leads(&app).await.len(), 2);
}

#[tokio::test]
async fn a_key_in_the_path_goes_through_an_outage_as_one_in_a_header_and_is_in_no_message() {
    let app = cut_off(384).await;
    app.spill.take();
    let path = format!("/leads/{INGEST_KEY}");
    assert_eq!(answer(&app.ingest, request(&path, &[], ADA)).await.status, 202);
    let spilled = app.spill.take();
    assert_eq!(spilled.len(), 1);
    assert!(!spilled[0].contains(INGEST_KEY) && !spilled[0].contains("penstock_ingest"));
    assert_eq!(app.bring_in(&spilled).await, 0);
    let leads = leads(&app).await;
    assert_eq!(leads, [("accepted".to_owned(), Some("ada@x.example".to_owned()), ADA.to_vec())]);
}
