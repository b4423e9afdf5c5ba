//! Measures `archive` against Postgres' own `COPY` of the same rows: rows a second, the memory that
//! it takes, and the size of the files.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use archive::{Ports, Request, Settings};
use futures_util::StreamExt as _;
use jiff::civil::date;
use penstock_clients::clock::SystemClock;
use penstock_domain::analytics::TABLES;
use penstock_domain::clock::Clock as _;
use penstock_edge::config;
use penstock_testkit::TestDatabase;
use tokio_postgres::Client;

use super::figures::{Figures, median, per_second};
use super::say;
use super::stock::run;
use crate::analytics::FolderObjects;

/// Rows of all tables if `ROWS` is not set.
const ROWS: u32 = 500_000;

/// Rounds, each of a `COPY` and a copy by `archive`.
const ROUNDS: usize = 3;

/// A payload of 1.3 kB with words that repeat and ids that do not, as vendors send them.
const PAYLOAD: &str = "'{\"id\":\"' || md5(n::text) || '\",\"object\":\"charge\",\"description\":\"' || repeat('a subscription ', 40)
     || '\",\"metadata\":{\"order\":\"' || md5('o' || n) || md5('p' || n) || md5('q' || n) || md5('r' || n) || md5('s' || n)
     || md5('t' || n) || '\"},\"billing_details\":{\"email\":\"customer' || n || '@example.com\",\"name\":\"' || repeat('n', 200)
     || '\"},\"amount\":' || n || '}'";

/// Rows by table, in percent of all.
const FILLED: [&str; 4] = [
    "insert into events (event_id, sender, user_id, session_id, type, payload, occurred_at, received_at, outbox_id)
     select 'evt-' || md5(n::text), 'shop', 'user-' || n % 5000, 'session-' || n / 10, (array['opened','clicked','bought'])[1 + n % 3],
            '{\"page\":\"/articles/' || n % 700 || '\",\"n\":' || n || ',\"ref\":\"' || md5('x' || n) || '\"}',
            now() - n * interval '100 ms', now() - n * interval '90 ms', gen_random_uuid() from generate_series(1, $rows * 60 / 100) n",
    "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, next_attempt_at,
                         received_at)
     select (substr(outbox_id_at(now())::text, 1, 19) || substr(gen_random_uuid()::text, 20))::uuid, 'stripe', 'charge',
            'ch_' || md5(n::text), 'evt_' || n, now(), convert_to($payload, 'UTF8'), 'application/json', 'processed', now(), now()
     from generate_series(1, $rows * 20 / 100) n",
    "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                           version_rank, content_hash, raw, outbox_id, updated_at)
     select 'stripe', 'charge', 'ch_' || md5(n::text), n, (array['USD','EUR','JPY'])[1 + n % 3], 'collected', 'succeeded',
            now() - n * interval '1 minute', now(), true, 0, 0, '', gen_random_uuid(), now()
     from generate_series(1, $rows * 15 / 100) n",
    "insert into leads (id, state, email, name, content_type, body, received_at, outbox_id)
     select gen_random_uuid(), 'accepted', 'lead' || n || '@example.com', 'Lead ' || n, 'application/json',
            convert_to('{\"email\":\"lead' || n || '@example.com\",\"name\":\"Lead ' || n || '\"}', 'UTF8'), now(), gen_random_uuid()
     from generate_series(1, $rows * 5 / 100) n",
];

/// Fills a database, and measures `archive` on it.
pub(super) async fn measure(figures: &mut Figures) {
    let rows = config::from_process().parsed_or("ROWS", ROWS).expect("a number of rows");
    say(&format!("archive: writing {rows} rows"));
    let db = TestDatabase::new().await;
    let client = db.client().await;
    for sql in FILLED {
        let sql = sql.replace("$payload", PAYLOAD).replace("$rows", &rows.to_string());
        run(&client, &sql).await;
    }
    run(&client, "vacuum (analyze)").await;
    run(&client, "checkpoint").await;
    let (mut plain, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak = 0.0_f64;
    for round in 0..ROUNDS {
        let (copied, copy) = copy(&client).await;
        let folder = Folder::new(round);
        reset_peak();
        let (archived, archive) = archive(&db, &client, &folder).await;
        peak = peak.max(peak_mb());
        assert_eq!(archived, copied, "both have copied each row");
        let rates = (per_second(copied, copy), per_second(archived, archive));
        say(&format!("archive: round {round}: COPY {:.0} rows/s, archive {:.0}", rates.0, rates.1));
        plain.push(rates.0);
        ours.push(rates.1);
        ratios.push(rates.1 / rates.0);
    }
    figures.note("archive_copy_rows_s", median(&plain));
    figures.note("archive_rows_s", median(&ours));
    figures.note("archive_ratio", median(&ratios));
    figures.note("archive_peak_mb", peak);
    for (name, table) in [("event", "events"), ("payment", "payments"), ("outbox_row", "outbox")] {
        let sql = format!(
            "select (sum(bytes) / sum(rows))::float8 from archive_batches where table_name = '{table}' and state = 'done'"
        );
        let bytes = client.query_one(&sql, &[]).await.expect("the sizes").get(0);
        figures.note(format!("bytes_per_{name}"), bytes);
    }
}

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(round: usize) -> Self {
        let name = format!("penstock-bench-archive-{}-{round}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// Copies all rows of all tables as Postgres writes them, and throws them away. Returns their
/// number, and the time.
async fn copy(client: &Client) -> (usize, Duration) {
    let (mut rows, started) = (0, Instant::now());
    for table in TABLES {
        let sql = format!("copy {} to stdout", source(table.name));
        let stream = client.copy_out(sql.as_str()).await.expect("it copies");
        let mut stream = Box::pin(stream);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.expect("a chunk");
            rows += chunk.iter().filter(|byte| **byte == b'\n').count();
        }
    }
    (rows, started.elapsed())
}

/// A partitioned table is copied by a query.
fn source(table: &str) -> String {
    if table == "outbox" { "(select * from outbox)".to_owned() } else { table.to_owned() }
}

/// Lets `archive` copy everything, as if nothing was copied before. Returns the number of rows, and
/// the time.
async fn archive(db: &TestDatabase, client: &Client, folder: &Folder) -> (usize, Duration) {
    run(client, "truncate archive_epochs, archive_marks, archive_batches").await;
    let ports = Ports {
        database: db.database_of("archive", 1),
        objects: FolderObjects::new(&folder.0).expect("a folder"),
        settings: Settings::default(),
        clock: SystemClock,
    };
    let never = date(2020, 1, 1);
    let (mut rows, started) = (0, Instant::now());
    loop {
        let deadline = SystemClock.now() + Duration::from_secs(900);
        let report = ports.serve(Request::days(never, never, None), deadline).await;
        let report = report.expect("it copies");
        rows += usize::try_from(report.rows).expect("a count");
        if report.left == 0 {
            return (rows, started.elapsed());
        }
    }
}

/// Forgets the most memory that this process has held so far.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("this process' own peak");
}

/// Returns the most memory that this process has held since, with everything else that is in it.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process' status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024.0
}
