//! Load and copy jobs: their ids, their requests, and how they stand.
//!
//! The id makes a job exactly one: BigQuery takes no id twice, neither while a job runs nor after
//! it has failed.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::place::{Place, compact};
use super::refusal::{ErrorProto, Refusal};

/// A file of the analytics copy, as far as its job's id names it.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// The name of its table.
    pub table: &'a str,
    /// The epoch of the cluster that its rows are from.
    pub epoch: i32,
    /// The first transaction of its window.
    pub from_tx: i64,
    /// The end of its window, exclusive.
    pub to_tx: i64,
    /// The day of its rows' arrival.
    pub day: Date,
    /// Its number among the files of the same window and day.
    pub part: i32,
    /// The id of its batch, which no other file of any deployment has.
    pub batch: Uuid,
}

/// Returns the id of the job that loads a file. `rebuild` is that of the day for which the file is
/// loaded again; nil if it is appended.
#[must_use]
pub fn load_id(file: &File<'_>, rebuild: Uuid, attempt: i32) -> String {
    let File { table, epoch, from_tx, to_tx, day, part, batch } = *file;
    let (day, batch) = (compact(day), batch.simple());
    let again = if rebuild.is_nil() { String::new() } else { format!("_{}", rebuild.simple()) };
    format!("penstock_{table}_{epoch}_{from_tx}_{to_tx}_{day}_{part}_{batch}{again}_{attempt}")
}

/// Returns the id of the job that copies a rebuilt day over its partition.
#[must_use]
pub fn copy_id(table: &str, day: Date, rebuild: Uuid, attempt: i32) -> String {
    format!("penstock_{table}_{}_{}_copy_{attempt}", compact(day), rebuild.simple())
}

/// The rows that a job writes, and the table.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// The id of the job.
    pub job: &'a str,
    /// The table or the partition that it writes to.
    pub to: &'a str,
    /// The origin of the rows.
    pub rows: Move<'a>,
}

/// The origin of a job's rows.
#[derive(Debug, Clone, Copy)]
pub enum Move<'a> {
    /// A Parquet file, which is sent with the request: its rows are added.
    Append,
    /// A partition of another table, which replaces all that the partition holds.
    Replace {
        /// The partition.
        from: &'a str,
    },
}

/// Returns the resource of a job, as `jobs.insert` takes it. A job writes all its rows or none.
#[must_use]
pub fn request(place: &Place, write: &Write<'_>) -> Value {
    let table =
        |id: &str| json!({"projectId": place.project, "datasetId": place.dataset, "tableId": id});
    let configuration = match write.rows {
        Move::Append => json!({"load": {
            "destinationTable": table(write.to),
            "sourceFormat": "PARQUET",
            "writeDisposition": "WRITE_APPEND",
            "createDisposition": "CREATE_NEVER",
            "maxBadRecords": 0,
            "decimalTargetTypes": ["NUMERIC"],
            "parquetOptions": {"enumAsString": true},
        }}),
        Move::Replace { from } => json!({"copy": {
            "sourceTable": table(from),
            "destinationTable": table(write.to),
            "writeDisposition": "WRITE_TRUNCATE",
            "createDisposition": "CREATE_NEVER",
        }}),
    };
    let reference = json!({
        "projectId": place.project,
        "jobId": write.job,
        "location": place.location,
    });
    json!({"jobReference": reference, "configuration": configuration})
}

/// A job as BigQuery shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Whether it has ended.
    pub is_done: bool,
    /// The reason for which it has failed. It has written nothing then, and its id is used up.
    pub error: Option<Refusal>,
    /// The rows that it has loaded.
    pub rows: Option<i64>,
}

#[derive(Deserialize)]
struct Wire {
    status: Status,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: String,
    #[serde(default)]
    error_result: Option<ErrorProto>,
}

#[derive(Default, Deserialize)]
struct Statistics {
    #[serde(default)]
    load: Option<Loaded>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Loaded {
    #[serde(default)]
    output_rows: Option<String>,
}

impl Job {
    /// Returns the job that BigQuery has refused to begin. It fares as one that has failed.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        Self { is_done: true, error: Some(refusal), rows: None }
    }

    /// Reads a job from the reply of `jobs.get` or `jobs.insert`.
    ///
    /// # Errors
    /// A [`Refusal`] that may pass, if the reply is no job.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wire: Wire = serde_json::from_slice(body).map_err(|e| {
            let place = crate::json::place(&e);
            Refusal::passing(format!("a reply of {} bytes is no job: {place}", body.len()))
        })?;
        let rows = wire.statistics.load.and_then(|load| load.output_rows);
        Ok(Self {
            is_done: wire.status.state == "DONE",
            error: wire.status.error_result.as_ref().map(Refusal::of_job),
            rows: rows.and_then(|rows| rows.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Kind;
    use super::*;

    fn file() -> File<'static> {
        let (day, batch) = ("2026-11-29".parse().unwrap(), Uuid::from_u128(7));
        File { table: "events", epoch: 1, from_tx: 900, to_tx: 950, day, part: 0, batch }
    }

    #[test]
    fn an_id_is_of_one_file_one_rebuild_and_one_attempt() {
        let first = load_id(&file(), Uuid::nil(), 1);
        let hex = Uuid::from_u128(7).simple();
        assert_eq!(first, format!("penstock_events_1_900_950_20261129_0_{hex}_1"));
        let other = File { batch: Uuid::from_u128(8), ..file() };
        let again = [
            load_id(&file(), Uuid::nil(), 2),
            load_id(&file(), Uuid::from_u128(9), 1),
            load_id(&other, Uuid::nil(), 1),
            copy_id("events", file().day, Uuid::from_u128(9), 1),
        ];
        for id in &again {
            assert_ne!(*id, first);
            let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            assert!(id.len() < 1_024 && id.bytes().all(sound), "{id}");
        }
    }

    #[test]
    fn a_load_adds_all_rows_or_none_and_makes_no_table() {
        let place = Place { project: "p".into(), dataset: "d".into(), location: "EU".into() };
        let write = Write { job: "j", to: "events$20261129", rows: Move::Append };
        let request = request(&place, &write);
        let load = &request["configuration"]["load"];
        assert_eq!(load["writeDisposition"], "WRITE_APPEND");
        assert_eq!(load["createDisposition"], "CREATE_NEVER");
        assert_eq!(load["maxBadRecords"], 0);
        assert_eq!(request["jobReference"]["jobId"], "j");
    }

    #[test]
    fn a_job_is_read_as_it_stands() {
        let running = Job::read(br#"{"status":{"state":"RUNNING"}}"#).unwrap();
        assert_eq!(running, Job { is_done: false, error: None, rows: None });
        let done = br#"{"status":{"state":"DONE"},"statistics":{"load":{"outputRows":"12"}}}"#;
        assert_eq!(Job::read(done).unwrap(), Job { is_done: true, error: None, rows: Some(12) });
        let failed =
            br#"{"status":{"state":"DONE","errorResult":{"reason":"invalid","message":"no"},
            "errors":[{"reason":"invalid"}]}}"#;
        let error = Job::read(failed).unwrap().error.unwrap();
        assert_eq!((error.kind, error.words.as_str()), (Kind::Rejected, "invalid: no"));
        assert_eq!(Job::read(b"<html>").unwrap_err().kind, Kind::Passing);
    }
}
