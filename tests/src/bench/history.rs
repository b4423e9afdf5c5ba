//! Measures the drain again with a million old rows in the tables.

use std::time::{Duration, Instant};

use super::drain_workers::Worker;
use super::figures::{Figures, per_second};
use super::say;
use super::stock::{Copy, Stock};

/// Old rows, in the outbox and in payments.
const ROWS: u32 = 1_000_000;

/// Rows that one statement writes.
const STEP: u32 = 100_000;

/// One processed row for each payment, a few days old, in the order of arrival. The payloads are
/// small enough to stay in their page, so that the tables are as wide as they can be.
const OUTBOX: &str = "
insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status,
                    next_attempt_at, received_at, processed_at)
select (lpad(to_hex(1750000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid, 'stripe', 'charge',
       'ch_old_' || md5(n::text), 'run:old', at, convert_to(repeat(md5(n::text), 40), 'UTF8'), 'application/json',
       'processed', at, at, at
from generate_series($from, $to) n
cross join lateral (values (timestamptz '2025-06-15' + n * interval '1 s')) t (at)";

const PAYMENTS: &str = "
insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                      version_rank, content_hash, raw, outbox_id, updated_at)
select 'stripe', 'charge', 'ch_old_' || md5(n::text), 100 + n % 9000, (array['USD', 'EUR', 'GBP'])[1 + n % 3], 'collected',
       'succeeded', at, at, true, 4, n, convert_to(repeat(md5(n::text), 20), 'UTF8'), gen_random_uuid(), at
from generate_series($from, $to) n
cross join lateral (values (timestamptz '2025-01-01' + n * interval '31 s')) t (at)";

/// Gives the batches to the workers in turn, so that both meet the same tables.
pub(super) async fn measure(stock: &Stock, figures: &mut Figures) {
    say(&format!("drain: writing {ROWS} rows of the past into outbox and payments"));
    let copy = stock.copy().await;
    for from in (1..=ROWS).step_by(usize::try_from(STEP).expect("a step")) {
        for sql in [OUTBOX, PAYMENTS] {
            let sql = sql
                .replace("$from", &from.to_string())
                .replace("$to", &(from + STEP - 1).to_string());
            copy.run(&sql).await;
        }
    }
    copy.run("vacuum (analyze)").await;
    copy.run("checkpoint").await;
    let (handler, statement) = by_turns(stock, &copy).await;
    figures.note("drain_rows_s_1m_history", handler);
    figures.note("drain_ratio_1m_history", handler / statement);
}

/// Returns the rows per second of both.
async fn by_turns(stock: &Stock, copy: &Copy) -> (f64, f64) {
    let workers = [
        Worker::Handler.connect(copy.login()).await,
        Worker::OneStatement.connect(copy.login()).await,
    ];
    let mut spent = [(0, Duration::ZERO); 2];
    for (i, batch) in stock.batches().iter().enumerate() {
        let (rows, total) = &mut spent[i % 2];
        let started = Instant::now();
        workers[i % 2].work(batch).await;
        *total += started.elapsed();
        *rows += batch.ids.len();
    }
    let [handler, statement] = spent.map(|(rows, total)| per_second(rows, total));
    (handler, statement)
}
