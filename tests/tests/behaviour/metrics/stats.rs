//! `/stats`: pending rows, their age, and recent arrivals.

use super::{config, database, get, noon, ok, ports};
use penstock_domain::ids::OutboxId;
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A row that arrived this many seconds before noon.
async fn arrive(on: &Client, source: &str, status: &str, seconds: i64) {
    let arrived = noon() - jiff::SignedDuration::from_secs(seconds);
    let sql = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                   status, next_attempt_at, received_at) \
               values ($1, $2, 'e', $1::uuid::text, '1', $3, '', 'application/json', $4, $3, $3)";
    on.execute(sql, &[&OutboxId::new(arrived).0, &source, &arrived, &status]).await.unwrap();
}

fn rate(source: &str, window: i64, [received, processed, dead]: [i64; 3]) -> Value {
    json!({"source": source, "connection": source, "windowS": window, "received": received, "processed": processed, "dead": dead})
}

#[tokio::test]
async fn stats_say_what_waits_by_source_how_old_it_is_and_what_became_of_what_came_lately() {
    let database = database().await;
    let on = database.client().await;
    for (source, status, seconds) in [
        ("stripe", "processed", 10),
        ("stripe", "processed", 20),
        ("stripe", "dead", 30),
        ("stripe", "pending", 59),
        ("stripe", "processed", 61),
        ("stripe", "processed", 299),
        ("stripe", "pending", 86_400),
        ("stripe", "dead", 86_400),
        ("event", "pending", 5),
        ("event", "pending", 7),
        ("lead", "processed", 301),
    ] {
        arrive(&on, source, status, seconds).await;
    }
    let stats = ok(&ports(database.database_of("metrics", 1), config()), "/stats").await.body;
    let expected = json!({
        "pending": [
            {"source": "event", "connection": "event", "count": 2, "oldestAgeS": 7},
            {"source": "stripe", "connection": "stripe", "count": 2, "oldestAgeS": 86_400},
        ],
        "rates": [
            rate("event", 60, [2, 0, 0]), rate("event", 300, [2, 0, 0]),
            rate("stripe", 60, [4, 2, 1]), rate("stripe", 300, [6, 4, 1]),
        ],
        "notOurs": [],
        "oldestPendingAgeS": 86_400,
        "paused": [],
        "circuits": [],
        "asOf": "2026-03-15T12:00:00Z",
    });
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn where_nothing_ever_came_nothing_waits() {
    let database = database().await;
    let stats = ok(&ports(database.database_of("metrics", 1), config()), "/stats").await.body;
    assert_eq!(
        stats,
        json!({"pending": [], "rates": [], "notOurs": [], "oldestPendingAgeS": null, "paused": [],
            "circuits": [], "asOf": "2026-03-15T12:00:00Z"})
    );
}

#[tokio::test]
async fn circuits_are_shown_while_they_are_open_and_degrade_what_they_concern() {
    let database = database().await;
    let on = database.client().await;
    let open = "insert into connections (name, source, key_secret, state, made_at, changed_at) \
                values ('stripe-eu', 'stripe', 'a-secret', 'active', '2026-03-15T11:59:00Z', '2026-03-15T11:59:00Z'); \
                insert into circuits values \
                ('stripe-eu', 3, '2026-03-15T11:58:00Z', '2026-03-15T12:00:40Z', 'stripe failed: 502'), \
                ('sqs', 1, '2026-03-15T11:59:00Z', '2026-03-15T12:00:00Z', 'cannot send')";
    on.batch_execute(open).await.unwrap();
    let ports = ports(database.database_of("metrics", 1), config());
    let of_stripe = json!({
        "state": "open", "failures": 3, "since": "2026-03-15T11:58:00Z", "nextTryAt": "2026-03-15T12:00:40Z",
    });
    let of_queues = json!({
        "state": "half_open", "failures": 1, "since": "2026-03-15T11:59:00Z", "nextTryAt": "2026-03-15T12:00:00Z",
    });
    // No word of a vendor is on a route that is open to anyone.
    let ready = ok(&ports, "/readyz").await.body;
    assert_eq!(ready["status"], "degraded");
    assert_eq!(ready["checks"]["sqs"], json!({"ok": false, "circuit": of_queues}));
    assert_eq!(ready["checks"]["stripe-eu"]["ok"], false);
    assert_eq!(ready["checks"]["stripe-eu"]["circuit"], of_stripe);
    let shown = |state: &serde_json::Value, names: [&str; 3]| {
        let mut shown = state.clone();
        let [source, connection, error] = names;
        shown.as_object_mut().unwrap().extend(
            [("source", source), ("connection", connection), ("error", error)]
                .map(|(name, value)| (name.to_owned(), json!(value))),
        );
        shown
    };
    let of_stripe = shown(&of_stripe, ["stripe", "stripe-eu", "stripe failed: 502"]);
    let of_queues = shown(&of_queues, ["sqs", "sqs", "cannot send"]);
    let circuits = async |target: &str| ok(&ports, target).await.body["circuits"].clone();
    assert_eq!(circuits("/stats").await, json!([of_queues, of_stripe]));
    assert_eq!(circuits("/stats?source=stripe").await, json!([of_stripe]));
    on.batch_execute("delete from circuits").await.unwrap();
    assert_eq!(ok(&ports, "/readyz").await.body["status"], "ok");
    assert_eq!(circuits("/stats").await, json!([]));
}

#[tokio::test]
async fn a_row_from_a_clock_that_is_ahead_has_waited_for_no_time() {
    let database = database().await;
    arrive(&database.client().await, "stripe", "pending", -30).await;
    let stats = ok(&ports(database.database_of("metrics", 1), config()), "/stats").await.body;
    assert_eq!(
        (&stats["oldestPendingAgeS"], &stats["rates"][0]["received"]),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn a_backlog_is_counted_up_to_ten_thousand_and_the_reply_says_that_there_may_be_more() {
    let database = database().await;
    let on = database.client().await;
    let fill = |count: i64| {
        format!(
            "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                 next_attempt_at, received_at) \
             select gen_random_uuid(), 'stripe', 'e', gen_random_uuid()::text, '1', now(), '', 'text/plain', now(), \
                    '2026-03-15T11:00:00Z' from generate_series(1, {count})"
        )
    };
    let ports = ports(database.database_of("metrics", 1), config());
    on.batch_execute(&fill(9_999)).await.unwrap();
    let stats = ok(&ports, "/stats").await.body;
    assert_eq!(
        stats["pending"],
        json!([{"source": "stripe", "connection": "stripe", "count": 9_999, "oldestAgeS": 3_600}])
    );
    on.batch_execute(&fill(5_000)).await.unwrap();
    let stats = ok(&ports, "/stats").await.body;
    let most = json!([{"source": "stripe", "connection": "stripe", "count": 10_000, "countIsAtLeast": true, "oldestAgeS": 3_600}]);
    assert_eq!(stats["pending"], most);
}

#[tokio::test]
async fn trap_51_stats_count_what_is_not_ours_by_reason_and_what_waits_until_it_is_known() {
    let database = database().await;
    let on = database.client().await;
    arrive(&on, "stripe", "pending", 30).await;
    on.batch_execute("update outbox set error_kind = 'waiting'").await.unwrap();
    arrive(&on, "stripe", "pending", 20).await;
    let note = |reason: &str, count: i64, minute: i64| {
        format!(
            "insert into not_ours select gen_random_uuid(), 'stripe', '{reason}', \
                    timestamptz '2026-03-15T10:00:00Z' + n * interval '1 second' + {minute} * interval '1 minute' \
             from generate_series(1, {count}) n"
        )
    };
    on.batch_execute(&note("connected_account", 10_001, 0)).await.unwrap();
    on.batch_execute(&note("test_mode", 2, 5)).await.unwrap();
    let stats = ok(&ports(database.database_of("metrics", 1), config()), "/stats").await.body;
    let waiting = json!([{"source": "stripe", "connection": "stripe", "count": 2, "held": 1, "oldestAgeS": 30}]);
    assert_eq!(stats["pending"], waiting);
    let others = json!([
        {"source": "stripe", "connection": "stripe", "reason": "connected_account", "count": 10_000, "countIsAtLeast": true,
         "newestAt": "2026-03-15T12:46:41Z"},
        {"source": "stripe", "connection": "stripe", "reason": "test_mode", "count": 2, "newestAt": "2026-03-15T10:05:02Z"},
    ]);
    assert_eq!(stats["notOurs"], others);
}

#[tokio::test]
async fn stats_take_no_other_parameter() {
    let database = database().await;
    let reply = get(&ports(database.database_of("metrics", 1), config()), "/stats?window=60").await;
    assert_eq!(
        (reply.status, &reply.body["errors"][0]["pointer"]),
        (400, &json!("#/query/window"))
    );
}

#[tokio::test]
async fn objects_that_could_not_be_read_again_are_shown_with_the_reason_of_the_newest() {
    let database = database().await;
    let ended = "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at, last_error, ended_at) \
                 values ('hubspot', 'deal', '1', '2026-03-14T12:00Z', '2026-03-14T12:00Z', 'older', '2026-03-15T10:00Z'), \
                        ('hubspot', 'deal', '2', '2026-03-14T12:00Z', '2026-03-14T12:00Z', 'hubspot answers 400', '2026-03-15T11:00Z'), \
                        ('hubspot', 'deal', '3', '2026-03-15T11:30Z', '2026-03-14T12:00Z', 'asked for again since', '2026-03-15T11:00Z'), \
                        ('stripe', 'charge', 'ch_1', '2026-03-14T12:00Z', '2026-03-14T12:00Z', null, null)";
    database.client().await.batch_execute(ended).await.unwrap();
    let stats = ok(&ports(database.database(1), config()), "/stats").await.body;
    let expected = json!([{"source": "hubspot", "connection": "hubspot", "entity": "deal", "count": 2,
        "newestAt": "2026-03-15T11:00:00Z", "reason": "hubspot answers 400"}]);
    assert_eq!(stats["endedRefetches"], expected);
}
