//! An operator who invokes the function, and the lines of the log.

use penstock_tests::captured_log::CapturedLog;
use serde_json::{Value, json};

use super::{Desk, KEY, PREFIX, SIGNING};

#[tokio::test]
async fn an_operator_who_invokes_the_function_gets_the_same_replies_without_a_key() {
    let desk = Desk::new(1352).await;
    let admin = desk.environment();
    let invoke = async |command: Value| {
        admin.invoke(json!({"operator": command}), "invocation").await.unwrap()
    };
    let connection = json!({"source": "stripe", "key": KEY});
    let connect = json!({"do": "connect", "name": "stripe-eu", "connection": connection});
    let reply = invoke(connect).await;
    assert_eq!(
        (&reply["status"], &reply["body"]["name"]),
        (&json!(201), &json!("stripe-eu")),
        "{reply}"
    );
    for (command, status, state) in [
        (json!({"do": "pause", "name": "stripe-eu"}), 200, "/body/state"),
        (json!({"do": "resume", "name": "stripe-eu"}), 200, "/body/state"),
        (json!({"do": "list"}), 200, "/body/connections/1/state"),
        (json!({"do": "remove", "name": "stripe-eu"}), 200, "/body/connection/state"),
        (
            json!({"do": "remove", "name": "stripe-eu", "erase": true}),
            202,
            "/body/connection/state",
        ),
    ] {
        let reply = invoke(command.clone()).await;
        assert_eq!(reply["status"], status, "{command}: {reply}");
        assert!(reply.pointer(state).is_some_and(Value::is_string), "{command}: {reply}");
    }
    let refused =
        invoke(json!({"do": "connect", "name": "A", "connection": {"source": "stripe"}})).await;
    assert_eq!(refused["status"], 400, "{refused}");
    assert_eq!(refused["body"]["errors"][0]["pointer"], "#/path/name", "{refused}");
    for command in
        [json!({"do": "steal"}), json!(7), json!({"do": "connect", "name": "a", "key": KEY})]
    {
        let error = admin.invoke(json!({"operator": command}), "i").await.unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    // An event of the gateway is no command, whatever its body says.
    let event = json!({"rawPath": "/connections", "headers": {}, "requestContext": {"http": {"method": "GET"}},
        "body": json!({"operator": {"do": "list"}}).to_string()});
    assert_eq!(admin.invoke(event, "i").await.unwrap()["statusCode"], 401);
}

#[tokio::test]
async fn every_change_writes_a_line_with_names_and_outcomes_and_no_line_has_a_key() {
    let desk = Desk::new(1353).await;
    let log = CapturedLog::start();
    desk.connect("stripe-eu", KEY).await;
    desk.put(
        "stripe-eu",
        json!({"source": "stripe", "key": format!("{KEY}2"), "signingSecrets": [SIGNING]}),
    )
    .await;
    desk.put("stripe-eu", json!({"source": "stripe", "key": "a canary"})).await;
    desk.put("stripe-eu", json!({"source": "stripe", "canary": 7})).await;
    desk.secrets.refuse(true);
    desk.put("stripe-eu", json!({"source": "stripe", "key": KEY})).await;
    desk.secrets.refuse(false);
    desk.ask("POST", "/connections/stripe-eu/pause", Value::Null).await;
    desk.ask("POST", "/connections/stripe-eu/resume", Value::Null).await;
    desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await;
    desk.ask("DELETE", "/connections/stripe-eu?erase=true", Value::Null).await;
    let text = log.text();
    assert!(!text.contains("canary"), "{text}");
    let changes: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["event"] == "connection_changed")
        .collect();
    let told: Vec<&str> = changes.iter().map(|line| line["change"].as_str().unwrap()).collect();
    assert_eq!(told, ["connected", "changed", "paused", "resumed", "removed", "erasing"]);
    for line in &changes {
        assert_eq!(
            (&line["who"], &line["connection"]),
            (&json!("operator"), &json!("stripe-eu")),
            "{line}"
        );
        assert!(line["request_id"].is_string() && line["state"].is_string(), "{line}");
    }
    assert!(text.contains("secret_not_written"), "{text}");
    assert!(
        !desk
            .app
            .db
            .scalar::<String>("select string_agg(c::text, '') from connections c")
            .await
            .contains("canary")
    );
    assert_eq!(PREFIX, desk.environment().config.secrets_prefix);
}
