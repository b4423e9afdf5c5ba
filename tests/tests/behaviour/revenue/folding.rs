//! Folding moves amounts, and changes none.

use jiff::civil::date;
use penstock_domain::clock::Clock as _;
use penstock_store::all_statements;
use penstock_store::revenue::set_business_zone;
use penstock_testkit::TestDatabase;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::TestApp;
use relay::RelayError;
use tokio_postgres::types::ToSql;

use super::{ZONES, assert_exact, deltas, figures, fold, payment, some_payments};
use crate::metrics::{Payment, upsert};
use crate::stripe_account::account;

#[tokio::test]
async fn a_folder_that_dies_half_way_loses_nothing_and_what_is_folded_counts_once() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    upsert(&on, &some_payments(&mut fastrand::Rng::with_seed(1), "", 200)).await;
    let (all, before) = (deltas(&on).await, figures(&on, "Asia/Kolkata").await);
    let dying = database.client().await;
    let pid: i32 = dying.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    dying.batch_execute("begin; select fold_revenue_deltas(50)").await.unwrap();
    assert_eq!(fold(&on, 50).await, None);
    on.query_one("select pg_terminate_backend($1, 60000)", &[&pid]).await.unwrap();
    assert_eq!(deltas(&on).await, all);
    let mut folded = 0;
    while let Some(some @ 1..) = fold(&on, 50).await {
        folded += some;
        assert_eq!(figures(&on, "Asia/Kolkata").await, before);
    }
    assert_eq!((folded, deltas(&on).await), (all, 0));
    assert_eq!(fold(&on, 50).await, Some(0));
    assert_exact(&on, "folded").await;
}

#[tokio::test]
async fn trap_35_sums_beyond_2_63_are_appended_folded_and_taken_back() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    let large = |id: usize, amount| Payment { amount, ..payment(id) };
    let many: Vec<Payment> = (0..40).map(|id| large(id, i64::MAX)).collect();
    upsert(&on, &many).await;
    assert_exact(&on, "appended").await;
    while fold(&on, 7).await != Some(0) {}
    assert_exact(&on, "folded").await;
    let sums = figures(&on, "UTC").await;
    assert_eq!(sums.values().next().unwrap().0, 40 * i128::from(i64::MAX));
    // From one end to the other, in one statement.
    let opposite: Vec<Payment> = (0..40).map(|id| large(id, -i64::MAX)).collect();
    upsert(&on, &opposite).await;
    assert_exact(&on, "reversed").await;
    on.batch_execute("delete from payments where external_id::int % 2 = 0").await.unwrap();
    while fold(&on, 7).await != Some(0) {}
    assert_exact(&on, "some are gone").await;
    on.batch_execute("delete from payments").await.unwrap();
    while fold(&on, 7).await != Some(0) {}
    let left: i64 = database.scalar("select count(*) from revenue_sums").await;
    assert_eq!(left, 0, "sums of nothing are deleted");
}

#[tokio::test]
async fn deltas_from_before_a_change_of_zone_are_folded_into_the_days_of_the_new_one() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    let mut rng = fastrand::Rng::with_seed(2);
    for zone in ["Asia/Kathmandu", "America/New_York", "UTC", "Pacific/Auckland"] {
        upsert(&on, &some_payments(&mut rng, zone, 60)).await;
        fold(&on, 20).await;
        let mut setting = database.client().await;
        let open = setting.transaction().await.unwrap();
        assert!(set_business_zone(&open, zone).await.unwrap());
        assert_eq!(fold(&on, 20).await, None, "{zone}");
        assert_exact(&on, "before the change is committed").await;
        assert_exact(&open, "inside of it").await;
        open.commit().await.unwrap();
        assert_exact(&on, "after it").await;
        fold(&on, 20).await;
        assert_exact(&on, "folded in part").await;
    }
    let days = "select count(*) from revenue_sums where grain = 'business_day'";
    assert!(database.scalar::<i64>(days).await > 0);
    set_business_zone(&on, "UTC").await.unwrap();
    assert_eq!(database.scalar::<i64>(days).await, 0, "UTC needs no days of its own");
}

