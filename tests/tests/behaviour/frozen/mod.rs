//! Functions that Lambda freezes in the middle of their work: no transaction outlives its function
//! (trap 69, docs/adr/0051-no-transaction-outlives.md).

mod closing;
mod units;

use std::pin::pin;
use std::time::Duration;

use penstock_store::roles;
use penstock_testkit::Cut;
use penstock_tests::thorough::is_thorough;
use tokio::time::{sleep, timeout};

use units::{FUNCTIONS, Unit};

/// The longest time that anyone waits for a function that is frozen.
const SOON: Duration = Duration::from_secs(60);

/// More than any invocation of these tests takes, with the time that it is frozen for.
const DEADLINE: Duration = Duration::from_secs(100);

/// The points at which each function is stopped: all thirty by PENSTOCK_THOROUGH=1.
fn points() -> u64 {
    if is_thorough() { 30 } else { 3 }
}

/// Gives the role of a function limits for this database that a test can wait for.
async fn shorten_limits(unit: &Unit) {
    let user = unit.app.db.login_of(unit.function).user;
    let database: String = unit.app.db.scalar("select current_database()::text").await;
    let shorter = [
        ("idle_in_transaction_session_timeout", "1s"),
        ("tcp_user_timeout", "1s"),
        ("transaction_timeout", "2s"),
    ];
    let commands = shorter.map(|(limit, time)| {
        format!("alter role {user} in database {database} set {limit} = '{time}'")
    });
    unit.app.db.client().await.batch_execute(&commands.join("; ")).await.unwrap();
}

/// Takes these limits back, for sessions that begin from now on.
async fn restore_limits(unit: &Unit) {
    let user = unit.app.db.login_of(unit.function).user;
    let database: String = unit.app.db.scalar("select current_database()::text").await;
    let command = format!("alter role {user} in database {database} reset all");
    unit.app.db.client().await.batch_execute(&command).await.unwrap();
}

