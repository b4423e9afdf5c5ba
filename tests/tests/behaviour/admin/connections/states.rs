//! Connections that are paused, resumed, removed and erased.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Desk, KEY, ask, faults};

#[tokio::test]
async fn a_connection_that_the_template_declares_is_paused_and_resumed_and_nothing_else() {
    let desk = Desk::new(1307).await;
    let key = json!({"source": "stripe", "key": KEY});
    for (method, path, body) in [
        ("PUT", "/connections/stripe", key.clone()),
        ("DELETE", "/connections/stripe", Value::Null),
        ("DELETE", "/connections/stripe?erase=true", Value::Null),
    ] {
        let (status, reply) = desk.ask(method, path, body).await;
        let declared = json!("urn:penstock:problem:connection-declared");
        assert_eq!((status, &reply["type"]), (409, &declared), "{method} {path}");
    }
    let (status, reply) = desk.ask("POST", "/connections/stripe/resume", Value::Null).await;
    assert_eq!((status, &reply["state"], &reply["madeAt"]), (200, &json!("active"), &Value::Null));
    let (status, reply) = desk.ask("POST", "/connections/stripe/pause", Value::Null).await;
    assert_eq!(
        (status, &reply["state"], &reply["declared"]),
        (200, &json!("paused"), &json!(true))
    );
    assert_eq!(desk.row("stripe").await, ("paused".to_owned(), None, 1));
    let (_, reply) = desk.ask("POST", "/connections/stripe/pause", Value::Null).await;
    assert_eq!(reply["revision"], 1, "the same again changes nothing");
    assert_eq!(desk.put("stripe", key).await.0, 409, "its row does not make it another kind");
    drop(desk.asked());
    let (_, reply) = desk.ask("POST", "/connections/stripe/resume", Value::Null).await;
    assert_eq!((&reply["state"], &reply["revision"]), (&json!("active"), &json!(2)));
    assert_eq!(desk.asked(), [("stripe".to_owned(), "event".to_owned(), "incremental")]);
}

#[tokio::test]
async fn a_connection_is_paused_resumed_removed_and_connected_again() {
    let desk = Desk::new(1308).await;
    desk.connect("stripe-eu", KEY).await;
    drop(desk.asked());
    let (_, paused) = desk.ask("POST", "/connections/stripe-eu/pause", Value::Null).await;
    assert_eq!((&paused["state"], &paused["revision"]), (&json!("paused"), &json!(2)));
    let body = json!({"source": "stripe", "settings": {"page_size": "50"}});
    let (_, changed) = desk.put("stripe-eu", body).await;
    assert_eq!(changed["state"], "paused", "a change resumes nothing");
    let (_, resumed) = desk.ask("POST", "/connections/stripe-eu/resume", Value::Null).await;
    assert_eq!(resumed["state"], "active");
    drop(desk.asked());

    let (status, removed) = desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await;
    assert_eq!((status, &removed["data"]), (200, &json!("kept")), "{removed}");
    assert!(removed["message"].as_str().unwrap().contains("stay and count"), "{removed}");
    assert_eq!(removed["connection"]["keySecret"], Value::Null);
    assert_eq!(desk.secrets.texts(), BTreeMap::new(), "its secrets are deleted");
    let (_, again) = desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await;
    assert_eq!(again, removed, "the same again changes nothing");
    for path in ["pause", "resume"] {
        let (status, reply) =
            desk.ask("POST", &format!("/connections/stripe-eu/{path}"), Value::Null).await;
        let problem = json!("urn:penstock:problem:connection-removed");
        assert_eq!((status, &reply["type"]), (409, &problem), "{path}");
    }
    let (status, reply) = desk.put("stripe-eu", json!({"source": "stripe"})).await;
    assert_eq!((status, faults(&reply).contains_key("#/key")), (400, true), "its key is gone");
    let other = json!({"source": "hubspot", "key": "pat-1"});
    assert_eq!(desk.put("stripe-eu", other).await.0, 409, "it has rows of another vendor");
    let before = desk.row("stripe-eu").await.2;
    let back = desk.connect("stripe-eu", KEY).await;
    assert!(back["revision"].as_i64().unwrap() > before, "a revision never comes twice");
    assert_eq!(desk.asked().len(), 1);
    desk.assert_no_secret_is_left_over().await;
}

