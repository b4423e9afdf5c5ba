//! The outbox (traps 18, 24, 26).

use penstock_domain::ticket::Ticket;
use penstock_tests::test_app::TestApp;

use crate::process::batches::{charge, put};
use crate::stripe_account::account;

#[tokio::test]
async fn trap_18_rows_committed_out_of_order_are_all_found_and_the_search_uses_the_partial_index() {
    let app = TestApp::over(account(60, 1)).await;
    let other = app.db.client().await;
    // Its id was made first, and it is committed last.
    let slow = put_slowly(&other).await;
    put(&app, &[("ch_fast".to_owned(), charge("ch_fast", "100", "succeeded"))]).await;
    app.clock.advance(std::time::Duration::from_secs(400));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed, 1);
    app.drain().await;
    other.batch_execute("commit").await.unwrap();
    assert_eq!(
        app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed,
        1,
        "{slow} was overtaken"
    );
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 2);

    // A hundred thousand old rows must not slow down the pending ones.
    let history = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                       status, next_attempt_at, received_at) \
                   select gen_random_uuid(), 'stripe', 'charge', 'old_' || i, 'v', now(), '{}', 'application/json', \
                          'processed', now(), now() from generate_series(1, 100000) i; analyze outbox";
    other.batch_execute(history).await.unwrap();
    let claim = "explain select id from outbox where status = 'pending' and next_attempt_at <= now() \
                 order by next_attempt_at limit 1000 for update skip locked";
    let plan: Vec<String> =
        other.query(claim, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
    let is_of_pending = |line: &str| line.contains("_pending") || line.contains("next_attempt_at");
    assert!(plan.iter().any(|line| is_of_pending(line)), "{plan:#?}");
    // A leaf without rows may be read as a whole.
    let mut walked = plan.iter().filter(|line| line.contains("Seq Scan"));
    assert!(walked.all(|line| line.contains("cost=0.00..0.00 ")), "{plan:#?}");
}

/// Inserts a row in a transaction that stays open.
async fn put_slowly(client: &tokio_postgres::Client) -> String {
    let payload = charge("ch_slow", "100", "succeeded");
    client.batch_execute("begin").await.unwrap();
    let sql = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                   next_attempt_at, received_at) \
               values ('00000000-0000-7000-8000-000000000001', 'stripe', 'charge', 'ch_slow', 'run:0', now(), $1, \
                       'application/json', '-infinity', now())";
    client.execute(sql, &[&payload.as_bytes()]).await.unwrap();
    "ch_slow".to_owned()
}

#[tokio::test]
async fn trap_26_nul_lone_surrogates_and_huge_numbers_are_kept_as_sent_and_spoil_nothing() {
    let app = TestApp::over(account(61, 1)).await;
    let odd = [
        (
            "ch_nul",
            charge("ch_nul", "100", "succeeded")
                .replace("\"usd\"", "\"usd\", \"description\": \"a\\u0000b\""),
        ),
        (
            "ch_sur",
            charge("ch_sur", "100", "succeeded")
                .replace("\"usd\"", "\"usd\", \"description\": \"\\ud800\""),
        ),
        (
            "ch_num",
            charge("ch_num", "100", "succeeded")
                .replace("\"usd\"", "\"usd\", \"metadata\": {\"n\": 1e400}"),
        ),
        ("ch_status", charge("ch_status", "100", "we\\u0000ird")),
        ("ch_big", charge("ch_big", "100000000000000000000", "succeeded")),
        ("ch_float", charge("ch_float", "100.5", "succeeded")),
        ("ch_deep", format!("{}{}", "[".repeat(200), "]".repeat(200))),
        ("ch_empty", String::new()),
    ];
    let odd: Vec<_> = odd.into_iter().map(|(id, payload)| (id.to_owned(), payload)).collect();
    let ids = put(&app, &odd).await;
    assert_eq!(app.deliver(&[Ticket::new(ids).to_body()], 1).await.failures(), 0);

    let client = app.db.client().await;
    let rows = client
        .query(
            "select external_id, raw, raw_status from payments where status <> 'unreadable' order by 1",
            &[],
        )
        .await
        .unwrap();
    let kept: Vec<_> = rows.iter().map(|r| r.get::<_, String>(0)).collect();
    assert_eq!(kept, ["ch_nul", "ch_num", "ch_status", "ch_sur"]);
    for row in &rows {
        let sent = &odd.iter().find(|(id, _)| *id == row.get::<_, String>(0)).unwrap().1;
        assert_eq!(row.get::<_, Vec<u8>>(1), sent.as_bytes(), "byte for byte");
    }
    assert_eq!(
        rows[2].get::<_, String>(2),
        "we\u{2400}ird",
        "NUL is made visible, the status is unmapped"
    );
    let dead: Vec<String> = client
        .query("select external_id from dead_letters order by 1", &[])
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();
    assert_eq!(dead, ["ch_big", "ch_deep", "ch_empty", "ch_float"]);
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn trap_24_a_dead_row_can_be_replayed_as_often_as_asked_each_time_by_a_fresh_ticket() {
    let app = TestApp::over(account(62, 1)).await;
    let ids = put(&app, &[("ch_1".to_owned(), charge("ch_1", "1.5", "succeeded"))]).await;
    let client = app.db.client().await;
    for round in 1..=3 {
        assert_eq!(app.deliver(&[Ticket::new(ids.clone()).to_body()], 1).await.failures(), 0);
        let letters: i64 = app.db.scalar("select count(*) from dead_letters").await;
        assert_eq!(letters, 1, "one letter a row, round {round}");
        assert_eq!(app.db.scalar::<String>("select status from outbox").await, "dead");
        client.batch_execute("update outbox set status = 'pending', attempts = 0").await.unwrap();
    }
    // The error is mended. The same bytes would fail again, so the row gets valid ones.
    let sound = charge("ch_1", "150", "succeeded");
    client.execute("update outbox set payload = $1", &[&sound.as_bytes()]).await.unwrap();
    app.deliver(&[Ticket::new(ids).to_body()], 1).await;
    assert_eq!(app.db.scalar::<i64>("select amount from payments").await, 150);
}
