//! Requests that are refused, with the field at fault.

use penstock_edge::http::{Request, Service as _};
use serde_json::{Value, json};

use super::{Desk, KEY, faults};
use crate::admin::trigger::ADMIN_KEY;

#[tokio::test]
async fn whatever_is_wrong_is_named_by_its_field_and_nothing_is_written() {
    let desk = Desk::new(1305).await;
    let good = json!({"source": "stripe", "key": KEY});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let cases = [
        ("stripe-eu", json!({"key": KEY}), "#/source", "is required: one of stripe, hubspot, gcal"),
        (
            "stripe-eu",
            with("source", json!("paypal")),
            "#/source",
            "must be one of stripe, hubspot, gcal",
        ),
        ("stripe-eu", with("source", json!(7)), "#/source", "must be a text"),
        ("Stripe", good.clone(), "#/path/name", "must be 1 to 40 of"),
        ("stripe.eu", good.clone(), "#/path/name", "must be 1 to 40 of"),
        ("hubspot", good.clone(), "#/path/name", "is the name of another source"),
        ("leads", good.clone(), "#/path/name", "is the name of another source"),
        ("stripe-eu", json!({"source": "stripe"}), "#/key", "is required"),
        ("stripe-eu", with("key", json!("")), "#/key", "must be a text of 1 to"),
        ("stripe-eu", with("key", json!(null)), "#/key", "must be a text"),
        ("stripe-eu", with("secret", json!("a")), "#/secret", "is no field; there are source, key"),
        (
            "stripe-eu",
            with("signingSecrets", json!("whsec")),
            "#/signingSecrets",
            "must be a list of texts",
        ),
        (
            "stripe-eu",
            with("signingSecrets", json!([])),
            "#/signingSecrets",
            "must be a list of secrets",
        ),
        (
            "stripe-eu",
            with("settings", json!({"colour": "red"})),
            "#/settings/colour",
            "is no setting of stripe; it has livemode, accounts",
        ),
        (
            "stripe-eu",
            with("settings", json!({"livemode": true})),
            "#/settings/livemode",
            "must be a text",
        ),
        (
            "stripe-eu",
            with("settings", json!({"livemode": "maybe"})),
            "#/settings/livemode",
            "cannot be used: it is neither",
        ),
        (
            "stripe-eu",
            with("settings", json!({"livemode": "false"})),
            "#/key",
            "is of live mode, and livemode is false",
        ),
        (
            "stripe-eu",
            with("settings", json!({"base_url": "http://169.254.169.254"})),
            "#/settings/base_url",
            "must be an https URL",
        ),
        (
            "stripe-eu",
            with("keySecret", json!("penstock/local/keys/a")),
            "#/keySecret",
            "give it or key",
        ),
        (
            "stripe-eu",
            json!({"source": "stripe", "keySecret": "prod/stripe"}),
            "#/keySecret",
            "must be the name of a secret below penstock/local/keys/",
        ),
        (
            "stripe-eu",
            json!({"source": "stripe", "keySecret": "penstock/local/keys/../../other"}),
            "#/keySecret",
            "must be the name",
        ),
        (
            "stripe-eu",
            json!({"source": "stripe", "keySecret": "penstock/local/keys/other/1"}),
            "#/keySecret",
            "is the secret that was written for a connection",
        ),
        (
            "stripe-eu",
            with("signingSecret", json!("penstock/local/keys/a")),
            "#/signingSecret",
            "below penstock/local/signing/",
        ),
        ("cal", json!({"source": "gcal", "key": "{}"}), "#/settings/calendar_id", "is required"),
    ];
    for (name, body, pointer, detail) in cases {
        let (status, reply) = desk.put(name, body.clone()).await;
        let faults = faults(&reply);
        let said = faults.get(pointer).unwrap_or_else(|| panic!("{body}: {reply}"));
        assert!(status == 400 && said.contains(detail), "{body}: {said}");
        assert!(!reply.to_string().contains(KEY), "{reply}");
    }
    for body in ["", "7", "{", "[]"] {
        let event = json!({"rawPath": "/connections/a", "headers": {"x-admin-api-key": ADMIN_KEY}, "body": body,
            "requestContext": {"http": {"method": "PUT"}}});
        let request: Request = serde_json::from_value(event).unwrap();
        assert_eq!(desk.environment().handle(&request, "i").await.status_code, 400, "{body}");
    }
    for (method, path) in [
        ("POST", "/connections/nobody/pause"),
        ("POST", "/connections/nobody/resume"),
        ("DELETE", "/connections/nobody"),
    ] {
        assert_eq!(desk.ask(method, path, Value::Null).await.0, 404, "{method} {path}");
    }
    let (status, reply) =
        desk.ask("DELETE", "/connections/nobody?erase=perhaps", Value::Null).await;
    assert_eq!((status, faults(&reply).len()), (400, 1), "{reply}");
    assert_eq!(desk.app.db.scalar::<i64>("select count(*) from connections").await, 0);
    assert!(desk.secrets.requests() == 0 && desk.asked().is_empty());
}

#[tokio::test]
async fn a_stored_key_is_never_sent_to_another_place_than_it_was_given_for() {
    let desk = Desk::new(1306).await;
    desk.connect("stripe-eu", KEY).await;
    let evil = json!({"base_url": "https://evil.example"});
    let refused = async |name: &str, body: Value| {
        let (status, reply) = desk.put(name, body.clone()).await;
        assert_eq!(status, 400, "{body}: {reply}");
        assert!(faults(&reply).contains_key("#/settings/base_url"), "{reply}");
    };
    refused("stripe-eu", json!({"source": "stripe", "settings": evil})).await;
    // Nor by the name of a secret that somebody else has put there.
    desk.secrets.put("penstock/local/keys/shared", KEY);
    refused(
        "evil",
        json!({"source": "stripe", "keySecret": "penstock/local/keys/shared", "settings": evil}),
    )
    .await;
    // Nor in two steps: first a place with a key of one's own, then the name.
    let own = json!({"source": "stripe", "key": "rk_live_own", "settings": evil});
    assert_eq!(desk.put("evil", own).await.0, 201);
    refused("evil", json!({"source": "stripe", "keySecret": "penstock/local/keys/shared"})).await;
    let named = json!({"source": "stripe", "keySecret": "penstock/local/keys/shared"});
    assert_eq!(desk.put("honest", named).await.0, 201);
    refused("honest", json!({"source": "stripe", "settings": evil})).await;
    // With the key itself the place may change, and what else is set may change without it.
    let moved =
        json!({"source": "stripe", "key": KEY, "settings": {"base_url": "https://proxy.example"}});
    assert_eq!(desk.put("stripe-eu", moved).await.0, 200);
    let tuned = json!({"source": "stripe", "settings": {"base_url": "https://proxy.example", "page_size": "10"}});
    assert_eq!(desk.put("stripe-eu", tuned).await.0, 200);
    refused("stripe-eu", json!({"source": "stripe", "settings": {"page_size": "10"}})).await;
}