#[tokio::test]
async fn what_is_being_erased_waits_and_what_is_erased_is_a_free_name() {
    let desk = Desk::new(1309).await;
    desk.connect("stripe-eu", KEY).await;
    let (status, reply) =
        desk.ask("DELETE", "/connections/stripe-eu?erase=true", Value::Null).await;
    assert_eq!((status, &reply["data"]), (202, &json!("erasing")), "{reply}");
    assert_eq!(desk.secrets.texts(), BTreeMap::new());
    let key = json!({"source": "stripe", "key": KEY});
    let erasing = json!("urn:penstock:problem:connection-erasing");
    for (method, path, body) in [
        ("PUT", "/connections/stripe-eu", key),
        ("POST", "/connections/stripe-eu/pause", Value::Null),
        ("DELETE", "/connections/stripe-eu", Value::Null),
    ] {
        let (status, reply) = desk.ask(method, path, body).await;
        assert_eq!((status, &reply["type"]), (409, &erasing), "{method} {path}");
    }
    let (status, _) = desk.ask("DELETE", "/connections/stripe-eu?erase=true", Value::Null).await;
    assert_eq!(status, 202);
    let erased = "update connections set state = 'erased', revision = revision + 1";
    desk.app.db.client().await.batch_execute(erased).await.unwrap();
    let (status, reply) =
        desk.ask("DELETE", "/connections/stripe-eu?erase=true", Value::Null).await;
    assert_eq!((status, &reply["data"]), (200, &json!("erased")), "{reply}");
    let other = json!({"source": "hubspot", "key": "pat-1"});
    let (status, reply) = desk.put("stripe-eu", other).await;
    assert_eq!((status, &reply["source"]), (201, &json!("hubspot")), "the name is free");
    assert!(reply["revision"].as_i64().unwrap() > 2, "{reply}");
    desk.assert_no_secret_is_left_over().await;
}

#[tokio::test]
async fn what_the_template_no_longer_declares_can_be_removed_and_erased() {
    let desk = Desk::new(1310).await;
    let mut admin = desk.environment();
    admin.config.sources.clear();
    let (status, reply) =
        ask(&admin, "DELETE", "/connections/stripe?erase=true", &Value::Null).await;
    assert_eq!((status, &reply["data"]), (202, &json!("erasing")), "{reply}");
    assert_eq!(desk.row("stripe").await.0, "erasing");
    assert_eq!(ask(&admin, "DELETE", "/connections/paypal", &Value::Null).await.0, 404);
    // Removed, and then declared again: resuming makes it the template's.
    let removed = "update connections set state = 'removed', key_secret = 'k', settings = '{\"page_size\":\"1\"}'";
    desk.app.db.client().await.batch_execute(removed).await.unwrap();
    let (status, reply) = desk.ask("POST", "/connections/stripe/resume", Value::Null).await;
    assert_eq!(
        (status, &reply["state"], &reply["declared"]),
        (200, &json!("active"), &json!(true)),
        "{reply}"
    );
    assert_eq!((desk.row("stripe").await.1, &reply["settings"]), (None, &json!({})));
}

#[tokio::test]
async fn the_accounts_that_are_read_with_a_connections_key_go_with_it() {
    let desk = Desk::new(1313).await;
    desk.connect("platform", KEY).await;
    let child = "insert into connections (name, source, parent, account, state, made_at, changed_at)
                 values ('platform.acct_1', 'stripe', 'platform', 'acct_1', 'active', now(), now())";
    desk.app.db.client().await.batch_execute(child).await.unwrap();
    let path = "/connections/platform.acct_1/pause";
    let (status, reply) = desk.ask("POST", path, Value::Null).await;
    let told = (status, &reply["parent"], &reply["account"]);
    assert_eq!(told, (200, &json!("platform"), &json!("acct_1")));
    let (status, reply) = desk.ask("DELETE", "/connections/platform", Value::Null).await;
    assert_eq!((status, &reply["accounts"]), (200, &json!(["platform.acct_1"])), "{reply}");
    assert_eq!(desk.row("platform.acct_1").await.0, "removed");
    assert_eq!(desk.secrets.texts().len(), 0);
}

#[tokio::test]
async fn a_pause_takes_effect_while_somebody_changes_the_connection() {
    let desk = Desk::new(1351).await;
    desk.connect("stripe-eu", KEY).await;
    let admin = desk.environment();
    let body = json!({"source": "stripe", "key": "rk_live_new"});
    let (changed, paused) = tokio::join!(
        ask(&admin, "PUT", "/connections/stripe-eu", &body),
        desk.ask("POST", "/connections/stripe-eu/pause", Value::Null)
    );
    assert_eq!(paused.0, 200, "{paused:?}");
    assert!([200, 409].contains(&changed.0), "{changed:?}");
    assert_eq!(desk.row("stripe-eu").await.0, "paused");
    desk.assert_no_secret_is_left_over().await;
}
