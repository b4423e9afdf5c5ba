//! A client submits transactions: each is committed once, under its own id.

use penstock_tests::simulators::third_party::{Fate, Status, When};
use penstock_tests::test_app::INGEST_KEY;
use penstock_tests::test_app::transactions::{READ_KEY, Transactions, body_of};
use serde_json::json;

use super::{ID, done, minutes};

#[tokio::test]
async fn the_same_transaction_again_changes_nothing_and_the_reply_says_how_it_stands() {
    let mut world = Transactions::start(501).await;
    let body = body_of(ID);
    let first = world.post(body.as_bytes()).await;
    assert_eq!((first.status, first.body), (201, json!({"id": ID, "status": "pending"})));
    let again = world.post(body.as_bytes()).await;
    assert_eq!((again.status, again.body), (200, json!({"id": ID, "status": "pending"})));
    world.work_for(minutes(1)).await;
    let by_the_other_path =
        world.ask("POST", "/transaction", &[("X-Api-Key", INGEST_KEY)], body.as_bytes()).await;
    let expected = json!({"id": ID, "status": "completed"});
    assert_eq!((by_the_other_path.status, by_the_other_path.body), (200, expected));
    assert_eq!(done(&world, &ID), 1);
}

#[tokio::test]
async fn the_third_party_gets_the_body_byte_for_byte() {
    let mut world = Transactions::start(502).await;
    let body = format!("{{\"id\": \"{ID}\",\t\"amount\" :1.10, \"note\":\"\\u00e4 ä\"}}\n");
    assert_eq!(world.post(body.as_bytes()).await.status, 201);
    world.work_for(minutes(1)).await;
    let entry = world.party.entry(&ID).unwrap();
    assert_eq!(entry.effects[0].body, body.as_bytes());
    assert_eq!(entry.effects[0].key, ID.to_string());
}

#[tokio::test]
async fn another_body_under_an_id_is_refused_and_the_first_stays() {
    let mut world = Transactions::start(503).await;
    world.submit(ID).await;
    for other in [format!(r#"{{"id":"{ID}"}}"#), body_of(ID) + " "] {
        let reply = world.post(other.as_bytes()).await;
        assert_eq!((reply.status, reply.pointers()), (422, vec!["#/id"]), "{other}");
    }
    world.work_for(minutes(1)).await;
    let entry = world.party.entry(&ID).unwrap();
    assert_eq!(entry.effects.len(), 1);
    assert_eq!(entry.effects[0].body, body_of(ID).as_bytes());
}

#[tokio::test]
async fn a_bad_body_is_a_400_that_names_the_field_and_nothing_is_stored() {
    let world = Transactions::start(504).await;
    let deep = format!(r#"{{"id":"{ID}","a":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    for (body, pointer) in [
        ("", "#"),
        ("{", "#"),
        ("[]", "#"),
        ("null", "#"),
        (deep.as_str(), "#"),
        ("{}", "#/id"),
        (r#"{"id":7}"#, "#/id"),
        (r#"{"id":"7"}"#, "#/id"),
        (r#"{"id":null}"#, "#/id"),
    ] {
        let reply = world.post(body.as_bytes()).await;
        assert_eq!((reply.status, reply.pointers()), (400, vec![pointer]), "{body}");
    }
    let large = format!(r#"{{"id":"{ID}","a":"{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(world.post(large.as_bytes()).await.status, 413);
    assert_eq!(world.db.scalar::<i64>("select count(*) from transactions").await, 0);
    assert!(world.queue.take().is_empty());
}

#[tokio::test]
async fn only_a_key_that_may_send_submits_and_only_one_that_may_read_reads() {
    let world = Transactions::start(505).await;
    let body = body_of(ID);
    let posted = |headers: &'static [(&str, &str)]| {
        world.ask("POST", "/transactions", headers, body.as_bytes())
    };
    assert_eq!(posted(&[]).await.status, 401);
    assert_eq!(posted(&[("X-Api-Key", "no-key-of-anybody")]).await.status, 401);
    assert!([401, 403].contains(&posted(&[("X-Api-Key", READ_KEY)]).await.status));
    assert_eq!(posted(&[("X-Api-Key", INGEST_KEY)]).await.status, 201);
    let path = format!("/transactions/{ID}");
    let read = world.ask("GET", &path, &[("X-Api-Key", INGEST_KEY)], b"").await;
    assert!([401, 403].contains(&read.status));
    for path in [format!("/admin{path}/resume"), format!("/admin{path}/notify")] {
        let reply = world.ask("POST", &path, &[("X-Api-Key", READ_KEY)], b"").await;
        assert!([401, 403].contains(&reply.status), "{path}");
    }
}

#[tokio::test]
async fn a_call_back_of_an_unknown_transaction_is_a_404_and_comes_again() {
    let mut world = Transactions::start(506).await;
    world.party.destine(ID, Fate::new(Status::Completed, When::Never));
    world.party.say(ID, Status::Completed);
    world.work().await;
    assert_eq!(world.call_backs, [404]);
    world.submit(ID).await;
    world.work_for(minutes(2)).await;
    assert_eq!(world.status(ID).await, "completed");
    assert_eq!(world.call_backs, [404, 200]);
}

#[tokio::test]
async fn a_call_back_that_cannot_be_read_is_a_400_that_names_the_field() {
    use penstock_tests::simulators::third_party::{ThirdPartySimulator, sign};
    let world = Transactions::start(507).await;
    let time = 1_780_272_000;
    for (body, pointer) in
        [("[]", "#"), ("{}", "#/id"), (r#"{"id":"7","status":"completed"}"#, "#/id")]
    {
        let signature = sign(ThirdPartySimulator::secret(), "m", time, body.as_bytes());
        let time = time.to_string();
        let headers = [
            ("webhook-id", "m"),
            ("webhook-timestamp", time.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let reply = world.ask("POST", "/webhook", &headers, body.as_bytes()).await;
        assert_eq!((reply.status, reply.pointers()), (400, vec![pointer]), "{body}");
    }
}
