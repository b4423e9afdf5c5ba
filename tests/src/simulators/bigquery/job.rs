//! Jobs: they run for a while, and write all their rows at their end or none.

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::file::{self, LoadedRow};
use super::refusal::Refusal;
use super::state::{Project, decorated};

/// The jobs of a project. BigQuery keeps them for half a year; these are kept for ever.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) all: BTreeMap<String, Job>,
    /// The replies in which a new job still runs.
    pub(super) replies_to_run: u32,
    /// The errors of the next loads.
    pub(super) failures: VecDeque<Refusal>,
    /// The errors of the next copies.
    pub(super) copy_failures: VecDeque<Refusal>,
    /// The jobs that may write to a table in a day.
    pub(super) quota: Option<u32>,
}

pub(super) struct Job {
    resource: Value,
    data: Vec<u8>,
    replies_to_run: u32,
    end: Option<Result<u64, Refusal>>,
}

impl Job {
    fn shown(&self) -> Value {
        let mut shown = self.resource.clone();
        shown["kind"] = json!("bigquery#job");
        shown["status"] = match &self.end {
            None => json!({"state": "RUNNING"}),
            Some(Ok(_)) => json!({"state": "DONE"}),
            Some(Err(refusal)) => {
                let error = refusal.of_job();
                json!({"state": "DONE", "errorResult": error, "errors": [error]})
            }
        };
        if let (Some(Ok(rows)), true) = (&self.end, shown["configuration"]["load"].is_object()) {
            shown["statistics"] = json!({"load": {"outputRows": rows.to_string()}});
        }
        shown
    }

    /// Lets it end when it is asked for.
    pub(super) fn run_out(&mut self) {
        self.replies_to_run = 0;
    }

    /// Returns whether it has ended well.
    pub(super) fn is_good(&self) -> bool {
        matches!(self.end, Some(Ok(_)))
    }
}

