//! A million rows of all tables while others write, `archive` killed at random points, two at once,
//! and a store that fails: what the manifests name is each row once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::{Either, select};
use penstock_testkit::TestDatabase;
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::part;

use super::copied::{Copied, Fault};
use super::readers::assert_exactly_once;
use crate::stripe_account::account;

/// Rows of all tables that are there at the beginning, by the number of rows `$1`.
const ROWS: [&str; 6] = [
    "insert into events (event_id, sender, user_id, session_id, type, payload, occurred_at, received_at, outbox_id)
     select 'e' || n, '', 'u' || n % 1000, 's', 't' || n % 20, '{\"n\":' || n || '}', now() - n * interval '1 s',
            now() - (n % 3) * interval '1 day', gen_random_uuid() from generate_series(1, $1::int * 40 / 100) n",
    "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                           version_rank, content_hash, raw, outbox_id, updated_at)
     select 'stripe', 'charge', 'ch_' || n, n, (array['USD','EUR','JPY'])[1 + n % 3], (array['collected','refunded','disputed',
            'pending'])[1 + n % 4], 's', now() - n * interval '1 minute', now(), true, 0, 0, '', gen_random_uuid(),
            now() - (n % 2) * interval '1 day' from generate_series(1, $1::int * 20 / 100) n",
    "insert into leads (id, state, email, content_type, body, received_at, outbox_id)
     select gen_random_uuid(), 'accepted', 'p' || n || '@example.com', 'application/json', '{\"n\":1}', now(), gen_random_uuid()
     from generate_series(1, $1::int * 10 / 100) n",
    "insert into contacts (source, external_id, email, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
     select 'hubspot', n::text, 'c' || n || '@example.com', now(), true, 0, 0, '', gen_random_uuid(), now()
     from generate_series(1, $1::int * 10 / 100) n",
    "insert into calendar_events (source, calendar_id, external_id, status, all_day, version_at, native, version_rank,
                                  content_hash, raw, outbox_id, updated_at)
     select 'gcal', 'team', n::text, 'confirmed', false, now(), true, 0, 0, '', gen_random_uuid(), now()
     from generate_series(1, $1::int * 5 / 100) n",
    "insert into dead_letters (id, payload, error, error_kind, attempts, message_id, created_at)
     select gen_random_uuid(), 'm', 'e', 'malformed_ticket', 5, 'm' || n, now() from generate_series(1, $1::int * 5 / 100) n",
];

/// Rows of the outbox, through the statement that makes their ids.
const OUTBOX: &str = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status,
                                          next_attempt_at, received_at)
     select (substr(outbox_id_at(now())::text, 1, 19) || substr(gen_random_uuid()::text, 20))::uuid, 'stripe', 'charge',
            'ch_' || $1::text || n, 'v', now(), convert_to('{\"id\":\"ch_' || n || '\"}', 'UTF8'), 'application/json', 'processed',
            now(), now() from generate_series(1, $2::int) n";

/// Transactions of a third party.
const TRANSACTIONS: &str = "insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at)
     select gen_random_uuid(), 'crm', '{}', '\\x00', 'completed', now(), now(), now() from generate_series(1, $1::int) n";

async fn fill(db: &TestDatabase, rows: i32) {
    let client = db.client().await;
    for sql in ROWS {
        client.execute(sql, &[&rows]).await.unwrap();
    }
    client.execute(OUTBOX, &[&"first", &(rows * 9 / 100)]).await.unwrap();
    client.execute(TRANSACTIONS, &[&(rows / 100)]).await.unwrap();
}

