//! Hostile input: the bytes come out unchanged, or a 4xx names the place. No row blocks another.

use std::path::Path;

use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::ingest::{pointers, post};
use crate::stripe_account::account;

/// Strings that break software; a few that the published list does not have.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "given by the environment; a skip must be seen"
)]
fn naughty_strings() -> Vec<String> {
    let mut strings: Vec<String> =
        ["\u{0}", "a\u{0}b", "\u{feff}", "\u{202e}abc", "\u{1f600}", "'; drop table leads; --"]
            .map(str::to_owned)
            .into();
    strings.extend([String::new(), "z\u{338}".repeat(500), "\u{10ffff}".to_owned()]);
    let Ok(fixtures) = std::env::var("PENSTOCK_FIXTURES") else {
        eprintln!("without the published list: PENSTOCK_FIXTURES is not set");
        return strings;
    };
    let list = std::fs::read(Path::new(&fixtures).join("text/blns.json")).unwrap();
    strings.extend(serde_json::from_slice::<Vec<String>>(&list).unwrap());
    strings
}

/// Bodies that are not clean JSON.
fn odd_bodies() -> Vec<Vec<u8>> {
    let gzip =
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let mut bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        gzip.to_vec(),
        (0..=255).collect(),
        b"\xc3\x28".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        "{".repeat(200).into_bytes(),
    ];
    bodies.extend(
        [
            format!("{}{}", "[".repeat(200), "]".repeat(200)),
            "{\"a\":".repeat(200) + "1" + &"}".repeat(200),
        ]
        .map(String::into_bytes),
    );
    for text in [
        "null",
        "true",
        "0",
        "\"\"",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "{\"email\":\"\\ud800\"}",
        "{\"n\":1e400}",
        "{\"a\":1,\"a\":2}",
        "{\"email\":\"a\\u0000b\"}",
        "NaN",
        "{\"a\":1}{\"a\":2}",
        "{\"a\":1,}",
        "// x\n{}",
    ] {
        bodies.push(text.as_bytes().to_vec());
    }
    bodies
}

#[tokio::test]
async fn leads_are_kept_byte_for_byte_whatever_they_are() {
    let app = TestApp::over(account(340, 1)).await;
    app.let_in().await;
    let mut sent: Vec<Vec<u8>> = odd_bodies();
    for text in naughty_strings() {
        sent.push(text.clone().into_bytes());
        sent.push(
            json!({"email": text, "name": text, "phone": text, "company": text})
                .to_string()
                .into_bytes(),
        );
    }
    for (n, body) in sent.iter().enumerate() {
        let headers =
            [&[][..], &[("Content-Type", "application/json")], &[("Content-Encoding", "gzip")]]
                [n % 3];
        let reply = post(&app.ingest, "/leads", headers, body).await;
        assert_eq!(reply.status, 201, "{body:?}: {}", reply.body);
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let rows = app
        .db
        .client()
        .await
        .query("select body from leads where state = 'accepted'", &[])
        .await
        .unwrap();
    let mut kept: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    kept.sort();
    sent.sort();
    assert_eq!(kept, sent);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
}

#[tokio::test]
async fn in_an_events_payload_any_json_comes_out_as_it_went_in() {
    let app = TestApp::over(account(341, 1)).await;
    app.let_in().await;
    let mut payloads: Vec<String> =
        naughty_strings().iter().map(|text| json!({"text": text}).to_string()).collect();
    payloads.extend(
        [
            "1e400",
            "-0.0",
            "\"\\ud800\"",
            "\"\\u0000\"",
            "{\"a\":1,\"a\":2}",
            "[ 1 , 2 ]",
            "123456789012345678901234567890",
            "{ }",
        ]
        .map(str::to_owned),
    );
    payloads.push(format!("{}{}", "[".repeat(62), "]".repeat(62)));
    for (n, payload) in payloads.iter().enumerate() {
        let body = format!("{{\"eventType\":\"t\",\"eventId\":\"{n}\",\"payload\":{payload}}}");
        let reply = post(&app.ingest, "/events", &[], body.as_bytes()).await;
        assert_eq!(reply.status, 201, "{payload}: {}", reply.body);
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let rows = app
        .db
        .client()
        .await
        .query("select payload from events order by event_id::int", &[])
        .await
        .unwrap();
    let kept: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kept, payloads);
}

#[tokio::test]
async fn ids_and_names_of_any_text_come_out_as_they_went_in_or_are_a_400_that_names_the_field() {
    let app = TestApp::over(account(342, 1)).await;
    app.let_in().await;
    let mut taken = Vec::new();
    for (n, text) in naughty_strings().into_iter().enumerate() {
        let event = json!({"userId": text, "sessionId": text, "type": text, "eventId": format!("{n} {text}")});
        let reply = post(&app.ingest, "/events", &[], event.to_string().as_bytes()).await;
        let wrong = text.is_empty() || text.contains('\0') || text.chars().count() > 250;
        assert_eq!(reply.status, if wrong { 400 } else { 202 }, "{text:?}: {}", reply.body);
        if wrong {
            assert!(pointers(&reply).contains(&"#/userId"), "{text:?}");
        } else {
            taken.push((format!("{n} {text}"), text));
        }
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let sql = "select event_id, user_id, session_id, type from events";
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), taken.len());
    let found: std::collections::HashMap<String, [String; 3]> =
        rows.iter().map(|row| (row.get(0), [row.get(1), row.get(2), row.get(3)])).collect();
    for (id, text) in taken {
        assert_eq!(found[&id], [text.clone(), text.clone(), text], "{id}");
    }
}

