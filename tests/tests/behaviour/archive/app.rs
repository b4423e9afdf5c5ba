//! The function over a database and a store in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archive::{ArchiveError, Ports, Report, Request, Settings};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::date;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use penstock_clients::objects::{Condition, Head, NewObject, Object, ObjectError, Objects, Put};
use penstock_domain::analytics::{Manifest, Table, manifest_key};
use penstock_domain::clock::Clock as _;
use penstock_testkit::TestDatabase;
use penstock_tests::clock::SetClock;
use sha2::{Digest as _, Sha256};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// How the store fails at one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It refuses, and does nothing.
    Refused,
    /// It is overloaded, and does nothing.
    Busy,
    /// It does what it is asked, and its reply is lost.
    ReplyLost,
    /// It does what it is asked, and no reply ever comes.
    Silent,
}

/// An object with its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub body: Bytes,
    pub facts: BTreeMap<String, String>,
}

/// A store in memory. Faults are of the next requests to write, or to delete, one each.
#[derive(Clone, Default)]
pub struct MemoryObjects {
    objects: Arc<Mutex<BTreeMap<String, Stored>>>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    keeping: Arc<Mutex<VecDeque<Fault>>>,
    requests: Arc<Mutex<usize>>,
}

impl MemoryObjects {
    pub fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Fails the next requests to delete.
    pub fn keeps(&self, faults: impl IntoIterator<Item = Fault>) {
        self.keeping.lock().unwrap().extend(faults);
    }

