//! Compares the vendor's lists with payments. Differences are found, reported and mended, and other
//! rows are not touched.

use std::collections::BTreeSet;
use std::time::Duration;

use fetch::{Outcome, Report};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_store::freshness;
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::part;

use crate::admin::trigger;
use crate::stripe_account::{NOW, account, assert_true, our_rows, true_rows};

const KINDS: [&str; 3] = ["charge", "refund", "dispute"];

/// Everything of `payments`, and when each row was written.
const DIGEST: &str = "select md5(string_agg(p::text || xmin::text || ctid::text, ',' order by kind, external_id)) from payments p";

/// An app whose payments are the vendor's truth.
async fn full(seed: u64, charges: u32) -> TestApp {
    let app = TestApp::over(account(seed, charges)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    app.clock.advance(Duration::from_secs(7_200));
    app
}

/// Reconciles one kind, invoking again until the run is complete. Tickets and requests are worked
/// off meanwhile.
async fn reconcile_within(app: &TestApp, kind: &str, time: Duration) -> Report {
    let mut request = FetchRequest::new("stripe", kind, Mode::Reconcile);
    for _ in 0..10_000 {
        let deadline = app.clock.now() + time + fetch::MARGIN;
        match app.fetch.serve(&request, deadline).await.unwrap() {
            Outcome::Reconciled(report) if report.ended => {
                app.requests.take();
                return report;
            }
            Outcome::Continues { .. } => {}
            other => panic!("{other:?}"),
        }
        app.requests.take();
        for tickets in app.tickets.take().chunks(10) {
            assert_eq!(app.deliver(tickets, 1).await.failures(), 0);
        }
        app.clock.advance(Duration::from_secs(10));
        request = request.resuming();
    }
    panic!("it never ends");
}

pub async fn reconcile(app: &TestApp, kind: &str) -> Report {
    reconcile_within(app, kind, Duration::from_secs(86_400)).await
}

async fn run(app: &TestApp, sql: &str) {
    app.db.client().await.batch_execute(sql).await.unwrap();
}

/// Returns the days of the rows that `condition` selects.
async fn days(app: &TestApp, condition: &str) -> BTreeSet<String> {
    let sql = format!(
        "select distinct (occurred_at at time zone 'UTC')::date::text from payments where {condition}"
    );
    app.db.client().await.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn days_of(report: &Report) -> BTreeSet<String> {
    report.found_differences.iter().map(|difference| difference.day.clone()).collect()
}

#[tokio::test]
async fn a_clean_account_has_no_differences_and_no_row_is_written() {
    let app = full(81, 600).await;
    let before: String = app.db.scalar(DIGEST).await;
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;
    for kind in KINDS {
        let report = reconcile(&app, kind).await;
        assert_eq!((report.found, report.remaining), (0, 0), "{report:?}");
    }
    assert_eq!(app.db.scalar::<String>(DIGEST).await, before);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, rows);
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from reconciled_days").await,
        0,
        "nothing is kept of it"
    );
    let runs = "select string_agg(status || ' ' || last_error, ';') from sync_runs where mode = 'reconcile'";
    let told = "succeeded 0 differences found, 0 remain";
    assert_eq!(app.db.scalar::<String>(runs).await, [told; 3].join(";"));
}

#[tokio::test]
async fn what_was_changed_behind_penstocks_back_is_found_on_its_days_told_and_mended() {
    for seed in 82..82 + part(6) {
        let app = full(seed, 400).await;
        let pick = |n: u64| format!("abs(hashtext(external_id)) % 40 = {}", (n + seed) % 40);
        let (gone, more, other, moved) = (pick(0), pick(1), pick(2), pick(3));
        let mut touched = BTreeSet::new();
        for condition in [&gone, &more, &other, &moved] {
            touched.extend(days(&app, condition).await);
        }
        run(&app, &format!("delete from payments where {gone}")).await;
        run(&app, &format!("update payments set amount = amount + 1 where {more}")).await;
        run(
            &app,
            &format!("update payments set status = 'failed', currency = 'CHF' where {other}"),
        )
        .await;
        run(
            &app,
            &format!(
                "update payments set occurred_at = occurred_at - interval '3 days' where {moved}"
            ),
        )
        .await;
        touched.extend(days(&app, &moved).await);
        assert_ne!(our_rows(&app).await, true_rows(&app));

        let mut found = BTreeSet::new();
        for kind in KINDS {
            let report = reconcile(&app, kind).await;
            assert_eq!(report.remaining, 0, "seed {seed}: {report:?}");
            found.extend(days_of(&report));
        }
        assert_eq!(found, touched, "seed {seed}");
        assert_true(&app).await;
        for kind in KINDS {
            assert_eq!(reconcile(&app, kind).await.found, 0, "seed {seed}: it is mended");
        }
    }
}

