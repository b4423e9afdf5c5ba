//! `/users/{userId}/journey`: the user's own events, in the bounds, byte for byte.

use super::events::{Row, add, ids, journey, row};
use super::{READ_KEY, add_key, config, database, errors, event, get, ok, ports, send};
use penstock_edge::http::{Request, Service as _};
use penstock_store::api_keys::Scope;
use serde_json::{Value, json};

#[tokio::test]
async fn a_users_events_come_newest_first_and_nobody_elses_among_them() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let tied = "2026-03-14T10:00:00.123456Z";
    let rows = [
        row("b", "ada", tied),
        row("a", "ada", "2026-03-14T10:00:00.123457Z"),
        row("z", "ada", "2026-03-13T10:00:00Z"),
        row("B", "ada", tied),
        row("\u{e9}", "ada", tied),
        row("c", "Ada", tied),
        row("d", "ada ", tied),
        Row { user_id: None, ..row("e", "", tied) },
    ];
    add(&database.client().await, &rows).await;
    let page = journey(&ports, "ada", "").await;
    assert_eq!(
        ids(&page),
        ["a", "\u{e9}", "b", "B", "z"],
        "by time, then by id in the order of its bytes"
    );
    assert_eq!(page["userId"], "ada");
    assert_eq!(page["nextCursor"], Value::Null);
    assert_eq!(ids(&journey(&ports, "Ada", "").await), ["c"]);
    assert_eq!(ids(&journey(&ports, "ada%20", "").await), ["d"]);
    let nobody = journey(&ports, "nobody", "").await;
    let bounds = (&nobody["from"], &nobody["to"]);
    assert_eq!(bounds, (&json!("2016-03-17T12:00:00Z"), &json!("2026-03-16T12:00:00Z")));
    assert_eq!(
        (&nobody["events"], &nobody["nextCursor"]),
        (&json!([]), &Value::Null),
        "we cannot tell who is known"
    );
}

#[tokio::test]
async fn an_event_is_told_with_all_that_is_known_of_it() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let mut full = row("e1", "ada", "2026-03-14T10:00:00.5Z");
    (full.session_id, full.clock_skew) = (Some("s1"), Some("past"));
    (full.payload, full.metadata) = (Some(r#"{"a":1}"#.to_owned()), Some("[2]".to_owned()));
    add(&database.client().await, &[full, row("e0", "ada", "2026-03-14T10:00:00Z")]).await;
    let events = journey(&ports, "ada", "").await["events"].take();
    let full = json!({
        "eventId": "e1", "userId": "ada", "type": "click", "sessionId": "s1", "occurredAt": "2026-03-14T10:00:00.5Z",
        "receivedAt": "2026-03-15T12:00:00Z", "clockSkew": "past", "payload": {"a": 1}, "metadata": [2],
    });
    let bare = json!({
        "eventId": "e0", "userId": "ada", "type": "click", "sessionId": null, "occurredAt": "2026-03-14T10:00:00Z",
        "receivedAt": "2026-03-15T12:00:00Z", "payload": null,
    });
    assert_eq!(events, json!([full, bare]));
}

#[tokio::test]
async fn what_a_sender_wrote_goes_out_as_it_came_in() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let texts = [
        r#"{"nul":"\u0000","lone":"\ud800","b":1,"b":2}"#,
        "[1e400, -0,\n\t1.50, 123456789012345678901234567890]",
        "{ \"\u{1f642}\" : \"\u{7f}\u{2028}\\/\\\"\" }",
        "\"text\"",
        &"[".repeat(64).chars().chain("]".repeat(64).chars()).collect::<String>(),
    ];
    let rows = texts.iter().enumerate().map(|(i, text)| {
        let mut row = row(&format!("e{i}"), "ada", &format!("2026-03-14T10:00:0{i}Z"));
        (row.payload, row.metadata) = (Some((*text).to_owned()), Some((*text).to_owned()));
        row
    });
    add(&database.client().await, &rows.collect::<Vec<_>>()).await;
    let event = event("GET", "/users/ada/journey", &[("x-api-key", READ_KEY)]);
    let request: Request = serde_json::from_value(event).unwrap();
    let body = ports.handle(&request, "invocation").await;
    let body = body.text();
    for text in texts {
        assert!(
            body.contains(&format!("\"payload\":{text},\"metadata\":{text}}}")),
            "{text}: {body}"
        );
    }
}