#[tokio::test]
async fn a_body_without_events_is_a_4xx_that_names_the_place_and_leaves_no_row() {
    let app = TestApp::over(account(343, 1)).await;
    app.let_in().await;
    for body in odd_bodies() {
        let reply = post(&app.ingest, "/events", &[], &body).await;
        assert_eq!(reply.status, 400, "{body:?}: {}", reply.body);
        assert!(!pointers(&reply).is_empty(), "{body:?}");
    }
    for (body, detail) in [
        (&b"\"a\xff\""[..], "The body is not UTF-8 at byte 2."),
        (&[b' ', b'['].repeat(65), "The body is nested more than 64 deep at byte 129."),
        (
            b"{\"a\"",
            "The body is not an event or an array of events: it ends too early, at line 1 column 4.",
        ),
        (b"[]", "The array of events is empty."),
    ] {
        let reply = post(&app.ingest, "/events", &[], body).await;
        assert_eq!(reply.body["errors"], json!([{"pointer": "#", "detail": detail}]));
    }
    for (fields, wrong) in [
        (r#""userId":"a","userId":"b""#, vec!["#/userId"]),
        (r#""userId":"\ud800""#, vec!["#/userId"]),
        (r#""userId":1e400"#, vec!["#/userId"]),
        (r#""userId":null"#, vec!["#/userId"]),
        (r#""userId":"u","eventId":"\u0000""#, vec!["#/eventId"]),
        (r#""userId":"u","eventType":"t","metadata":[]"#, vec!["#/payload", "#/metadata"]),
    ] {
        let body = format!("{{{fields},\"sessionId\":\"s\",\"type\":\"t\"}}");
        let reply = post(&app.ingest, "/events", &[], body.as_bytes()).await;
        assert_eq!((reply.status, pointers(&reply)), (400, wrong), "{fields}");
    }
    for (encoding, body) in [("gzip", &b"\xff{}"[..]), ("zstd", b"{}")] {
        let reply = post(&app.ingest, "/events", &[("Content-Encoding", encoding)], body).await;
        assert_eq!((reply.status, pointers(&reply)), (400, vec!["#/header/Content-Encoding"]));
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 0);
}

#[tokio::test]
async fn nothing_internal_leaks_when_a_row_that_was_taken_cannot_be_read() {
    let app = TestApp::over(account(344, 1)).await;
    app.let_in().await;
    post(&app.ingest, "/events", &[], br#"{"eventType":"t","payload":1,"eventId":"good"}"#).await;
    // Only a person with psql writes such a row; its neighbours must not wait for it.
    let sql = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
               next_attempt_at, received_at) select gen_random_uuid(), source, entity, n, '1', version_at, '\\xff', '', \
               next_attempt_at, received_at from outbox, (values ('bad'), ('worse')) as t (n)";
    app.db.client().await.batch_execute(sql).await.unwrap();
    app.clock.advance(std::time::Duration::from_secs(400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.db.assert_nothing_waits().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from events").await, 1);
    let errors: Value = app
        .db
        .scalar::<String>("select json_agg(distinct error)::text from dead_letters")
        .await
        .parse()
        .unwrap();
    assert_eq!(errors, json!(["not UTF-8 at byte 0"]));
}
