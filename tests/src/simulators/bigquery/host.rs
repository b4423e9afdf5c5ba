//! Starts and stops a simulated BigQuery, and gives tests access to it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::file::LoadedRow;
use super::job::Jobs;
use super::refusal::Refusal;
use super::server::{self, Fault, Request, Shared};
use super::state::{Dataset, Project};
use super::upload::Uploads;
use crate::loopback::{Loopback, lock};
use crate::simulators::faults::Faults;
use crate::simulators::gcal::token::{Account, Tokens};

/// The id of the project.
pub const PROJECT: &str = "penstock-tests";

/// The service account that may load.
const ACCOUNT: &str = "loader@penstock-tests.iam.gserviceaccount.com";

/// The scopes that allow loading.
const LOADING: &[&str] =
    &["https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform"];

/// A simulated BigQuery that listens on 127.0.0.1 until it is dropped.
pub struct BigQuerySimulator {
    shared: Arc<Shared>,
    server: Loopback,
}

impl BigQuerySimulator {
    /// Starts on a free port, without any dataset. Its clock shows `now` until
    /// [`follow`](Self::follow) replaces it.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start(now: Timestamp) -> Self {
        let project = Project {
            id: PROJECT.to_owned(),
            datasets: BTreeMap::new(),
            jobs: Jobs::default(),
            uploads: Uploads::default(),
            now,
        };
        let shared = Arc::new(Shared {
            project: Mutex::new(project),
            tokens: Mutex::new(Tokens::new(Account::generate(ACCOUNT), LOADING)),
            faults: Mutex::default(),
            log: Mutex::default(),
            lost: Mutex::default(),
            url: Mutex::default(),
            clock: Mutex::new(Box::new(move || now)),
        });
        let served = Arc::clone(&shared);
        let answer = move |request| server::answer(Arc::clone(&served), request);
        let server = Loopback::start("bigquery-simulator", 0, answer).expect("a free port");
        *lock(&shared.url) = server.url();
        Self { shared, server }
    }

    /// Returns the server's base URL, `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the key file of the account that may load.
    #[must_use]
    pub fn key_file(&self) -> String {
        lock(&self.shared.tokens).account.key_file(&format!("{}/token", self.url()))
    }

    /// Tells callers another URL of its own from here on.
    pub fn be_called(&self, url: &str) {
        url.clone_into(&mut lock(&self.shared.url));
    }

    /// Gives the account a new key. The old one signs nothing any more, and all tokens are revoked.
    pub fn rotate_key(&self) {
        let mut tokens = lock(&self.shared.tokens);
        tokens.account = Account::generate(ACCOUNT);
        tokens.revoke_all();
    }

    /// Revokes all access tokens so far.
    pub fn revoke_access_tokens(&self) {
        lock(&self.shared.tokens).revoke_all();
    }

    /// Returns how many tokens were granted.
    #[must_use]
    pub fn tokens_granted(&self) -> u32 {
        lock(&self.shared.tokens).granted
    }

    /// Takes the time from `clock` from here on.
    pub fn follow(&self, clock: impl Fn() -> Timestamp + Send + 'static) {
        *lock(&self.shared.clock) = Box::new(clock);
    }

    /// Returns the plan of faults, by prefixes of paths.
    pub fn faults(&self) -> MutexGuard<'_, Faults<Fault>> {
        lock(&self.shared.faults)
    }

    /// Serves each request, and loses the first reply to each.
    pub fn lose_each_reply_once(&self) {
        *lock(&self.shared.lost) = Some(HashSet::new());
    }

    /// Returns how many replies were lost since then.
    #[must_use]
    pub fn replies_lost(&self) -> usize {
        lock(&self.shared.lost).as_ref().map_or(0, HashSet::len)
    }

    /// Lets new jobs run until they were shown so many times.
    pub fn jobs_run_for(&self, replies: u32) {
        self.project().jobs.replies_to_run = replies;
    }

    /// Lets all jobs that run end when they are asked for.
    pub fn run_jobs_out(&self) {
        let mut project = self.project();
        project.jobs.all.values_mut().for_each(super::job::Job::run_out);
    }

    /// Lets the next copy fail, with this reason and message.
    pub fn fail_copy(&self, reason: &str, message: &str) {
        self.project().jobs.copy_failures.push_back(Refusal::new(400, reason, message));
    }

    /// Lets the next load fail, with this reason and message.
    pub fn fail_job(&self, reason: &str, message: &str) {
        self.project().jobs.failures.push_back(Refusal::new(400, reason, message));
    }

    /// Sets how many jobs may write to a table in a day.
    pub fn quota(&self, jobs: Option<u32>) {
        self.project().jobs.quota = jobs;
    }

    /// Ends all uploads that are under way.
    pub fn forget_uploads(&self) {
        self.project().uploads.forget();
    }

    /// Has another caller send all of a file in the session that was opened last.
    pub fn complete_upload(&self, bytes: Vec<u8>) {
        self.project().complete_upload(bytes);
    }

    /// Returns how many uploads were begun.
    #[must_use]
    pub fn uploads(&self) -> u64 {
        self.project().uploads.opened()
    }

    /// Makes a dataset in a location.
    pub fn make_dataset(&self, id: &str, location: &str) {
        self.project().datasets.insert(id.to_owned(), Dataset::new(location.to_owned()));
    }

    /// Deletes a dataset with all its tables.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn delete_dataset(&self, id: &str) {
        self.project().datasets.remove(id).expect("the dataset is deleted");
    }

    /// Lets partitions of a dataset expire so many days after their own, as the sandbox does.
    ///
    /// # Panics
    ///
    /// If there is no such dataset.
    pub fn partitions_live(&self, dataset: &str, days: Option<i64>) {
        let mut project = self.project();
        let dataset = project.datasets.get_mut(dataset).expect("the dataset is there");
        dataset.partitions_live = days;
    }

    /// Makes a table with these columns, which must include the one that it is partitioned by.
    ///
    /// # Panics
    ///
    /// If there is no such dataset.
    pub fn make_table(&self, dataset: &str, id: &str, columns: &[(&str, &str)]) {
        let fields = columns.iter().map(|(name, kind)| json!({"name": name, "type": kind}));
        let body = json!({
            "tableReference": {"tableId": id},
            "schema": {"fields": fields.collect::<Vec<Value>>()},
            "timePartitioning": {"type": "DAY", "field": "arrived_at"},
        });
        self.project().insert_table(dataset, &body).expect("the table is made");
    }

    /// Drops a column of a table.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn drop_column(&self, dataset: &str, id: &str, column: &str) {
        self.project().table(dataset, id).expect("the table is there").drop_column(column);
    }

    /// Deletes a table with all its rows.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn delete_table(&self, dataset: &str, id: &str) {
        self.project().delete_table(dataset, id).expect("the table is deleted");
    }

    /// Puts rows into a table, as somebody else may.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn add_rows(&self, dataset: &str, id: &str, rows: &[LoadedRow]) {
        let mut project = self.project();
        project.table(dataset, id).expect("the table is there").rows.extend_from_slice(rows);
    }

    /// Returns the rows of a table in the order of their keys; none if it does not exist.
    #[must_use]
    pub fn rows(&self, dataset: &str, id: &str) -> Vec<LoadedRow> {
        let mut project = self.project();
        let mut rows = project.table(dataset, id).map_or_else(|_| Vec::new(), |t| t.rows.clone());
        rows.sort_unstable();
        rows
    }

    /// Returns the names of a table's columns.
    #[must_use]
    pub fn columns(&self, dataset: &str, id: &str) -> Vec<String> {
        self.project().table(dataset, id).map_or_else(|_| Vec::new(), |table| table.columns())
    }

    /// Returns the names of a dataset's tables.
    #[must_use]
    pub fn tables(&self, dataset: &str) -> Vec<String> {
        let project = self.project();
        let tables = project.datasets.get(dataset).map(|dataset| dataset.tables.keys().cloned());
        tables.into_iter().flatten().collect()
    }

    /// Returns the location of a dataset.
    #[must_use]
    pub fn location(&self, dataset: &str) -> Option<String> {
        self.project().datasets.get(dataset).map(|dataset| dataset.location.clone())
    }

    /// Returns the ids of all jobs, each with whether it has ended well.
    #[must_use]
    pub fn jobs(&self) -> Vec<(String, bool)> {
        let project = self.project();
        project.jobs.all.iter().map(|(id, job)| (id.clone(), job.is_good())).collect()
    }

    /// Calls `hook` when the `n`-th request from now (counted from 1) has come in, before the
    /// reply. It runs on the server's thread.
    pub fn on_request(&self, n: u64, hook: impl FnOnce() + Send + 'static) {
        lock(&self.shared.log).hook(n, Box::new(hook));
    }

    /// Takes out the requests so far.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        lock(&self.shared.log).take()
    }

    fn project(&self) -> MutexGuard<'_, Project> {
        lock(&self.shared.project)
    }
}