/// Writes until it is told to stop: new rows, new versions, some in transactions that stay open
/// while others commit, some of which roll back.
async fn write(db: &TestDatabase, writer: usize, is_over: &AtomicBool) {
    let mut client = db.client().await;
    let mut rng = Rng::with_seed(u64::try_from(writer).unwrap());
    let mut turn = 0_u32;
    while !is_over.load(Ordering::Relaxed) {
        turn += 1;
        let tx = client.transaction().await.unwrap();
        let tag = format!("{writer}_{turn}_");
        tx.execute(OUTBOX, &[&tag, &20]).await.unwrap();
        tx.execute(
            "insert into events (event_id, sender, type, payload, occurred_at, received_at, outbox_id) \
             select $1 || n, '', 't', '{}', now(), now(), gen_random_uuid() from generate_series(1, 20) n",
            &[&tag],
        )
        .await
        .unwrap();
        // In the order of their keys, so that writers do not wait for each other in a circle.
        tx.execute(
            "update payments set amount = amount + 1, status = 'collected', updated_at = now(), tx = default \
             where (source, kind, external_id) in (select source, kind, external_id from payments \
                    where external_id like 'ch_' || $1 || '%' order by external_id limit 20 for update)",
            &[&(writer + 1).to_string()],
        )
        .await
        .unwrap();
        if rng.u8(0..10) == 0 {
            // Others commit meanwhile.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        if rng.u8(0..8) == 0 { tx.rollback().await } else { tx.commit().await }.unwrap();
    }
}

/// Runs `archive` once, until it ends or is killed after some time. A kill cuts its connection.
async fn killed_within(
    copied: &Copied,
    db: &TestDatabase,
    after: Duration,
    faults: Option<(i64, Fault)>,
) {
    let kill = Box::pin(tokio::time::sleep(after));
    match faults {
        Some((at, fault)) => {
            let archive = copied.archive(db, copied.faults(at, fault));
            drop(select(Box::pin(copied.copy_by(&archive)), kill).await);
        }
        None => {
            let archive = copied.archive(db, copied.objects.clone());
            if let Either::Left((done, _)) = select(Box::pin(copied.copy_by(&archive)), kill).await
            {
                done.unwrap();
            }
        }
    }
}

async fn each_row_is_copied_once_among(rows: i32, kills: u64) {
    let app = Arc::new(TestApp::over(account(903, 1)).await);
    let (db, clock) = (&app.db, &app.clock);
    fill(db, rows).await;
    let copied = Copied::of(db, clock);
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (app, is_over) = (Arc::clone(&app), Arc::clone(&is_over));
            tokio::spawn(async move { write(&app.db, writer, &is_over).await })
        })
        .collect();
    let mut rng = Rng::with_seed(u64::try_from(rows).unwrap());
    for kill in 0..kills {
        // Long enough for some files, mostly too short for all.
        let after = Duration::from_millis(rng.u64(1..400));
        let faults = match kill % 3 {
            0 => Some((rng.i64(0..6), Fault::Before)),
            1 => Some((rng.i64(0..6), Fault::After)),
            _ => None,
        };
        if rng.bool() {
            killed_within(&copied, db, after, faults).await;
        } else {
            let other = Duration::from_millis(rng.u64(1..400));
            tokio::join!(
                killed_within(&copied, db, after, faults),
                killed_within(&copied, db, other, None)
            );
        }
        // Claims of the one that was killed end with time.
        clock.advance(Duration::from_secs(3_600));
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    for _ in 0..20 {
        clock.advance(Duration::from_secs(3_600));
        if copied.copy(db).await.left == 0 {
            break;
        }
    }
    let seen = copied.read().await;
    assert_exactly_once(db, &seen).await;
    let read: i64 = seen.values().map(|table| table.duckdb.rows).sum();
    assert!(read >= i64::from(rows), "{read} rows");
    assert_eq!(copied.files(), copied.listed(), "no file is in no manifest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_row_is_copied_once_while_others_write_and_archive_is_killed_and_the_store_fails() {
    let rows = i32::try_from(part(120_000)).unwrap();
    each_row_is_copied_once_among(rows, part(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn a_million_rows_are_copied_once_while_archive_is_killed_fifty_times() {
    each_row_is_copied_once_among(1_000_000, 50).await;
}
