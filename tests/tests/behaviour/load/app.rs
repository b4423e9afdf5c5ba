//! The function with a simulated BigQuery, and files in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use load::{LoadError, MARGIN, Ports, Report, Request};
use penstock_clients::bigquery::BigQuery;
use penstock_clients::objects::{Head, NewObject, Object, ObjectError, Objects, Put};
use penstock_domain::analytics::Table;
use penstock_domain::bigquery::Place;
use penstock_domain::clock::Clock as _;
use penstock_testkit::TestDatabase;
use penstock_tests::clock::SetClock;
use penstock_tests::simulators::bigquery::{BigQuerySimulator, LoadedRow, PROJECT};
use uuid::Uuid;

use super::files::{Row, parquet};

pub const DATASET: &str = "penstock";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Files in memory.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    bytes: BTreeMap<String, Bytes>,
    /// The error of the next reads.
    failures: Vec<ObjectError>,
    reads: usize,
}

impl Shelf {
    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        self.0.lock().unwrap().bytes.insert(key.to_owned(), bytes.into());
    }

    pub fn remove(&self, key: &str) {
        self.0.lock().unwrap().bytes.remove(key);
    }

    pub fn fail(&self, errors: impl IntoIterator<Item = ObjectError>) {
        self.0.lock().unwrap().failures.extend(errors);
    }

    pub fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }
}

impl Objects for Shelf {
    async fn put(&self, _: NewObject) -> Result<Put, ObjectError> {
        unreachable!("load writes no object")
    }

    async fn head(&self, _: &str) -> Result<Option<Head>, ObjectError> {
        unreachable!("load describes no object")
    }

    async fn get(&self, _: &str) -> Result<Option<Object>, ObjectError> {
        unreachable!("load reads no object whole")
    }

    async fn get_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> Result<Option<Object>, ObjectError> {
        let mut files = self.0.lock().unwrap();
        files.reads += 1;
        if let Some(error) = files.failures.pop() {
            return Err(error);
        }
        let range = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
        let found = files.bytes.get(key).map(|bytes| bytes.slice(range));
        Ok(found.map(|body| Object { body, etag: String::new() }))
    }

    async fn delete(&self, _: &str) -> Result<(), ObjectError> {
        unreachable!("load deletes no object")
    }
}

/// A batch that was written.
#[derive(Debug, Clone)]
pub struct Batch {
    pub id: Uuid,
    pub key: String,
    pub rows: Vec<Row>,
}

pub struct LoadApp {
    pub db: TestDatabase,
    pub clock: SetClock,
    pub bigquery: Arc<BigQuerySimulator>,
    pub shelf: Shelf,
    pub ports: Ports<SetClock, Shelf>,
    written: Mutex<i64>,
}

impl LoadApp {
    pub async fn new() -> Self {
        Self::at("2026-11-29T12:00:00Z").await
    }

    pub async fn at(now: &str) -> Self {
        let (db, clock) = (TestDatabase::new().await, SetClock::at(at(now)));
        let bigquery = Arc::new(BigQuerySimulator::start(clock.now()));
        let follows = clock.clone();
        bigquery.follow(move || follows.now());
        let shelf = Shelf::default();
        let ports = ports(&db, &clock, &bigquery, &shelf, DATASET);
        Self { db, clock, bigquery, shelf, ports, written: Mutex::new(0) }
    }

    /// Returns another environment of the function.
    pub fn environment(&self) -> Ports<SetClock, Shelf> {
        self.environment_of(DATASET)
    }

    /// Returns an environment that loads into another dataset.
    pub fn environment_of(&self, dataset: &str) -> Ports<SetClock, Shelf> {
        ports(&self.db, &self.clock, &self.bigquery, &self.shelf, dataset)
    }

    /// Runs the schedule's event, with all the time that it needs.
    pub async fn run(&self) -> Report {
        self.serve(Request::Due).await.unwrap()
    }

    pub async fn serve(&self, request: Request) -> Result<Report, LoadError> {
        let deadline = self.clock.now() + MARGIN + Duration::from_secs(800);
        self.ports.serve(request, deadline).await
    }

    /// Runs the schedule's event until nothing waits.
    ///
    /// # Panics
    /// If something waits after many events.
    pub async fn run_until_all_is_there(&self) {
        for _ in 0..40 {
            let report = self.run().await;
            if report.waiting == 0 && self.count("archive_rebuilds").await == 0 {
                return;
            }
            self.clock.set(self.clock.now() + Duration::from_secs(300));
        }
        panic!("something waits for ever");
    }

    /// Writes a file of `rows` rows that have arrived on a day, as `archive` does.
    pub async fn write(&self, table: &str, day: &str, rows: usize) -> Batch {
        self.write_of(table, day, 1, rows, 0).await
    }

    /// The same, of an epoch, and with so many bytes in each payload.
    pub async fn write_of(
        &self,
        table: &str,
        day: &str,
        epoch: i32,
        rows: usize,
        payload: usize,
    ) -> Batch {
        let (number, from) = {
            let mut written = self.written.lock().unwrap();
            *written += 1;
            (*written, *written * 1_000)
        };
        let noon = format!("{day}T12:00:00Z").parse::<Timestamp>().unwrap();
        let mut rng = fastrand::Rng::with_seed(u64::try_from(number).unwrap());
        let rows = (0..rows).map(|n| Row {
            key: format!("{number}-{n}"),
            epoch: epoch.into(),
            tx: from + i64::try_from(n).unwrap() % 1_000,
            arrived_at: noon,
            payload: std::iter::repeat_with(|| rng.alphanumeric()).take(payload).collect(),
        });
        let batch = Batch {
            id: Uuid::now_v7(),
            key: format!("v1/{table}/dt={day}/{epoch}-{from}-{}-0.parquet", from + 1_000),
            rows: rows.collect(),
        };
        self.keep(table, &batch, &[]).await;
        batch
    }