#[tokio::test]
async fn an_id_that_comes_twice_is_one_event_whoever_the_second_one_names() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let on = database.client().await;
    add(&on, &[row("e", "ada", "2026-03-14T10:00:00Z")]).await;
    add(&on, &[row("e", "ada", "2026-03-14T11:00:00Z"), row("e", "bob", "2026-03-14T11:00:00Z")])
        .await;
    let page = journey(&ports, "ada", "").await;
    assert_eq!(page["events"][0]["occurredAt"], "2026-03-14T10:00:00Z");
    assert_eq!((ids(&page).len(), ids(&journey(&ports, "bob", "").await).len()), (1, 0));
}

#[tokio::test]
async fn trap_32_what_cannot_have_happened_then_is_kept_and_flagged_and_found_only_by_who_asks_for_it()
 {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let flagged =
        |id: &str, time: &str, skew| Row { clock_skew: Some(skew), ..row(id, "ada", time) };
    let rows = [
        flagged("future", "2999-01-01T00:00:00Z", "future"),
        row("tomorrow", "ada", "2026-03-16T11:59:59.999999Z"),
        row("long ago", "ada", "2016-03-17T12:00:00Z"),
        flagged("longer ago", "2016-03-17T11:59:59.999999Z", "past"),
        flagged("past", "0000-01-01T00:00:00Z", "past"),
    ];
    add(&database.client().await, &rows).await;
    assert_eq!(ids(&journey(&ports, "ada", "").await), ["tomorrow", "long ago"]);
    let all = journey(&ports, "ada", "from=0000-01-01T00:00:00Z&to=9999-12-30T22:00:00Z").await;
    assert_eq!(ids(&all), ["future", "tomorrow", "long ago", "longer ago", "past"]);
    let flags: Vec<&Value> =
        all["events"].as_array().unwrap().iter().map(|event| &event["clockSkew"]).collect();
    assert_eq!(
        flags,
        [&json!("future"), &Value::Null, &Value::Null, &json!("past"), &json!("past")]
    );
    assert_eq!(
        ids(&journey(&ports, "ada", "from=2026-03-16T12:00:00Z&to=3000-01-01T00:00:00Z").await),
        ["future"]
    );
}