#[tokio::test]
async fn days_of_the_business_zone_are_not_read_by_other_rules_than_those_of_postgres() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    set_business_zone(&on, "Europe/Berlin").await.unwrap();
    let (first, last, none) = (date(2025, 3, 10), date(2025, 3, 10), None::<&str>);
    let read = all_statements().into_iter().find(|it| it.name == "revenue.read_business_days");
    let read = read.unwrap();
    let rows = async |hour: i8| {
        let mark = date(2000, 1, 1).at(hour, 0, 0, 0);
        let params: [&(dyn ToSql + Sync); 8] =
            [&"Europe/Berlin", &first, &last, &1_440_i64, &mark, &mark, &none, &none];
        let typed: Vec<_> = params.into_iter().zip(read.types.iter().cloned()).collect();
        on.query_typed(read.text, &typed).await.unwrap().len()
    };
    // Without deltas no rule is needed: one row says that it is the zone.
    assert_eq!((rows(23).await, rows(12).await), (1, 1));
    upsert(&on, &[payment(1)]).await;
    assert_eq!(rows(23).await, 1, "Berlin's day begins at 23:00 in UTC");
    assert_eq!(rows(12).await, 0, "the caller has to read hours");
}

#[tokio::test]
async fn a_truncate_of_the_payments_clears_sums_and_deltas() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    set_business_zone(&on, ZONES[1]).await.unwrap();
    upsert(&on, &some_payments(&mut fastrand::Rng::with_seed(3), "", 100)).await;
    fold(&on, 30).await;
    on.batch_execute("truncate payments").await.unwrap();
    let left: i64 = database
        .scalar(
            "select (select count(*) from revenue_sums) + (select count(*) from revenue_deltas)",
        )
        .await;
    assert_eq!(left, 0);
    upsert(&on, &[payment(1)]).await;
    assert_exact(&on, "afterwards").await;
}

#[tokio::test]
async fn relay_folds_until_nothing_is_left_and_says_how_much_is() {
    let app = TestApp::over(account(1, 1)).await;
    let on = app.db.client().await;
    upsert(&on, &some_payments(&mut fastrand::Rng::with_seed(4), "", 100)).await;
    let all = deltas(&on).await.unsigned_abs();
    let mut other = app.db.client().await;
    let folder = other.transaction().await.unwrap();
    folder.batch_execute("select fold_revenue_deltas(1)").await.unwrap();
    let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!((round.folded, round.unfolded), (0, all));
    folder.rollback().await.unwrap();
    let log = CapturedLog::start();
    let no_time = app.clock.now() + std::time::Duration::from_secs(10);
    let round = app.relay.run_once(no_time).await.unwrap();
    assert_eq!((round.folded, round.unfolded), (0, all));
    let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!((round.folded, round.unfolded), (all, 0));
    assert!(log.text().contains(&format!("\"folded\":{all},\"unfolded\":0")), "{}", log.text());
    assert_exact(&on, "folded").await;
}

#[tokio::test]
async fn a_fault_of_the_folding_fails_the_round_of_relay_after_all_else_was_done() {
    let app = TestApp::over(account(1, 1)).await;
    let on = app.db.client().await;
    upsert(&on, &[payment(1)]).await;
    let fault = "create function fault() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$; \
                 create trigger fault before insert on revenue_sums for each statement execute function fault()";
    on.batch_execute(fault).await.unwrap();
    let log = CapturedLog::start();
    let error = app.relay.run_once(app.relay_deadline()).await.unwrap_err();
    assert!(matches!(error, RelayError::NotPurged(_)));
    assert_eq!(error.to_string(), "not purged: revenue_deltas");
    assert!(log.text().contains("\"event\":\"not_folded\""), "{}", log.text());
    assert_exact(&on, "all the same").await;
}