    /// Stores a batch that is done, and its file without some columns.
    pub async fn keep(&self, table: &str, batch: &Batch, lacks: &[&str]) {
        let of = Table::named(table).unwrap();
        let bytes = parquet(of, &batch.rows, lacks);
        let (size, rows) = (i64::try_from(bytes.len()).unwrap(), i64::try_from(batch.rows.len()));
        self.shelf.put(&batch.key, bytes);
        let name = batch.key.rsplit_once('/').unwrap().1;
        let numbers: Vec<i64> =
            name.split(['-', '.']).filter_map(|part| part.parse().ok()).collect();
        let (epoch, from, to) = (i32::try_from(numbers[0]).unwrap(), numbers[1], numbers[2]);
        let (_, day) = batch.key.split_once("dt=").unwrap();
        let day: Date = day[..10].parse().unwrap();
        let now = self.clock.now();
        let sql = "insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, key, state, rows, bytes,
                                                sha256, planned_at, done_at)
                   values ($1, $2, $3, $4, $5, $6, 0, $7, 'done', $8, $9, ''::bytea, $10, $10)";
        let client = self.db.client().await;
        client
            .execute(
                sql,
                &[
                    &batch.id,
                    &table,
                    &epoch,
                    &from,
                    &to,
                    &day,
                    &batch.key,
                    &rows.unwrap(),
                    &size,
                    &now,
                ],
            )
            .await
            .unwrap();
    }

    /// Puts the file of a batch where it was.
    pub fn keep_again(&self, table: &str, batch: &Batch) {
        self.shelf.put(&batch.key, parquet(Table::named(table).unwrap(), &batch.rows, &[]));
    }

    /// Replaces a batch by one without some of its rows, as an erasure does. Returns it.
    pub async fn rewrite(&self, table: &str, old: &Batch, stays: impl Fn(&Row) -> bool) -> Batch {
        let rows = old.rows.iter().filter(|row| stays(row)).cloned().collect();
        let key = old.key.replace(".parquet", "-r1.parquet");
        let new = Batch { id: Uuid::now_v7(), key, rows };
        self.keep(table, &new, &[]).await;
        self.state_of(old, "replaced").await;
        self.shelf.remove(&old.key);
        new
    }

    pub async fn state_of(&self, batch: &Batch, state: &str) {
        let sql = "update archive_batches set state = $2 where id = $1";
        self.db.client().await.execute(sql, &[&batch.id, &state]).await.unwrap();
    }

    /// Has the file of a batch written once more, as if its object was gone.
    pub async fn set_planned(&self, batch: &Batch) {
        let sql = "update archive_batches set state = 'planned', done_at = null, sha256 = null where id = $1";
        self.db.client().await.execute(sql, &[&batch.id]).await.unwrap();
    }

    pub async fn set_done(&self, batch: &Batch) {
        let sql = "update archive_batches set state = 'done', done_at = planned_at, sha256 = '' where id = $1";
        self.db.client().await.execute(sql, &[&batch.id]).await.unwrap();
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.db.scalar(&format!("select count(*) from {table}")).await
    }

    /// Returns each load with its state, its attempt and its error, in the order of arrival.
    pub async fn loads(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', table_name, state, attempt, error) from archive_loads order by batch_id, rebuild";
        let rows = self.db.client().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Asserts that a table has the rows of these batches and no others, each once.
    pub fn assert_rows(&self, table: &str, batches: &[&Batch]) {
        self.assert_rows_in(DATASET, table, batches);
    }

    pub fn assert_rows_in(&self, dataset: &str, table: &str, batches: &[&Batch]) {
        let mut expected: Vec<LoadedRow> =
            batches.iter().flat_map(|batch| &batch.rows).map(loaded).collect();
        expected.sort_unstable();
        let found = self.bigquery.rows(dataset, table);
        let days = |rows: &[LoadedRow]| {
            rows.iter().map(|row| format!("{} {}", row.row_key, row.day())).collect::<Vec<_>>()
        };
        assert_eq!(days(&found), days(&expected));
        assert_eq!(found, expected);
    }
}

pub fn loaded(row: &Row) -> LoadedRow {
    LoadedRow {
        row_key: row.key.clone(),
        archive_epoch: row.epoch,
        tx: row.tx,
        arrived_at: row.arrived_at,
        amount: None,
    }
}

fn ports(
    db: &TestDatabase,
    clock: &SetClock,
    bigquery: &BigQuerySimulator,
    shelf: &Shelf,
    dataset: &str,
) -> Ports<SetClock, Shelf> {
    let place = Place {
        project: PROJECT.to_owned(),
        dataset: dataset.to_owned(),
        location: "EU".to_owned(),
    };
    let key = penstock_clients::secret::Secret::given(bigquery.key_file());
    let client = BigQuery::new(place, key, &bigquery.url(), None, clock.clone());
    Ports::new(db.database_of("load", 1), Some(client), shelf.clone(), clock.clone())
}
