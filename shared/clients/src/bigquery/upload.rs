//! The upload of a file with its job, in chunks that may be sent again
//! (cloud.google.com/bigquery/docs/reference/api-uploads). The job exists once the last byte has
//! arrived, and not before.

use bytes::Bytes;
use jiff::Timestamp;
use penstock_domain::bigquery::{Job, Kind, Refusal, Write, request};
use penstock_domain::clock::Clock;
use penstock_domain::retry::backoff;
use reqwest::Url;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};

use super::{BigQuery, Reply, json};

/// The size of a chunk: a multiple of 256 KiB, and all of a file that is held in memory.
pub const CHUNK: u64 = 8 << 20;

/// An upload is given up after so many faults without a byte that arrives between them.
const FAULTS: u32 = 4;

/// A file that is read piece by piece.
pub trait Source {
    /// Returns `length` bytes from `from` on; `None` if the file is gone.
    fn read(
        &self,
        from: u64,
        length: u64,
    ) -> impl Future<Output = Result<Option<Bytes>, Refusal>> + Send;
}

/// The end of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The job exists, of this call or of one before.
    Job(Job),
    /// The time was over before the last byte. No job exists by this call.
    OutOfTime,
    /// The file is gone, and no job has its id.
    Gone,
}

/// How much of a file has arrived.
enum Arrived {
    /// So many bytes.
    Bytes(u64),
    /// All of it, and its job.
    Job(Job),
    /// There is no file to send.
    NoFile,
}

impl<C: Clock> BigQuery<C> {
    /// Starts the job that loads a file of `size` bytes, or returns the one that has its id. No
    /// chunk is begun after `until`. A job that BigQuery refuses to begin is returned as failed.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows. The job may exist all the same: a caller asks for
    /// it before it tries again.
    pub async fn load(
        &self,
        write: &Write<'_>,
        size: u64,
        source: &impl Source,
        until: Timestamp,
    ) -> Result<Sent, Refusal> {
        match self.upload(write, size, source, until).await {
            // Another invocation may have sent all of it while it was there.
            Ok(Sent::Gone) => Ok(self.job(write.job).await?.map_or(Sent::Gone, Sent::Job)),
            Err(refusal) => self.refused(write.job, refusal).await.map(Sent::Job),
            sent => sent,
        }
    }

    async fn upload(
        &self,
        write: &Write<'_>,
        size: u64,
        source: &impl Source,
        until: Timestamp,
    ) -> Result<Sent, Refusal> {
        let session = self.open(write, size).await?;
        let (mut at, mut is_sure, mut faults) = (0, true, 0);
        while self.clock.now() < until {
            let step = async {
                if !is_sure {
                    return self.put(&session, None, size).await;
                }
                let length = CHUNK.min(size - at);
                let Some(bytes) = source.read(at, length).await? else {
                    return Ok(Arrived::NoFile);
                };
                if u64::try_from(bytes.len()) != Ok(length) {
                    let (has, key) = (bytes.len(), write.job);
                    return Err(Refusal::passing(format!("{has} of {length} bytes for {key}")));
                }
                self.put(&session, Some((at, bytes)), size).await
            };
            match step.await {
                Ok(Arrived::Job(job)) => return Ok(Sent::Job(job)),
                Ok(Arrived::NoFile) => return Ok(Sent::Gone),
                Ok(Arrived::Bytes(next)) => {
                    faults = if next > at { 0 } else { faults + 1 };
                    // All has arrived, and no job is told: it is asked for.
                    (at, is_sure) = (next, next < size);
                    if faults < FAULTS && is_sure {
                        continue;
                    }
                }
                Err(error) if error.kind == Kind::Passing && faults + 1 < FAULTS => {
                    (faults, is_sure) = (faults + 1, false);
                }
                // The session is over: another one begins with the first byte.
                Err(error) if error.kind == Kind::NotFound => {
                    return Err(Refusal::passing(format!("the upload is over: {error}")));
                }
                Err(error) => return Err(error),
            }
            if faults >= FAULTS {
                return Err(Refusal::passing("nothing of the file arrives"));
            }
            self.clock.sleep(backoff(faults, fastrand::u32(..))).await;
        }
        Ok(Sent::OutOfTime)
    }

    /// Opens a session, and returns its URL.
    async fn open(&self, write: &Write<'_>, size: u64) -> Result<Url, Refusal> {
        let body = request(&self.here().await?, write);
        let project = &self.place.project;
        let path = format!("upload/bigquery/v2/projects/{project}/jobs?uploadType=resumable");
        let url = format!("{}/{path}", self.base_url);
        let call = |http: &reqwest::Client| {
            json(http.post(&url), &body)
                .header("x-upload-content-type", "application/octet-stream")
                .header("x-upload-content-length", size)
        };
        let reply = self.send(call).await?;
        let location = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let session = location.and_then(|location| Url::parse(location).ok());
        match session {
            Some(session) if self.is_own(&session) => Ok(session),
            Some(_) => {
                let words = "the upload is to go to another host".to_owned();
                Err(Refusal { kind: Kind::Rejected, words })
            }
            None => Err(Refusal::passing("an upload without a place to send it to")),
        }
    }

    /// Sends a chunk; without one, it asks how much has arrived.
    async fn put(
        &self,
        session: &Url,
        chunk: Option<(u64, Bytes)>,
        size: u64,
    ) -> Result<Arrived, Refusal> {
        let range = match &chunk {
            Some((from, bytes)) => {
                let end = from + u64::try_from(bytes.len()).unwrap_or_default();
                format!("bytes {from}-{}/{size}", end.saturating_sub(1))
            }
            None => format!("bytes */{size}"),
        };
        let bytes = chunk.map(|(_, bytes)| bytes).unwrap_or_default();
        let call = |http: &reqwest::Client| {
            http.put(session.clone())
                .header(CONTENT_RANGE, &range)
                .header(CONTENT_LENGTH, bytes.len())
                .body(bytes.clone())
        };
        let reply = self.send(call).await?;
        if reply.status == 308 {
            return Ok(Arrived::Bytes(arrived(&reply, size)?));
        }
        self.read(&reply.body).map(Arrived::Job)
    }
}

/// Reads how much has arrived from `Range: bytes=0-524287`. Without the header it is nothing.
fn arrived(reply: &Reply, size: u64) -> Result<u64, Refusal> {
    let Some(range) = reply.headers.get(RANGE) else { return Ok(0) };
    let last = range.to_str().ok().and_then(|range| range.rsplit_once('-'));
    let last: Option<u64> = last.and_then(|(_, last)| last.trim().parse().ok());
    match last.and_then(|last| last.checked_add(1)) {
        Some(next) if next <= size => Ok(next),
        _ => Err(Refusal::passing("a range that cannot be read")),
    }
}