#[tokio::test]
async fn from_is_included_and_to_is_not_to_the_microsecond() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let rows = ["1", "2", "3"].map(|n| row(n, "ada", &format!("2026-03-14T10:00:00.00000{n}Z")));
    add(&database.client().await, &rows).await;
    for (from, to, expected) in [
        ("000001", "000003", vec!["2", "1"]),
        ("0000010", "0000031", vec!["3", "2", "1"]),
        ("0000011", "0000029", vec!["2"]),
        ("000003", "000004", vec!["3"]),
    ] {
        let query = format!("from=2026-03-14T10:00:00.{from}Z&to=2026-03-14T12:00:00.{to}%2B02:00");
        assert_eq!(ids(&journey(&ports, "ada", &query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn any_text_may_be_a_users_id() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let users = [
        ("auth0%7c7", "auth0|7"),
        ("a%2Fb", "a/b"),
        ("a+b%40c.d", "a+b@c.d"),
        ("100%2525", "100%25"),
        ("%C3%A4%3F", "\u{e4}?"),
    ];
    let longest = "\u{1f642}".repeat(255);
    let encoded = "%F0%9F%99%82".repeat(255);
    let users = users.into_iter().chain([
        (encoded.as_str(), longest.as_str()),
        ("..", ".."),
        ("journey", "journey"),
    ]);
    let users: Vec<(&str, &str)> = users.collect();
    let rows = users
        .iter()
        .enumerate()
        .map(|(i, (_, user))| row(&i.to_string(), user, "2026-03-14T10:00:00Z"));
    add(&database.client().await, &rows.collect::<Vec<_>>()).await;
    for (i, (encoded, user)) in users.iter().enumerate() {
        let page = journey(&ports, encoded, "").await;
        assert_eq!((ids(&page), &page["userId"]), (vec![i.to_string()], &json!(user)));
    }
    // As API Gateway has decoded it.
    let mut decoded = event("GET", "/users/a/b/journey", &[("x-api-key", READ_KEY)]);
    decoded["pathParameters"] = json!({"userId": "a/b"});
    assert_eq!(ids(&send(&ports, &decoded).await.body), ["1"]);
}

#[tokio::test]
async fn every_parameter_that_is_wrong_is_named() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let too_long = format!("/users/{}/journey", "x".repeat(256));
    for (target, names) in [
        ("/users/%00/journey", vec!["#/path/userId"]),
        ("/users/%ff/journey", vec!["#/path/userId"]),
        ("/users/a/b/journey", vec!["#/path/userId"]),
        (&too_long, vec!["#/path/userId"]),
        ("/users/a/journey?limit=0", vec!["#/query/limit"]),
        ("/users/a/journey?limit=1001", vec!["#/query/limit"]),
        (
            "/users/a/journey?limit=ten&from=today&to=&cursor=x&page=2",
            vec!["limit", "from", "to", "cursor", "page"],
        ),
        ("/users/a/journey?limit=1&limit=1", vec!["#/query/limit"]),
        ("/users/a/journey?from=2026-03-44&to=2026-03-14T25:00:00Z", vec!["from", "to"]),
        (
            "/users/a/journey?from=-000001-01-01T00:00:00Z&to=%2B010000-01-01T00:00:00Z",
            vec!["from", "to"],
        ),
        ("/users/a/journey?from=-009999-01-02T01:59:59Z", vec!["from"]),
        ("/users/a/journey?from=2026-03-14T00:00:00Z&to=2026-03-14T00:00:00Z", vec!["from"]),
        ("/users/a/journey?from=2027-01-01T00:00:00Z", vec!["from"]),
        ("/users/a/journey?to=2001-01-01T00:00:00Z", vec!["to"]),
        ("/users/%00/journey?limit=-1", vec!["#/path/userId", "limit"]),
    ] {
        let found: Vec<String> =
            errors(&get(&ports, target).await).into_iter().map(|(name, _)| name).collect();
        let full = |name: &&str| {
            if name.starts_with('#') { (*name).to_owned() } else { format!("#/query/{name}") }
        };
        assert_eq!(found, names.iter().map(full).collect::<Vec<_>>(), "{target}");
    }
    for target in ["/users//journey", "/users/journey", "/users/a", "/users/a/journey/", "/users/"]
    {
        assert_eq!(get(&ports, target).await.status, 404, "{target}");
    }
}

#[tokio::test]
async fn only_a_key_that_may_read_sees_a_journey() {
    let database = database().await;
    let on = database.client().await;
    add_key(&on, "ingest-key", Scope::Ingest).await;
    add_key(&on, "admin-key", Scope::Admin).await;
    add(&on, &[row("e", "ada", "2026-03-14T10:00:00Z")]).await;
    let ports = ports(database.database_of("metrics", 1), config());
    for headers in [
        &[][..],
        &[("x-api-key", "guess")],
        &[("x-api-key", "ingest-key")],
        &[("x-api-key", "admin-key")],
    ] {
        for target in
            ["/users/ada/journey", "/users/ada/journey?limit=1000", "/users/%00/journey", "/stats"]
        {
            let reply = send(&ports, &event("GET", target, headers)).await;
            assert_eq!(reply.status, 401, "{target}");
            assert!(!reply.body.to_string().contains("2026-03-14"), "{target}");
        }
    }
    let admin = [("x-admin-api-key", "admin-key")];
    assert_eq!(send(&ports, &event("GET", "/users/ada/journey", &admin)).await.status, 200);
    ok(&ports, "/users/ada/journey").await;
}