#[tokio::test]
async fn the_report_says_what_each_side_has_and_only_the_days_that_differ_are_read_again() {
    let app = full(88, 300).await;
    let one = "select external_id from payments where kind = 'charge' and status = 'collected' \
               order by occurred_at offset 20 limit 1";
    let id: String = app.db.scalar(one).await;
    let same_day = format!(
        "(select count(*) || ' ' || sum(p.amount) from payments p join payments o using (source, kind, currency, status) \
          where o.external_id = '{id}' and (p.occurred_at at time zone 'UTC')::date = (o.occurred_at at time zone 'UTC')::date)"
    );
    let theirs: String = app.db.scalar(&format!("select {same_day}")).await;
    let amount: i64 =
        app.db.scalar(&format!("select amount from payments where external_id = '{id}'")).await;
    run(&app, &format!("update payments set amount = amount + 500 where external_id = '{id}'"))
        .await;
    let ours: String = app.db.scalar(&format!("select {same_day}")).await;
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;

    let report = reconcile(&app, "charge").await;
    let [difference] = report.found_differences.as_slice() else { panic!("{report:?}") };
    assert_eq!((difference.kind.as_str(), difference.status.as_str()), ("charge", "collected"));
    assert_eq!(format!("{} {}", difference.theirs_count, difference.theirs), theirs);
    assert_eq!(format!("{} {}", difference.ours_count, difference.ours), ours);
    let mended: i64 =
        app.db.scalar(&format!("select amount from payments where external_id = '{id}'")).await;
    assert_eq!(mended, amount);
    let day = format!(
        "select count(*) from payments where kind = 'charge' and (occurred_at at time zone 'UTC')::date = '{}'",
        difference.day
    );
    let read_again = app.db.scalar::<i64>("select count(*) from outbox").await - rows;
    assert_eq!(read_again, app.db.scalar::<i64>(&day).await, "the day's objects, and no others");

    drop(trigger::admin(&app).await);
    let told = trigger::run(&app, &report.run.to_string()).await;
    assert_eq!(
        (&told["mode"], &told["lastError"]),
        (&"reconcile".into(), &"1 differences found, 0 remain".into())
    );
}

#[tokio::test]
async fn what_stripe_does_not_have_any_more_gets_a_tombstone_and_counts_for_nothing() {
    let app = full(89, 200).await;
    let ghosts = "insert into payments select source, kind, external_id || '_ghost', amount, currency, status, raw_status, \
                  occurred_at, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at \
                  from payments where abs(hashtext(external_id)) % 30 = 7";
    run(&app, ghosts).await;
    // Younger than an hour: the list may not show it yet.
    let late = "insert into payments select source, kind, 'ch_late', amount, currency, status, raw_status, occurred_at, \
                timestamptz '2026-06-01T01:59:00Z', native, version_rank, content_hash, raw, outbox_id, updated_at \
                from payments where kind = 'charge' and status = 'collected' limit 1";
    run(&app, late).await;
    let mut remaining = 0;
    for kind in KINDS {
        let report = reconcile(&app, kind).await;
        remaining += report.remaining;
    }
    assert_eq!(remaining, 1, "the late one stays, and is told");
    run(&app, "delete from payments where external_id = 'ch_late'").await;
    let standing = "select count(*) from payments where external_id like '%_ghost' \
                    and (status, raw_status) is distinct from ('canceled', 'vanished')";
    assert_eq!(app.db.scalar::<i64>(standing).await, 0);
    assert!(
        app.db.scalar::<i64>("select count(*) from payments where raw_status = 'vanished'").await
            > 0
    );
    run(&app, "delete from payments where external_id like '%_ghost'").await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_72_a_404_that_is_not_stripes_word_on_the_object_buries_nothing_and_ends_no_run() {
    let app = full(94, 200).await;
    let ghosts = "insert into payments select source, kind, external_id || '_ghost', amount, currency, status, raw_status, \
                  occurred_at, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at \
                  from payments where kind = 'charge' and abs(hashtext(external_id)) % 30 = 7";
    run(&app, ghosts).await;
    let vanished = "select count(*) from payments where raw_status = 'vanished'";
    let planted: i64 =
        app.db.scalar("select count(*) from payments where external_id like '%_ghost'").await;
    assert!(planted > 1);

    // As of a proxy, or of a base URL that is wrong.
    app.stripe.faults().always("/v1/charges/", Fault::NotFound);
    let report = reconcile(&app, "charge").await;
    assert!(report.remaining > 0, "it is told: {report:?}");
    assert_eq!(app.db.scalar::<i64>(vanished).await, 0);

    // One that cannot be read keeps no other from its answer, and is asked for with the next look.
    app.stripe.faults().clear();
    app.stripe.faults().at(1, "/v1/charges/", Fault::NotFound);
    let report = reconcile(&app, "charge").await;
    assert_eq!(report.remaining, 0, "{report:?}");
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>(vanished).await, planted);
}

