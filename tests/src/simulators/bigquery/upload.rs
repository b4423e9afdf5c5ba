//! Resumable uploads (cloud.google.com/bigquery/docs/reference/api-uploads).

use std::collections::BTreeMap;

use serde_json::Value;

use super::refusal::Refusal;
use super::state::Project;

/// Chunks but the last are multiples of this.
const UNIT: u64 = 256 * 1_024;

/// The sessions of a project.
#[derive(Default)]
pub(super) struct Uploads {
    open: BTreeMap<u64, Upload>,
    opened: u64,
}

struct Upload {
    resource: Value,
    size: u64,
    data: Vec<u8>,
    /// The job that it has become.
    job: Option<String>,
}

/// The reply to a chunk.
pub(super) enum Stored {
    /// 308 with the last byte that has arrived.
    Upto(Option<u64>),
    /// The job.
    Job(Value),
}

impl Uploads {
    /// Ends all sessions.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    /// Returns how many sessions were opened so far.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }
}

impl Project {
    /// Opens a session, and returns its id.
    pub(super) fn open_upload(&mut self, resource: Value, size: u64) -> Result<u64, Refusal> {
        self.check_id(&resource)?;
        if !resource["configuration"]["load"].is_object() {
            return Err(Refusal::invalid("Required parameter is missing: load"));
        }
        self.uploads.opened += 1;
        let id = self.uploads.opened;
        let upload = Upload { resource, size, data: Vec::new(), job: None };
        self.uploads.open.insert(id, upload);
        Ok(id)
    }

    /// Takes all of a file in the session that was opened last, as from another caller.
    pub(super) fn complete_upload(&mut self, data: Vec<u8>) {
        let (_, upload) = self.uploads.open.pop_last().expect("a session is open");
        self.insert_job(upload.resource, data).expect("the job begins");
    }

    /// Takes a chunk of a session, or tells how much has arrived. With `is_half` only a half of the
    /// chunk arrives.
    pub(super) fn put(
        &mut self,
        session: u64,
        range: &str,
        body: &[u8],
        is_half: bool,
    ) -> Result<Stored, Refusal> {
        let none = || Refusal::not_found("Upload");
        let upload = self.uploads.open.get_mut(&session).ok_or_else(none)?;
        if let Some(job) = upload.job.clone() {
            return self.get_job(&job).map(Stored::Job);
        }
        let bad = || Refusal::invalid(format!("Invalid Content-Range: {range}"));
        let (part, size) =
            range.strip_prefix("bytes ").and_then(|r| r.split_once('/')).ok_or_else(bad)?;
        if size.parse() != Ok(upload.size) {
            return Err(bad());
        }
        let has = u64::try_from(upload.data.len()).expect("a length fits");
        if part != "*" {
            let (from, last) = part.split_once('-').ok_or_else(bad)?;
            let (from, last): (u64, u64) =
                (from.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
            let length = u64::try_from(body.len()).expect("a length fits");
            let is_last = last + 1 == upload.size;
            let is_whole = length.is_multiple_of(UNIT) || is_last;
            if from != has || last + 1 != from + length || !is_whole {
                return Err(bad());
            }
            let kept = if is_half { length / 2 / UNIT * UNIT } else { length };
            let kept = usize::try_from(kept).expect("a length fits");
            upload.data.extend_from_slice(&body[..kept]);
        }
        let has = u64::try_from(upload.data.len()).expect("a length fits");
        if has < upload.size {
            return Ok(Stored::Upto(has.checked_sub(1)));
        }
        let (resource, data) = (upload.resource.clone(), std::mem::take(&mut upload.data));
        let id = resource["jobReference"]["jobId"].as_str().unwrap_or_default().to_owned();
        let job = self.insert_job(resource, data);
        match job {
            Ok(job) => {
                if let Some(upload) = self.uploads.open.get_mut(&session) {
                    upload.job = Some(id);
                }
                Ok(Stored::Job(job))
            }
            Err(refusal) => {
                self.uploads.open.remove(&session);
                Err(refusal)
            }
        }
    }
}
