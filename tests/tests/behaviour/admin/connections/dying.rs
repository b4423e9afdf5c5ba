//! Changes at once, and changes whose maker dies.

use penstock_testkit::Moment;
use serde_json::{Value, json};

use super::{Desk, KEY, SIGNING, ask};
use crate::admin::trigger::Admin;

#[tokio::test]
async fn of_many_who_connect_one_name_at_once_one_wins_and_the_row_has_its_secrets() {
    for round in 0..5 {
        let desk = Desk::new(1320 + round).await;
        let environments: Vec<Admin> = (0..8).map(|_| desk.environment()).collect();
        let bodies: Vec<Value> = (0..8)
            .map(|n| json!({"source": "stripe", "key": format!("rk_live_{n}"), "signingSecrets": [format!("whsec_{n}")],
                "settings": {"page_size": (n + 1).to_string()}}))
            .collect();
        let asked = environments
            .iter()
            .zip(&bodies)
            .map(|(admin, body)| ask(admin, "PUT", "/connections/stripe-eu", body));
        let replies = futures_util::future::join_all(asked).await;
        let won: Vec<usize> = (0..8).filter(|n| replies[*n].0 < 300).collect();
        assert!(!won.is_empty(), "{replies:?}");
        for (status, reply) in replies.iter().filter(|(status, _)| *status >= 300) {
            let changing = json!("urn:penstock:problem:connection-changing");
            assert_eq!((*status, &reply["type"]), (409, &changing), "{reply}");
        }
        // Those who came after the winner was through have changed its connection.
        let texts = desk.secrets.texts();
        let key = desk.row("stripe-eu").await.1.unwrap();
        let last = won.iter().find(|n| texts[&key] == format!("rk_live_{n}")).unwrap();
        assert_eq!(texts["penstock/local/signing/stripe-eu"], format!("whsec_{last}"));
        let (_, list) = desk.ask("GET", "/connections", Value::Null).await;
        let settings = &list["connections"][1]["settings"]["page_size"];
        assert_eq!(settings, &json!((last + 1).to_string()), "the settings of the same request");
        desk.assert_no_secret_is_left_over().await;
    }
}

#[tokio::test]
async fn whoever_dies_at_any_step_of_a_change_leaves_the_old_row_or_the_new_one_and_the_next_cleans_up()
 {
    // A new connection: key and signing secret are written. A changed one: the old key goes, too.
    for is_new in [true, false] {
        for step in 1..=3 {
            for moment in [Moment::Before, Moment::After] {
                let desk = Desk::new(1330).await;
                if !is_new {
                    desk.connect("stripe-eu", "rk_live_old").await;
                }
                let body = json!({"source": "stripe", "key": KEY, "signingSecrets": [SIGNING], "settings": {"page_size": "7"}});
                let change = desk.put("stripe-eu", body.clone());
                let done = desk.secrets.end_at(step, moment, change).await;
                let place = format!("new {is_new}, request {step}, {moment:?}");
                if done.is_some() {
                    assert!(is_new && step == 3, "{place}: a new one needs two requests");
                    continue;
                }
                // Whatever the row says, its key is there and is the one of its settings.
                let (state, key, _) = desk.row("stripe-eu").await;
                let (_, list) = desk.ask("GET", "/connections", Value::Null).await;
                let page = &list["connections"][1]["settings"]["page_size"];
                if state == "active" {
                    let text = desk.secrets.texts()[&key.unwrap()].clone();
                    let is_old = text == "rk_live_old" && page.is_null();
                    assert!(is_old || (text == KEY && page == "7"), "{place}: {text} {page}");
                } else {
                    assert_eq!((is_new, state.as_str()), (true, "erased"), "{place}");
                }
                let (status, reply) = desk.put("stripe-eu", body.clone()).await;
                assert_eq!(status, 409, "{place}: it is claimed: {reply}");
                desk.claims_run_out().await;
                let (status, reply) = desk.put("stripe-eu", body).await;
                assert!(status < 300, "{place}: {reply}");
                assert_eq!(
                    desk.secrets.texts()[reply["keySecret"].as_str().unwrap()],
                    KEY,
                    "{place}"
                );
                desk.assert_no_secret_is_left_over().await;
            }
        }
    }
}

#[tokio::test]
async fn whoever_dies_while_a_connection_is_removed_is_followed_by_one_who_deletes_its_secrets() {
    for step in 1..=2 {
        for moment in [Moment::Before, Moment::After] {
            let desk = Desk::new(1340).await;
            desk.connect("stripe-eu", KEY).await;
            let removing = desk.ask("DELETE", "/connections/stripe-eu", Value::Null);
            assert!(desk.secrets.end_at(step, moment, removing).await.is_none());
            assert_eq!(desk.row("stripe-eu").await.0, "removed");
            desk.claims_run_out().await;
            assert_eq!(desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await.0, 200);
            desk.assert_no_secret_is_left_over().await;
        }
    }
}

#[tokio::test]
async fn where_secrets_manager_fails_nothing_is_connected_and_the_same_works_a_moment_later() {
    let desk = Desk::new(1350).await;
    desk.secrets.refuse(true);
    let body = json!({"source": "stripe", "key": KEY});
    let (status, reply) = desk.put("stripe-eu", body.clone()).await;
    assert_eq!((status, &reply["type"]), (503, &json!("urn:penstock:problem:unavailable")));
    assert!(!reply.to_string().contains("canary"));
    desk.secrets.refuse(false);
    assert_eq!(desk.put("stripe-eu", body).await.0, 201);
    // A removal holds although the secrets cannot be deleted, and is done with the next request.
    desk.secrets.refuse(true);
    assert_eq!(desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await.0, 200);
    desk.secrets.refuse(false);
    assert_eq!(desk.ask("DELETE", "/connections/stripe-eu", Value::Null).await.0, 200);
    desk.assert_no_secret_is_left_over().await;
}
