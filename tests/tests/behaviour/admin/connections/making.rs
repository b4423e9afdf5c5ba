//! Accounts that are connected, and connections that get another key or other settings.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Desk, KEY, SIGNING, ask};

#[tokio::test]
async fn an_account_is_connected_by_a_key_and_its_first_runs_are_requested_at_once() {
    let desk = Desk::new(1301).await;
    let settings = json!({"livemode": "true", "rate_per_second": "10"});
    let body = json!({"source": "stripe", "key": KEY, "signingSecrets": [SIGNING, "whsec_old"], "settings": settings});
    let (status, reply) = desk.put("stripe-eu", body).await;
    assert_eq!(status, 201, "{reply}");
    for (field, value) in [
        ("name", json!("stripe-eu")),
        ("source", json!("stripe")),
        ("state", json!("active")),
        ("declared", json!(false)),
        ("settings", settings),
        ("keySecret", json!("penstock/local/keys/stripe-eu/1")),
        ("signingSecret", json!("penstock/local/signing/stripe-eu")),
        ("hasSigningSecret", json!(true)),
        ("webhookPath", json!("/webhooks/stripe/stripe-eu")),
        ("revision", json!(1)),
    ] {
        assert_eq!(reply[field], value, "{field}: {reply}");
    }
    let texts = desk.secrets.texts();
    assert_eq!(texts["penstock/local/keys/stripe-eu/1"], KEY);
    let list = r#"{"signingSecrets":["whsec_canary_77","whsec_old"]}"#;
    assert_eq!(texts["penstock/local/signing/stripe-eu"], list);
    assert_eq!(desk.asked(), [("stripe-eu".to_owned(), "event".to_owned(), "incremental")]);
    let requested = "select requested_why from sync_state where source = 'stripe-eu' and requested_at is not null";
    assert_eq!(desk.app.db.scalar::<String>(requested).await, "the connection has a new key");
    desk.assert_no_secret_is_left_over().await;
}

#[tokio::test]
async fn first_runs_are_requested_again_where_the_queue_takes_nothing() {
    let desk = Desk::new(1302).await;
    desk.app.requests.refuse(true);
    desk.connect("stripe-eu", KEY).await;
    desk.app.requests.refuse(false);
    assert!(desk.asked().is_empty());
    desk.app.clock.advance(Duration::from_secs(600));
    desk.app.relay.run_once(desk.app.relay_deadline()).await.unwrap();
    assert_eq!(desk.asked(), [("stripe-eu".to_owned(), "event".to_owned(), "incremental")]);
}

#[tokio::test]
async fn a_calendar_gets_a_channel_secret_that_nobody_knows_and_is_watched() {
    let desk = Desk::new(1303).await;
    let file = json!({"client_email": "reader@example.com", "private_key": "-----BEGIN PRIVATE KEY-----",
        "token_uri": "https://oauth2.googleapis.com/token"});
    let body = json!({"source": "gcal", "key": file.to_string(), "settings": {"calendar_id": "team@example.com"}});
    let (status, reply) = desk.put("team-calendar", body).await;
    assert_eq!((status, &reply["hasSigningSecret"]), (201, &json!(true)), "{reply}");
    let texts = desk.secrets.texts();
    let made = &texts["penstock/local/signing/team-calendar"];
    assert!(made.len() == 64 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
    let name = || "team-calendar".to_owned();
    let event = || "event".to_owned();
    assert_eq!(desk.asked(), [(name(), event(), "incremental"), (name(), event(), "watch")]);
}

#[tokio::test]
async fn the_same_again_changes_nothing_and_a_new_key_changes_row_and_secret_in_one_step() {
    let desk = Desk::new(1304).await;
    let first = desk.connect("stripe-eu", KEY).await;
    drop(desk.asked());
    let (status, same) = desk.put("stripe-eu", json!({"source": "stripe"})).await;
    assert_eq!((status, &same), (200, &first), "nothing is said, nothing is changed");
    assert!(desk.asked().is_empty());

    let rotated =
        json!({"source": "stripe", "key": "rk_live_new", "settings": {"livemode": "true"}});
    let (status, reply) = desk.put("stripe-eu", rotated).await;
    assert_eq!(
        (status, &reply["keySecret"]),
        (200, &json!("penstock/local/keys/stripe-eu/2")),
        "{reply}"
    );
    assert_eq!(reply["revision"], 2);
    assert_eq!(desk.secrets.texts()["penstock/local/keys/stripe-eu/2"], "rk_live_new");
    assert!(!desk.secrets.texts().contains_key("penstock/local/keys/stripe-eu/1"), "the old key");
    assert_eq!(desk.asked().len(), 1, "what the old key was refused is tried with the new one");

    let (status, reply) =
        desk.put("stripe-eu", json!({"source": "stripe", "settings": {"page_size": "50"}})).await;
    assert_eq!((status, &reply["settings"]), (200, &json!({"page_size": "50"})), "{reply}");
    assert_eq!(reply["keySecret"], "penstock/local/keys/stripe-eu/2", "the key stays");
    assert!(desk.asked().is_empty());
    desk.assert_no_secret_is_left_over().await;
}

#[tokio::test]
async fn a_secret_of_the_operators_own_is_used_by_its_name_and_never_deleted() {
    let desk = Desk::new(1311).await;
    let (key, signing) = ("penstock/local/keys/pipeline/eu", "penstock/local/signing/pipeline/eu");
    for secret in [key, signing] {
        desk.secrets.put(secret, "theirs");
    }
    let body = json!({"source": "stripe", "keySecret": key, "signingSecret": signing});
    let (status, reply) = desk.put("stripe-eu", body.clone()).await;
    assert_eq!(
        (status, &reply["keySecret"], &reply["signingSecret"]),
        (201, &json!(key), &json!(signing))
    );
    assert_eq!(desk.put("stripe-eu", body).await.1["revision"], 1, "the same again");
    let renamed = "penstock/local/keys/pipeline/eu-2";
    desk.secrets.put(renamed, "theirs");
    let (status, reply) =
        desk.put("stripe-eu", json!({"source": "stripe", "keySecret": renamed})).await;
    assert_eq!(
        (status, &reply["keySecret"], &reply["revision"]),
        (200, &json!(renamed), &json!(2))
    );
    assert_eq!(desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await.0, 200);
    assert_eq!(desk.secrets.texts().len(), 3);
}

#[tokio::test]
async fn the_list_has_what_the_template_declares_and_what_was_made_and_no_secret() {
    let desk = Desk::new(1312).await;
    desk.connect("stripe-eu", KEY).await;
    desk.ask("POST", "/connections/stripe/pause", Value::Null).await;
    let mut admin = desk.environment();
    admin.config.pushed = admin.config.sources.clone();
    admin.config.sources.extend(penstock_domain::source::find("gcal"));
    let (status, list) = ask(&admin, "GET", "/connections", &Value::Null).await;
    let told = |field: &str| {
        let all = list["connections"].as_array().unwrap().iter();
        all.map(|it| it[field].clone()).collect::<Vec<_>>()
    };
    assert_eq!(status, 200);
    assert_eq!(told("name"), [json!("gcal"), json!("stripe"), json!("stripe-eu")]);
    assert_eq!(told("state"), [json!("active"), json!("paused"), json!("active")]);
    assert_eq!(told("declared"), [json!(true), json!(true), json!(false)]);
    assert_eq!(told("hasSigningSecret"), [json!(false), json!(true), json!(true)]);
    let text = list.to_string();
    assert!(!text.contains("canary"), "{text}");
}
