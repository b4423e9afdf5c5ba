//! Money that comes back, or was never gone (trap 34). The order of arrival changes nothing.

use std::time::Duration;

use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::stripe::{Action, DisputeStatus, Kind};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{NOW, account, assert_true, our_books, take};

/// An event of Stripe's about an object, some seconds after [`NOW`].
fn event(second: i64, kind: &str, object: &str) -> String {
    let (id, created) = (format!("evt_{second}"), NOW + second);
    format!(
        r#"{{"id":"{id}","object":"event","api_version":null,"created":{created},"type":"{kind}","data":{{"object":{object}}}}}"#
    )
}

fn money(id: &str, kind: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"{kind}","created":{NOW},"currency":"eur","amount":1000,"status":"{status}"}}"#
    )
}

/// Processes events one after the other, each in a batch of its own.
async fn hear(app: &TestApp, events: &[&String]) {
    for event in events {
        let list =
            format!(r#"{{"object":"list","url":"/v1/events","has_more":false,"data":[{event}]}}"#);
        take(app, "event", &list, Mode::Incremental).await;
    }
}

/// Asserts the final row for each order of three events.
async fn in_every_order(events: [String; 3], expected: &str) {
    for [a, b, c] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let app = TestApp::over(account(1, 1)).await;
        hear(&app, &[&events[a], &events[b], &events[c]]).await;
        let stands: String = app.db.scalar("select kind || ' ' || status from payments").await;
        assert_eq!(stands, expected, "{a} {b} {c}");
        let counted =
            "select coalesce(sum(amount), 0)::bigint from revenue_buckets where grain = 'day'";
        assert_eq!(app.db.scalar::<i64>(counted).await, 0, "{a} {b} {c}");
    }
}

#[tokio::test]
async fn trap_34_a_dispute_that_is_withdrawn_after_it_was_lost_gives_the_money_back_in_every_order()
{
    let events = [
        event(1, "charge.dispute.funds_withdrawn", &money("dp_1", "dispute", "needs_response")),
        event(2, "charge.dispute.closed", &money("dp_1", "dispute", "lost")),
        event(3, "charge.dispute.funds_reinstated", &money("dp_1", "dispute", "won")),
    ];
    in_every_order(events, "dispute dispute_won").await;
}

#[tokio::test]
async fn trap_34_a_refund_that_fails_after_it_succeeded_counts_for_nothing_in_every_order() {
    let events = [
        event(1, "refund.created", &money("re_1", "refund", "pending")),
        event(2, "refund.updated", &money("re_1", "refund", "succeeded")),
        event(3, "refund.failed", &money("re_1", "refund", "failed")),
    ];
    in_every_order(events, "refund refund_failed").await;
}

#[tokio::test]
async fn disputes_that_are_won_or_withdrawn_leave_the_books_as_they_were() {
    use DisputeStatus as D;
    let app = TestApp::over(account(2, 60)).await;
    app.fetch_all().await.unwrap();
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    let before = our_books(&app).await;
    let roads: [&[D]; 3] = [
        &[D::WarningNeedsResponse, D::WarningUnderReview, D::WarningClosed],
        &[D::NeedsResponse, D::UnderReview, D::Won],
        &[D::WarningNeedsResponse, D::NeedsResponse, D::UnderReview, D::Won],
    ];
    for road in roads {
        let dispute = {
            let mut stripe = app.stripe.account();
            let open = |charge| stripe.act(Action::Dispute { charge, amount: 1, status: road[0] });
            let events = (0..60).find_map(open).expect("one of them can be disputed");
            let id = events
                .iter()
                .find(|e| e.object_id.starts_with("dp_") || e.object_id.starts_with("du_"));
            stripe.find(Kind::Dispute, &id.expect("an event of the dispute").object_id).unwrap()
        };
        for status in &road[1..] {
            app.clock.advance(Duration::from_secs(60));
            let moved =
                app.stripe.account().act(Action::DisputeBecomes { dispute, status: *status });
            moved.expect("it goes on");
            app.fetch("event", Mode::Incremental).await.unwrap();
            app.drain().await;
            assert_true(&app).await;
        }
        assert_eq!(our_books(&app).await, before, "{road:?}");
    }
}

#[tokio::test]
async fn an_object_that_stripe_has_deleted_and_that_is_no_money_is_kept_and_means_nothing() {
    let app = TestApp::over(account(3, 1)).await;
    let customer = r#"{"id":"cus_1","object":"customer","deleted":true}"#;
    hear(&app, &[&event(1, "customer.deleted", customer)]).await;
    let kept: String = app.db.scalar("select entity || ' ' || status from outbox").await;
    assert_eq!(kept, "customer processed");
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
}