/// Stops a process of the function at its `nth` message to Postgres, on this side of it. `None` is
/// after the statement of that message. Meanwhile another process does the same work. Then the
/// first one goes on.
async fn stopped(unit: &Unit, nth: u64, side: Option<Cut>) {
    let (frozen, other) = tokio::join!(unit.start("frozen"), unit.start("other"));
    let at = format!("{} at message {nth}, {side:?}", unit.function);
    let (stop, is_stopped) = tokio::sync::oneshot::channel();
    let freeze = frozen.host.freezer();
    let freeze = move || {
        freeze();
        let _ = stop.send(());
    };
    match side {
        Some(cut) => frozen.proxy.hold_at(nth, cut, freeze),
        None => frozen.proxy.hold_after_statement(nth, freeze),
    }
    let meanwhile = async {
        let done = async {
            loop {
                unit.time_passes().await;
                let outcome = other.host.invoke_with_deadline(unit.event.clone(), DEADLINE).await;
                if unit.is_done(&outcome) {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(timeout(SOON, done).await.is_ok(), "{at}: others wait for it");
        frozen.proxy.go_on();
        frozen.host.thaw();
    };
    let mut invoked = pin!(frozen.host.invoke_with_deadline(unit.event.clone(), DEADLINE));
    let outcome = tokio::select! {
        biased;
        _ = is_stopped => tokio::join!(invoked, meanwhile).0,
        // It needed fewer messages than the one of the dry run. The next one must not be stopped.
        outcome = &mut invoked => {
            frozen.proxy.go_on();
            outcome
        }
    };
    assert!(unit.is_clean(&outcome), "{at}: {outcome:?}");
    // Nothing is stopped any more, and the work of a busy machine may take longer than the limits.
    restore_limits(unit).await;
    // It works again, as an environment that was thawed for its next event.
    unit.time_passes().await;
    let outcome = frozen.host.invoke(unit.event.clone()).await;
    assert!(unit.is_done(&outcome), "{at}, afterwards: {outcome:?}");
    unit.assert_exact(&[&frozen.aws, &other.aws]).await;
}

async fn stopped_at_random_messages(function: &'static str, seed: u64) {
    let messages = Box::pin(Unit::messages(function, seed)).await;
    for seed in seed..seed + points() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let unit = Box::pin(Unit::of(function, seed)).await;
        shorten_limits(&unit).await;
        // Boxed: it holds two environments.
        Box::pin(stopped(&unit, rng.u64(1..=messages), Some(cut))).await;
    }
}

#[test]
fn every_function_with_a_login_has_a_unit_of_work_here() {
    assert_eq!(roles::functions(), FUNCTIONS);
}

#[tokio::test]
async fn trap_69_accounts_stopped_at_any_message_holds_nobody_up_and_changes_one_account() {
    stopped_at_random_messages("accounts", 50_900).await;
}

#[tokio::test]
async fn trap_69_console_stopped_at_any_message_holds_nobody_up_and_requests_one_run() {
    stopped_at_random_messages("console", 50_800).await;
}

#[tokio::test]
async fn trap_69_admin_stopped_at_any_message_holds_nobody_up_and_requests_one_run() {
    stopped_at_random_messages("admin", 51_000).await;
}

#[tokio::test]
async fn trap_69_archive_stopped_at_any_message_holds_nobody_up_and_copies_each_payment_once() {
    stopped_at_random_messages("archive", 51_050).await;
}

#[tokio::test]
async fn trap_69_bury_stopped_at_any_message_holds_nobody_up_and_writes_one_letter() {
    stopped_at_random_messages("bury", 51_100).await;
}

#[tokio::test]
async fn trap_69_digest_stopped_at_any_message_holds_nobody_up() {
    stopped_at_random_messages("digest", 51_150).await;
}

#[tokio::test]
async fn trap_69_fetch_stopped_at_any_message_holds_nobody_up_and_fetches_nothing_twice() {
    stopped_at_random_messages("fetch", 51_200).await;
}

#[tokio::test]
async fn trap_69_ingest_stopped_at_any_message_holds_nobody_up_and_stores_one_lead() {
    stopped_at_random_messages("ingest", 51_300).await;
}

#[tokio::test]
async fn trap_69_load_stopped_at_any_message_holds_nobody_up_and_deletes_one_day() {
    stopped_at_random_messages("load", 51_350).await;
}

#[tokio::test]
async fn trap_69_metrics_stopped_at_any_message_holds_nobody_up() {
    stopped_at_random_messages("metrics", 51_400).await;
}

#[tokio::test]
async fn trap_69_settle_stopped_at_any_message_holds_nobody_up_and_submits_once() {
    stopped_at_random_messages("settle", 51_450).await;
}

#[tokio::test]
async fn trap_69_transact_stopped_at_any_message_holds_nobody_up_and_takes_one_transaction() {
    stopped_at_random_messages("transact", 51_460).await;
}

#[tokio::test]
async fn trap_69_process_stopped_at_any_message_holds_nobody_up_and_counts_nothing_twice() {
    stopped_at_random_messages("process", 51_500).await;
}

#[tokio::test]
async fn trap_69_relay_stopped_at_any_message_holds_nobody_up_and_forgets_no_row() {
    stopped_at_random_messages("relay", 51_600).await;
}

#[tokio::test]
async fn trap_69_webhook_stopped_at_any_message_holds_nobody_up_and_stores_one_event() {
    stopped_at_random_messages("webhook", 51_700).await;
}

/// The limits of a deployment, after statements that were sent whole.
#[tokio::test]
#[ignore = "waits for limits of ten seconds: PENSTOCK_FULL=1"]
async fn trap_69_with_the_limits_of_a_deployment_nobody_waits_for_20_seconds() {
    let each = FUNCTIONS.map(async |function| {
        let messages = Unit::messages(function, 51_800).await;
        for nth in [messages / 2, messages * 3 / 4] {
            let unit = Unit::of(function, 51_800).await;
            Box::pin(stopped(&unit, nth, None)).await;
        }
    });
    futures_util::future::join_all(each).await;
}