    /// Returns the number of requests since the last call.
    pub fn requests(&self) -> usize {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    pub fn keys(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        objects.keys().filter(|key| !key.contains("/_manifest/")).cloned().collect()
    }

    pub fn stored(&self, key: &str) -> Option<Stored> {
        self.objects.lock().unwrap().get(key).cloned()
    }

    pub fn store(&self, key: &str, object: Stored) {
        self.objects.lock().unwrap().insert(key.to_owned(), object);
    }

    pub fn lose(&self, key: &str) -> Option<Stored> {
        self.objects.lock().unwrap().remove(key)
    }

    fn asked(&self) {
        *self.requests.lock().unwrap() += 1;
    }
}

fn etag(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

impl Objects for MemoryObjects {
    async fn put(&self, object: NewObject) -> Result<Put, ObjectError> {
        const WHAT: &str = "write an object";
        self.asked();
        assert_eq!(Sha256::digest(&object.body)[..], object.sha256, "its own sum");
        let fault = self.faults.lock().unwrap().pop_front();
        match fault {
            Some(Fault::Refused) => return Err(ObjectError::refused(WHAT, "403 AccessDenied")),
            Some(Fault::Busy) => return Err(ObjectError::unreachable(WHAT, "503 SlowDown")),
            Some(Fault::ReplyLost | Fault::Silent) | None => {}
        }
        let put = {
            let mut objects = self.objects.lock().unwrap();
            let known = objects.get(&object.key);
            let is_as_wanted = match (&object.condition, known) {
                (Condition::IsAbsent, known) => known.is_none(),
                (Condition::IsUnchanged(tag), Some(known)) => etag(&known.body) == *tag,
                (Condition::IsUnchanged(_), None) => false,
            };
            if is_as_wanted {
                objects.insert(object.key, Stored { body: object.body, facts: object.facts });
            }
            if is_as_wanted { Put::Written } else { Put::NotWritten }
        };
        match fault {
            Some(Fault::ReplyLost) => Err(ObjectError::unreachable(WHAT, "the connection broke")),
            Some(Fault::Silent) => std::future::pending().await,
            _ => Ok(put),
        }
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        self.asked();
        Ok(self.stored(key).map(|Stored { body, facts }| Head {
            bytes: body.len().try_into().unwrap(),
            etag: etag(&body),
            facts,
        }))
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        self.asked();
        Ok(self.stored(key).map(|Stored { body, .. }| Object { etag: etag(&body), body }))
    }

    async fn get_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> Result<Option<Object>, ObjectError> {
        let place = |byte: u64| usize::try_from(byte).unwrap();
        let whole = self.get(key).await?;
        Ok(whole.map(|Object { body, etag }| Object {
            body: body.slice(place(from)..place(to).min(body.len())),
            etag,
        }))
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        const WHAT: &str = "delete an object";
        self.asked();
        let fault = self.keeping.lock().unwrap().pop_front();
        match fault {
            Some(Fault::Refused) => return Err(ObjectError::refused(WHAT, "403 AccessDenied")),
            Some(Fault::Busy) => return Err(ObjectError::unreachable(WHAT, "503 SlowDown")),
            Some(Fault::ReplyLost | Fault::Silent) | None => {}
        }
        self.lose(key);
        Ok(())
    }
}

/// The function with its database and its store.
pub struct ArchiveApp {
    pub db: TestDatabase,
    pub clock: SetClock,
    pub objects: MemoryObjects,
    pub settings: Settings,
}

/// The time at which the tests begin.
pub const NOW: &str = "2026-03-28T12:00:00Z";

impl ArchiveApp {
    pub async fn new() -> Self {
        Self::over(TestDatabase::new().await)
    }

    pub fn over(db: TestDatabase) -> Self {
        Self {
            db,
            clock: SetClock::at(at(NOW)),
            objects: MemoryObjects::default(),
            settings: Settings::default(),
        }
    }

    /// Returns an environment of the function, which knows nothing of others.
    pub fn ports(&self) -> Ports<MemoryObjects, SetClock> {
        Ports {
            database: self.db.database_of("archive", 1),
            objects: self.objects.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Serves an event, as long as Lambda would let it.
    pub async fn try_serve(&self, request: Request) -> Result<Report, ArchiveError> {
        let deadline = self.clock.now() + Duration::from_secs(900);
        self.ports().serve(request, deadline).await
    }

    /// Lets time pass.
    pub fn pass(&self, by: Duration) {
        self.clock.set(self.clock.now() + by);
    }

    /// Serves the schedule's event.
    pub async fn due(&self) -> Report {
        self.db.until_over().await;
        self.try_serve(Request::due()).await.unwrap()
    }

    /// Copies all that is there, however new it is.
    pub async fn all(&self) -> Report {
        self.db.until_over().await;
        self.try_serve(everything()).await.unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        self.db.client().await.batch_execute(sql).await.unwrap();
    }

    /// Adds product events that arrived at a time, `e<from>` to `e<to>`.
    pub async fn events(&self, from: i32, to: i32, received_at: &str) {
        let client = self.db.client().await;
        client.execute(EVENTS, &[&from, &to, &at(received_at)]).await.unwrap();
    }

    /// Adds the user `u<user>` to the people who were erased, and deletes their events.
    pub async fn erase(&self, user: i32) {
        let sql = format!(
            "select add_erased_names(array['user:u{user}'], now()); \
             delete from events where user_id = 'u{user}'"
        );
        self.execute(&sql).await;
    }

    pub fn manifest(&self, table: &str) -> Option<Manifest> {
        let key = manifest_key(Table::named(table).unwrap());
        self.objects.stored(&key).map(|object| serde_json::from_slice(&object.body).unwrap())
    }

    /// Returns a column of all rows in the files that the list of a table names, in their order.
    /// It asserts that the list's facts are so.
    pub fn column(&self, table: &str, column: &str) -> Vec<String> {
        let Some(manifest) = self.manifest(table) else { return Vec::new() };
        let mut values = Vec::new();
        for file in &manifest.files {
            let object = self.objects.stored(&file.key).unwrap();
            assert_eq!(etag(&object.body), file.sha256, "{}", file.key);
            assert_eq!(i64::try_from(object.body.len()).unwrap(), file.bytes, "{}", file.key);
            let before = values.len();
            values.extend(column_of(&object.body, column));
            assert_eq!(i64::try_from(values.len() - before).unwrap(), file.rows, "{}", file.key);
        }
        assert_eq!(i64::try_from(values.len()).unwrap(), manifest.rows);
        values
    }

    /// Returns the ids of the events that are copied, sorted.
    pub fn copied(&self) -> Vec<String> {
        let mut ids = self.column("events", "event_id");
        ids.sort();
        ids
    }
}

/// Asks for all that is there, and for no day.
pub fn everything() -> Request {
    let never = date(2020, 1, 1);
    Request::days(never, never, None)
}

/// Events of `$1` to `$2` that arrived at `$3`. Their rows of the outbox have ids that sort as
/// they.
pub const EVENTS: &str = "insert into events (event_id, sender, user_id, type, payload, metadata, occurred_at, received_at, outbox_id) \
     select 'e' || n, 'site', 'u' || n % 7, 'click', json_build_object('n', n)::text, '{}', $3, $3, \
            (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid \
     from generate_series($1::int, $2::int) n";

/// Returns the ids of events, sorted as texts.
pub fn ids(from: i32, to: i32) -> Vec<String> {
    let mut ids: Vec<String> = (from..=to).map(|n| format!("e{n}")).collect();
    ids.sort();
    ids
}

/// Rows of the tables that change, and a dead letter.
pub const ROWS: &str = "
insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                      version_rank, content_hash, raw, outbox_id, updated_at)
select 'stripe', 'charge', 'ch_' || currency, 123456, currency, 'collected', 'succeeded', '2026-03-28T10:00:00.000001Z', now(),
       true, 0, 0, '', gen_random_uuid(), '2026-03-28T11:00:00Z'
from unnest(array['EUR', 'JPY', 'KWD', 'XXX']) as currency;
insert into leads (id, state, email, phone, name, content_type, body, query, received_at, outbox_id) values
    (gen_random_uuid(), 'accepted', 'ada@example.com', '+1', 'Ada', 'application/json', '{\"email\":\"ada@example.com\"}', 'q=1',
     '2026-03-28T11:00:00Z', gen_random_uuid()),
    (gen_random_uuid(), 'rejected', null, null, null, 'text/plain', '\\xff00', null, '2026-03-28T11:00:00Z', gen_random_uuid());
insert into contacts (source, external_id, email, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
values ('hubspot', '1', 'ada@example.com', now(), true, 0, 0, '', gen_random_uuid(), '2026-03-28T11:00:00Z');
insert into calendar_events (source, calendar_id, external_id, status, summary, start_date, end_date, all_day, version_at, native,
                             version_rank, content_hash, raw, outbox_id, updated_at)
values ('gcal', 'ada@example.com', '1', 'confirmed', 'Lunch', '2026-03-28', '2026-03-29', true, now(), true, 0, 0, '',
        gen_random_uuid(), '2026-03-28T11:00:00Z');
insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at)
values (gen_random_uuid(), 'crm', '{}', '\\x00', 'completed', now(), '2026-03-28T11:00:00Z', '2026-03-28T11:00:00Z');
insert into dead_letters (id, payload, error, error_kind, attempts, message_id, created_at)
values (gen_random_uuid(), 'no JSON', 'it is broken', 'malformed_ticket', 5, 'm1', '2026-03-28T11:00:00Z');
";

/// Returns a column of a file, each value as text; a null is `null`.
pub fn column_of(file: &Bytes, column: &str) -> Vec<String> {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let value = |row: parquet::record::Row| {
        let found = row.get_column_iter().find(|(name, _)| *name == column);
        let (_, value) = found.unwrap_or_else(|| panic!("there is no column {column}"));
        value.to_string().trim_matches('"').to_owned()
    };
    rows.map(|row| value(row.unwrap())).collect()
}