impl Project {
    /// Refuses the id of a job that exists, however it has ended.
    pub(super) fn check_id(&self, resource: &Value) -> Result<String, Refusal> {
        let id = resource["jobReference"]["jobId"].as_str().unwrap_or_default().to_owned();
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=1_024).contains(&id.len()) || !id.bytes().all(sound) {
            return Err(Refusal::invalid(format!("Invalid job ID \"{id}\".")));
        }
        if self.jobs.all.contains_key(&id) {
            let location = resource["jobReference"]["location"].as_str().unwrap_or("US");
            return Err(Refusal::duplicate(format!("Job {}:{location}.{id}", self.id)));
        }
        Ok(id)
    }

    /// Takes a job, which then runs.
    pub(super) fn insert_job(&mut self, resource: Value, data: Vec<u8>) -> Result<Value, Refusal> {
        let id = self.check_id(&resource)?;
        let replies_to_run = self.jobs.replies_to_run;
        let job = Job { resource, data, replies_to_run, end: None };
        self.jobs.all.insert(id.clone(), job);
        self.get_job(&id)
    }

    /// Refuses to look for a job in another location than its own. Only those of the multi-regions
    /// are found without one.
    pub(super) fn check_location(&self, id: &str, location: Option<&str>) -> Result<(), Refusal> {
        let own =
            self.jobs.all.get(id).and_then(|job| job.resource["jobReference"]["location"].as_str());
        let is_found = match location {
            Some(location) => own == Some(location),
            None => matches!(own, Some("US" | "EU")),
        };
        let none = || Refusal::not_found(format!("Job {}:{id}", self.id));
        if is_found { Ok(()) } else { Err(none()) }
    }

    /// Answers `jobs.get`. A job ends after it was shown some times.
    pub(super) fn get_job(&mut self, id: &str) -> Result<Value, Refusal> {
        let none = || Refusal::not_found(format!("Job {}:{id}", self.id));
        let job = self.jobs.all.get_mut(id).ok_or_else(none)?;
        if job.end.is_none() {
            if job.replies_to_run > 0 {
                job.replies_to_run -= 1;
            } else {
                let (resource, data) = (job.resource.clone(), std::mem::take(&mut job.data));
                let end = self.run(&resource, data);
                let job = self.jobs.all.get_mut(id).expect("the job is there");
                job.end = Some(end);
            }
        }
        Ok(self.jobs.all[id].shown())
    }

    fn run(&mut self, resource: &Value, data: Vec<u8>) -> Result<u64, Refusal> {
        let configuration = &resource["configuration"];
        let (of, is_load) = match configuration["load"].is_object() {
            true => (&configuration["load"], true),
            false => (&configuration["copy"], false),
        };
        let to = &of["destinationTable"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (dataset, to) = (text(&to["datasetId"]), text(&to["tableId"]));
        let location = text(&resource["jobReference"]["location"]);
        if self.dataset(&dataset)?.location != location {
            let what =
                format!("Dataset {}:{dataset} was not found in location {location}", self.id);
            return Err(Refusal::not_found(what));
        }
        let (name, day) = decorated(&to)?;
        if of["createDisposition"] != "CREATE_NEVER" {
            return Err(Refusal::new(501, "notImplemented", "tables are not made by jobs here"));
        }
        let (today, quota) = (self.now.to_zoned(TimeZone::UTC).date(), self.jobs.quota);
        let changes = self.table(&dataset, name)?.changes.entry(today).or_default();
        *changes += 1;
        if quota.is_some_and(|quota| *changes > quota) {
            let message = "Quota exceeded: Your table exceeded quota for imports or query appends \
                           per table. For more information, see the guide";
            return Err(Refusal::new(403, "quotaExceeded", message));
        }
        let Jobs { failures, copy_failures, .. } = &mut self.jobs;
        let failures = if is_load { failures } else { copy_failures };
        if let Some(failure) = failures.pop_front() {
            return Err(failure);
        }
        let rows = match is_load {
            true => self.rows_of_file(of, &dataset, name, data)?,
            false => self.rows_of_table(of, &dataset)?,
        };
        if let Some(day) = day
            && let Some(row) = rows.iter().find(|row| row.day() != day)
        {
            return Err(Refusal::invalid(format!(
                "Some rows belong to different partitions rather than destination partition {to}: {}",
                row.day()
            )));
        }
        let count = u64::try_from(rows.len()).expect("a count fits");
        let table = self.table(&dataset, name)?;
        match of["writeDisposition"].as_str() {
            Some("WRITE_APPEND") => {}
            Some("WRITE_TRUNCATE") => {
                table.rows.retain(|row| day.is_some_and(|day| row.day() != day));
            }
            _ => return Err(Refusal::new(501, "notImplemented", "this disposition")),
        }
        table.rows.extend(rows);
        Ok(count)
    }

    fn rows_of_file(
        &mut self,
        load: &Value,
        dataset: &str,
        name: &str,
        data: Vec<u8>,
    ) -> Result<Vec<LoadedRow>, Refusal> {
        if load["sourceFormat"] != "PARQUET" {
            return Err(Refusal::new(501, "notImplemented", "only Parquet is loaded here"));
        }
        let bad = |e| Refusal::invalid(format!("Error while reading data, error message: {e}"));
        let file = file::read(data).map_err(bad)?;
        let full = format!("{}:{dataset}.{name}", self.id);
        let table = self.table(dataset, name)?;
        for (column, kind, mode) in &file.columns {
            match table.kind(column) {
                None => {
                    return Err(Refusal::invalid(format!(
                        "Provided Schema does not match Table {full}. Cannot add fields (field: \
                         {column})"
                    )));
                }
                Some(known) if known != *kind => {
                    return Err(Refusal::invalid(format!(
                        "Provided Schema does not match Table {full}. Field {column} has changed \
                         type from {known} to {kind}"
                    )));
                }
                Some(_) if *mode == "REQUIRED" && table.mode(column) != *mode => {
                    return Err(Refusal::invalid(format!(
                        "Provided Schema does not match Table {full}. Field {column} has changed \
                         mode from {} to {mode}",
                        table.mode(column)
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(file.rows)
    }

    fn rows_of_table(&mut self, copy: &Value, dataset: &str) -> Result<Vec<LoadedRow>, Refusal> {
        let from = copy["sourceTable"]["tableId"].as_str().unwrap_or_default();
        let (name, day) = decorated(from)?;
        let rows = &self.table(dataset, name)?.rows;
        let of_day = |row: &&LoadedRow| day.is_none_or(|day| row.day() == day);
        let rows: Vec<LoadedRow> = rows.iter().filter(of_day).cloned().collect();
        // A partition without rows does not exist.
        if day.is_some() && rows.is_empty() {
            return Err(Refusal::not_found(format!("Table {}:{dataset}.{from}", self.id)));
        }
        Ok(rows)
    }
}
