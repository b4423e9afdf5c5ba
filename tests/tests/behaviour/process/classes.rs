//! Failures say what has to happen: their class, their field, and the vendor's own words.

use penstock_domain::disposition::ReasonKind;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ticket::Ticket;
use penstock_testkit::TestDatabase;
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::test_app::TestApp;

use super::batches::{charge, put};
use super::signal_waiting;
use crate::stripe_account::{NOW, account, assert_true};

#[tokio::test]
async fn the_class_of_each_kind_is_the_same_in_rust_and_in_postgres() {
    let database = TestDatabase::new().await;
    for kind in ReasonKind::ALL {
        let sql = format!("select failure_class('{}')", kind.as_str());
        assert_eq!(database.scalar::<String>(&sql).await, kind.class().as_str(), "{kind:?}");
    }
    assert_eq!(database.scalar::<Option<String>>("select failure_class(null)").await, None);
}

#[tokio::test]
async fn a_dead_row_and_its_letter_name_the_field_to_blame() {
    let app = TestApp::over(account(1_595, 1)).await;
    let refund = r#"{"id":"re_1","object":"refund","amount":[],"created":1,"currency":"usd"}"#;
    let money =
        |fields: &str| format!(r#"{{"id":"ch","object":"charge",{fields}"created":{NOW}}}"#);
    let event = |object: &str| {
        format!(r#"{{"id":"evt","object":"event","created":{NOW},"data":{{"object":{object}}}}}"#)
    };
    let good = r#""amount":7,"currency":"usd","status":"succeeded","#;
    let cases = [
        (charge("ch", "\"x\"", "succeeded"), "malformed", Some("/amount")),
        (money(r#""amount":7,"#), "malformed", Some("/currency")),
        (money(r#""amount":7,"currency":"nonesuch","#), "invalid", Some("/currency")),
        (event(&charge("ch", "\"x\"", "succeeded")), "malformed", Some("/data/object/amount")),
        (
            money(&format!(r#"{good}"refunds":{{"data":[{refund}]}},"#)),
            "malformed",
            Some("/refunds/data/0/amount"),
        ),
        (
            event(&money(&format!(r#"{good}"refunds":[{refund}],"#))),
            "malformed",
            Some("/data/object/refunds/0/amount"),
        ),
        ("{}".to_owned(), "malformed", Some("/object")),
        ("no JSON".to_owned(), "malformed", None),
    ];
    let rows = cases.iter().enumerate();
    let rows: Vec<_> = rows.map(|(n, case)| (format!("ch_{n}"), case.0.clone())).collect();
    let ids = put(&app, &rows).await;
    let tickets: Vec<String> = Ticket::split(&ids).map(|ticket| ticket.to_body()).collect();
    assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
    let sql = "select d.error_kind, d.error_field, failure_class(d.error_kind), d.error \
               from dead_letters d join outbox o on o.id = d.outbox_id \
                and (o.error_kind, o.error_field) is not distinct from (d.error_kind, d.error_field) \
               join failed_attempts f on f.outbox_id = o.id and f.died \
                and (f.error_kind, f.error_field) is not distinct from (d.error_kind, d.error_field) \
               order by d.external_id";
    let letters = app.db.client().await.query(sql, &[]).await.unwrap();
    assert_eq!(letters.len(), cases.len(), "row and letter say the same");
    for (letter, (payload, kind, field)) in letters.iter().zip(cases) {
        let why: &str = letter.get(3);
        assert_eq!(letter.get::<_, &str>(0), kind, "{payload}: {why}");
        assert_eq!(letter.get::<_, Option<&str>>(1), field, "{payload}: {why}");
        assert_eq!(letter.get::<_, &str>(2), "permanent");
    }
}

#[tokio::test]
async fn a_row_that_postgres_could_not_take_says_so_and_has_lost_no_attempt() {
    let app = TestApp::over(account(1_596, 5)).await;
    app.fetch_all().await.unwrap();
    let tickets = app.tickets.take();
    let holder = app.db.client().await;
    holder.batch_execute("begin; lock table payments in access exclusive mode").await.unwrap();
    for receives in [1, 2] {
        let failed = tokio::select! {
            response = app.deliver(&tickets, receives) => response.failures(),
            () = signal_waiting(&app, "pg_cancel_backend") => unreachable!("it goes on for ever"),
        };
        assert_eq!(failed, tickets.len());
    }
    let noted = "select count(*) filter (where last_error like '57014:%' and attempts = 0 \
                                          and failure_class(error_kind) = 'transient') || ' of ' || count(*) from outbox";
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;
    assert_eq!(app.db.scalar::<String>(noted).await, format!("{rows} of {rows}"));
    let listed = "select count(*) from failures where error_kind = 'blocked'";
    assert_eq!(app.db.scalar::<i64>(listed).await, rows, "the operator sees each once");
    let attempts = "select count(*) from failed_attempts";
    assert_eq!(app.db.scalar::<i64>(attempts).await, rows, "and the second time is not noted");
    holder.batch_execute("commit").await.unwrap();
    assert_eq!(app.deliver(&tickets, 3).await.failures(), 0);
    let left = "select count(*) from outbox where error_kind is not null or last_error is not null";
    assert_eq!(app.db.scalar::<i64>(left).await, 0, "it is forgotten once they are processed");
    assert_eq!(app.db.scalar::<i64>(listed).await, 0);
    assert_true(&app).await;
}

#[tokio::test]
async fn the_report_of_a_run_has_the_class_and_the_vendors_own_words() {
    let cases = [
        (Fault::ServerError, "dependency", "status 500"),
        (Fault::Unauthorized, "permanent", "Invalid API Key"),
        (Fault::BadRequest, "permanent", "stripe answers 400"),
    ];
    for (fault, class, words) in cases {
        let app = TestApp::over(account(1_597, 5)).await;
        app.stripe.faults().always("/v1/charges", fault);
        drop(app.fetch("charge", Mode::Full).await);
        let report =
            "select error_class || ': ' || last_error from sync_runs where entity = 'charge'";
        let report: String = app.db.scalar(report).await;
        assert!(report.starts_with(&format!("{class}: ")) && report.contains(words), "{report}");
    }
}