#[tokio::test]
async fn it_goes_on_where_its_time_ran_out_and_counts_each_object_once() {
    let app = TestApp::with_settings(account(90, 300), &[("STRIPE_PAGE_SIZE", "10")]).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    app.clock.advance(Duration::from_secs(7_200));
    run(&app, "delete from payments where abs(hashtext(external_id)) % 10 = 3").await;
    let mut found = 0;
    for kind in KINDS {
        // Each page takes a second, and each invocation has three.
        for page in 1..400 {
            let clock = app.clock.clone();
            app.stripe.on_request(page, move || clock.advance(Duration::from_secs(1)));
        }
        let report = reconcile_within(&app, kind, Duration::from_secs(3)).await;
        assert_eq!(report.remaining, 0, "{kind}: {report:?}");
        found += report.found;
    }
    assert!(found > 0);
    assert_true(&app).await;
}

#[tokio::test]
async fn relay_asks_again_for_one_whose_message_was_lost() {
    let app = full(91, 100).await;
    run(&app, "delete from payments where kind = 'charge'").await;
    let deadline = app.clock.now() + Duration::from_secs(86_400);
    let request = FetchRequest::new("stripe", "charge", Mode::Reconcile);
    let outcome = app.fetch.serve(&request, deadline).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "it waits for process: {outcome:?}");
    assert!(!app.requests.take().is_empty(), "the message is lost");
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    app.drain().await;
    assert_true(&app).await;
    let status: String =
        app.db.scalar("select status from sync_runs where mode = 'reconcile'").await;
    assert_eq!(status, "succeeded");
}

#[tokio::test]
async fn what_cannot_be_mended_remains_in_the_report_after_three_looks() {
    let app = full(92, 100).await;
    let id: String =
        app.db.scalar("select external_id from payments where kind = 'charge' limit 1").await;
    run(&app, &format!("delete from payments where external_id = '{id}'")).await;
    let refuse = format!(
        "create function refuse() returns trigger language plpgsql as $$ begin return null; end $$; \
         create trigger refuse before insert on payments for each row when (new.external_id = '{id}') execute function refuse()"
    );
    run(&app, &refuse).await;
    let report = reconcile(&app, "charge").await;
    assert_eq!((report.found, report.remaining), (1, 1), "{report:?}");
    assert_eq!(report.found_differences, report.remaining_differences);
    let look: i16 = app.db.scalar("select look from reconciliations").await;
    assert_eq!(look, 3);
    run(&app, "drop trigger refuse on payments").await;
    assert_eq!(reconcile(&app, "charge").await.remaining, 0);
    assert_true(&app).await;
}

#[tokio::test]
async fn a_reconciliation_hides_no_pull_that_stands_still_and_a_refused_key_halts_it() {
    let app = full(93, 30).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    let on = app.db.client().await;
    let fresh = freshness::pulls(&on, &["stripe"]).await.unwrap();
    assert!(fresh[0].last_success.is_some(), "{fresh:?}");
    app.stripe.set_key("sk_test_other");
    let deadline = app.clock.now() + Duration::from_secs(86_400);
    let request = FetchRequest::new("stripe", "charge", Mode::Reconcile);
    app.fetch.serve(&request, deadline).await.unwrap_err();
    let told: String = app
        .db
        .scalar("select status || ': ' || last_error from sync_runs where mode = 'reconcile'")
        .await;
    assert!(told.starts_with("failed: ") && told.contains("401"), "{told}");
    assert_eq!(freshness::pulls(&on, &["stripe"]).await.unwrap(), fresh);
}

#[tokio::test]
async fn trap_77_what_is_unreadable_counts_on_neither_side_and_heals_by_what_the_list_shows() {
    let app = full(92, 60).await;
    let id: String = app
        .db
        .scalar(
            "select min(external_id) from payments where kind = 'charge' and status = 'collected'",
        )
        .await;
    let payload = format!(
        r#"{{"id":"evt_odd","object":"event","created":{NOW},"data":{{"object":{{"id":"{id}","object":"charge","amount":"much"}}}}}}"#
    );
    let odd = Item {
        entity: "charge".to_owned(),
        external_id: id.clone(),
        version_key: "evt_odd".to_owned(),
        version_at: app.clock.now(),
        api_version: None,
        payload: payload.as_bytes(),
    };
    let rows = app.put(&[odd]).await;
    let tickets: Vec<String> = Ticket::split(&rows).map(|t| t.to_body()).collect();
    assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
    let status = format!("select status from payments where external_id = '{id}'");
    assert_eq!(app.db.scalar::<String>(&status).await, "unreadable");
    app.clock.advance(Duration::from_secs(7_200));
    let report = reconcile(&app, "charge").await;
    assert!(report.found > 0 && report.remaining == 0, "{report:?}");
    assert_eq!(app.db.scalar::<String>(&status).await, "collected");
    assert_eq!(our_rows(&app).await, true_rows(&app));
}
