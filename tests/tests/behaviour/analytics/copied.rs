//! `archive` over a test's database, with a folder in place of the bucket, and the readers of that
//! folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use archive::{ArchiveError, Ports, Report, Request, Settings};
use jiff::civil::date;
use penstock_clients::objects::{Head, NewObject, Object, ObjectError, Objects, Put};
use penstock_domain::clock::Clock;
use penstock_testkit::TestDatabase;
use penstock_tests::analytics::{FolderObjects, Reader};
use penstock_tests::clock::TestClock;
use serde::Deserialize;

/// How the store fails at one of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It refuses, and nothing is done.
    Before,
    /// It does what it is asked, and its reply is lost.
    After,
}

/// A store that fails at one request, counted from 0 on.
#[derive(Debug, Clone)]
pub struct Faults {
    inner: FolderObjects,
    /// The requests until the one that fails.
    left: Arc<AtomicI64>,
    fault: Fault,
}

impl Faults {
    fn strikes(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 0
    }

    async fn asked<T>(
        &self,
        request: impl Future<Output = Result<T, ObjectError>>,
    ) -> Result<T, ObjectError> {
        let failed = || ObjectError::unreachable("answer", "503 SlowDown");
        if !self.strikes() {
            return request.await;
        }
        if self.fault == Fault::After {
            request.await?;
        }
        Err(failed())
    }

    /// Whether the fault has struck.
    pub fn has_struck(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 0
    }
}

impl Objects for Faults {
    async fn put(&self, object: NewObject) -> Result<Put, ObjectError> {
        self.asked(self.inner.put(object)).await
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        self.asked(self.inner.head(key)).await
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        self.asked(self.inner.get(key)).await
    }

    async fn get_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> Result<Option<Object>, ObjectError> {
        self.asked(self.inner.get_range(key, from, to)).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.asked(self.inner.delete(key)).await
    }
}

/// A table as one reader has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Seen {
    pub rows: i64,
    /// Rows that differ in key, epoch or transaction.
    pub versions: i64,
    /// Rows that differ in their key.
    pub keys: i64,
    /// A digest of the newest version of each row: key, transaction, and the hash of the payload.
    pub digest: String,
    /// The types of the columns, in the reader's words.
    pub types: BTreeMap<String, String>,
}

/// A table as both readers have seen it.
#[derive(Debug, Clone, Deserialize)]
pub struct TableSeen {
    pub files: usize,
    /// The facts of the manifest that are not so.
    pub wrong: Vec<String>,
    pub duckdb: Seen,
    pub pyarrow: Seen,
}

/// The copy of a test's database in a folder, which goes with it.
pub struct Copied {
    pub objects: FolderObjects,
    clock: TestClock,
}

impl Drop for Copied {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.objects.root()).unwrap_or_default();
    }
}

impl Copied {
    /// Creates an empty copy of a database.
    pub fn of(db: &TestDatabase, clock: &TestClock) -> Self {
        let folder = format!("penstock-copy-{}-{}", db.login().database, std::process::id());
        let root: PathBuf = std::env::temp_dir().join(folder);
        Self { objects: FolderObjects::new(root).unwrap(), clock: clock.clone() }
    }

    /// Returns the function over a store. Each has connections of its own, as a new process.
    pub fn archive<O: Objects>(&self, db: &TestDatabase, objects: O) -> Ports<O, TestClock> {
        Ports {
            database: db.database_of("archive", 1),
            objects,
            settings: Settings::default(),
            clock: self.clock.clone(),
        }
    }

    /// Returns the folder, which fails at the request `at`, counted from 0 on.
    pub fn faults(&self, at: i64, fault: Fault) -> Faults {
        Faults { inner: self.objects.clone(), left: Arc::new(AtomicI64::new(at)), fault }
    }

    /// Copies all that is there, however new it is. Transactions of other databases of the cluster
    /// delay it, so it waits until those are over that were open when it was called.
    pub async fn copy(&self, db: &TestDatabase) -> Report {
        db.until_over().await;
        self.copy_by(&self.archive(db, self.objects.clone())).await.unwrap()
    }

    /// Copies all that is there by a function that may fail.
    pub async fn copy_by<O: Objects>(
        &self,
        by: &Ports<O, TestClock>,
    ) -> Result<Report, ArchiveError> {
        let deadline = self.clock.now() + Duration::from_secs(900);
        let never = date(2020, 1, 1);
        by.serve(Request::days(never, never, None), deadline).await
    }

    /// Reads all tables by DuckDB and by pyarrow.
    pub async fn read(&self) -> BTreeMap<String, TableSeen> {
        let script = "tests/tests/behaviour/analytics/readers.py";
        self.reader().read(script, &[]).await.unwrap()
    }

    /// Returns the rows of each object in the folder as text, also of those that no manifest names.
    pub async fn texts(&self) -> BTreeMap<String, Vec<String>> {
        let script = "tests/tests/behaviour/analytics/texts.py";
        self.reader().read(script, &[]).await.unwrap()
    }

    /// Returns a reader of the folder.
    pub fn reader(&self) -> Reader {
        Reader::of(self.objects.root())
    }

    /// Returns the keys of all files, without the manifests.
    pub fn files(&self) -> Vec<String> {
        let keys = self.objects.keys("v1/").unwrap();
        keys.into_iter().filter(|key| !key.starts_with("v1/_manifest/")).collect()
    }

    /// Returns the keys that the manifests name.
    pub fn listed(&self) -> Vec<String> {
        let manifests = self.objects.keys("v1/_manifest/").unwrap();
        let mut listed: Vec<String> = Vec::new();
        for key in manifests {
            let text = std::fs::read(self.objects.root().join(key)).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
            for list in ["files", "earlier"] {
                let files = manifest[list].as_array().into_iter().flatten();
                listed.extend(files.map(|file| file["key"].as_str().unwrap().to_owned()));
            }
        }
        listed.sort();
        listed
    }
}
