//! Objects in a bucket of S3. Each is written whole and under a condition, so that no attempt
//! overwrites another.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use penstock_domain::dependency::Dependency;

use crate::aws::Aws;

/// The condition under which an object is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is no object under the key.
    IsAbsent,
    /// The object is still the one with this entity tag.
    IsUnchanged(String),
}

/// An object to be written.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// The key.
    pub key: String,
    /// The bytes.
    pub body: Bytes,
    /// The SHA-256 of the bytes. The store compares it.
    pub sha256: [u8; 32],
    /// The content type.
    pub content_type: &'static str,
    /// Facts about it that are stored with it, by lower-case names. Values are ASCII, 2 KB in all.
    pub facts: BTreeMap<String, String>,
    /// The condition under which it is written.
    pub condition: Condition,
}

/// The outcome for an object that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Written,
    /// The condition did not hold: there is another object, or the same by an earlier attempt.
    NotWritten,
}

/// The description of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The size in bytes.
    pub bytes: u64,
    /// The entity tag.
    pub etag: String,
    /// The facts that are stored with it.
    pub facts: BTreeMap<String, String>,
}

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub body: Bytes,
    /// The entity tag.
    pub etag: String,
}

/// The store did not do what it was asked. A write may have been done all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store did not {what}: {reason}")]
pub struct ObjectError {
    what: &'static str,
    /// A status and a code, and no text of the store: that may repeat a key.
    reason: String,
    is_refused: bool,
}

impl ObjectError {
    /// Creates the error of a store that cannot be reached, is overloaded, or answers nothing that
    /// can be read.
    #[must_use]
    pub fn unreachable(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, reason: reason.into(), is_refused: false }
    }

    /// Creates the error of a store that refuses the request, and will refuse it again.
    #[must_use]
    pub fn refused(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, reason: reason.into(), is_refused: true }
    }
}

impl Dependency for ObjectError {
    fn is_unreachable(&self) -> bool {
        !self.is_refused
    }
}

/// A store of objects: a bucket of S3, or objects in memory in tests.
pub trait Objects: Send + Sync {
    /// Writes an object if its condition holds.
    ///
    /// # Errors
    /// [`ObjectError`] if the store does not say that it has written it. It may have.
    fn put(&self, object: NewObject) -> impl Future<Output = Result<Put, ObjectError>> + Send;

    /// Describes an object; `None` if there is none.
    ///
    /// # Errors
    /// [`ObjectError`] if the store does not answer.
    fn head(&self, key: &str) -> impl Future<Output = Result<Option<Head>, ObjectError>> + Send;

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// [`ObjectError`] if the store does not answer.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Object>, ObjectError>> + Send;

    /// Reads the bytes of an object from `from` until before `to`, or to its end; `None` if there
    /// is no object.
    ///
    /// # Errors
    /// [`ObjectError`] if the store does not answer, or the object has no such bytes.
    fn get_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> impl Future<Output = Result<Option<Object>, ObjectError>> + Send;

    /// Deletes an object. It is no error if there is none.
    ///
    /// # Errors
    /// [`ObjectError`] if the store does not say that it is gone.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), ObjectError>> + Send;
}

/// A bucket of S3.
#[derive(Debug, Clone)]
pub struct Bucket {
    aws: Arc<Aws>,
    name: String,
}

/// The time for one request. 128 MB take a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

impl Bucket {
    /// Creates the bucket of this name. It makes no request.
    #[must_use]
    pub fn new(aws: Arc<Aws>, name: String) -> Self {
        Self { aws, name }
    }

    async fn read(&self, key: &str, range: Option<String>) -> Result<Option<Object>, ObjectError> {
        const WHAT: &str = "read an object";
        let get = self.aws.s3().await.get_object().bucket(&self.name).key(key).set_range(range);
        let Some(found) = absent_is_none(in_time(WHAT, get.send()).await?)? else {
            return Ok(None);
        };
        let etag = found.e_tag.unwrap_or_default();
        let body = tokio::time::timeout(PATIENCE, found.body.collect()).await;
        match body {
            Ok(Ok(body)) => Ok(Some(Object { body: body.into_bytes(), etag })),
            _ => Err(ObjectError::unreachable(WHAT, "the body did not come")),
        }
    }
}

impl Objects for Bucket {
    async fn put(&self, object: NewObject) -> Result<Put, ObjectError> {
        let NewObject { key, body, sha256, content_type, facts, condition } = object;
        let put = self
            .aws
            .s3()
            .await
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_type(content_type)
            .checksum_sha256(STANDARD.encode(sha256))
            .set_metadata(Some(facts.into_iter().collect()))
            .body(ByteStream::from(body));
        let put = match condition {
            Condition::IsAbsent => put.if_none_match("*"),
            Condition::IsUnchanged(etag) => put.if_match(etag),
        };
        match in_time("write an object", put.send()).await? {
            Answer::Yes(_) => Ok(Put::Written),
            Answer::No(412, _) => Ok(Put::NotWritten),
            // The object that was to be unchanged is gone.
            Answer::No(404, refusal) if refusal.code != "NoSuchBucket" => Ok(Put::NotWritten),
            Answer::No(status, error) => Err(error.of(status)),
        }
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        let head = self.aws.s3().await.head_object().bucket(&self.name).key(key);
        let Some(found) = absent_is_none(in_time("describe an object", head.send()).await?)? else {
            return Ok(None);
        };
        Ok(Some(Head {
            bytes: found.content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            etag: found.e_tag.unwrap_or_default(),
            facts: found.metadata.unwrap_or_default().into_iter().collect(),
        }))
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        self.read(key, None).await
    }

    async fn get_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> Result<Option<Object>, ObjectError> {
        if to <= from {
            return Err(ObjectError::refused("read an object", "the range is empty"));
        }
        self.read(key, Some(format!("bytes={from}-{}", to - 1))).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let delete = self.aws.s3().await.delete_object().bucket(&self.name).key(key);
        absent_is_none(in_time("delete an object", delete.send()).await?).map(drop)
    }
}

/// The answer of the store, or its status with the error that it makes.
enum Answer<T> {
    Yes(T),
    No(u16, Refusal),
}

/// An answer that is no success.
struct Refusal {
    what: &'static str,
    code: String,
}

impl Refusal {
    fn of(self, status: u16) -> ObjectError {
        let reason = format!("{status} {}", self.code);
        match status {
            // Conflicts are of writers at one time; 408, 429 and a slow-down of the store pass.
            408 | 409 | 429 | 500..=599 => ObjectError::unreachable(self.what, reason),
            _ if self.code == "RequestTimeout" || self.code == "SlowDown" => {
                ObjectError::unreachable(self.what, reason)
            }
            _ => ObjectError::refused(self.what, reason),
        }
    }
}

fn absent_is_none<T>(answer: Answer<T>) -> Result<Option<T>, ObjectError> {
    match answer {
        Answer::Yes(found) => Ok(Some(found)),
        // A bucket that is not there is no object that is not there.
        Answer::No(404, refusal) if refusal.code != "NoSuchBucket" => Ok(None),
        Answer::No(status, refusal) => Err(refusal.of(status)),
    }
}

/// Waits for one request, with the SDK's own attempts.
async fn in_time<T, E>(
    what: &'static str,
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<Answer<T>, ObjectError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    // Boxed: the SDK's futures are kilobytes each.
    match tokio::time::timeout(PATIENCE, Box::pin(request)).await {
        Err(_) => Err(ObjectError::unreachable(what, "no answer in time")),
        Ok(Ok(answer)) => Ok(Answer::Yes(answer)),
        Ok(Err(SdkError::ServiceError(refused))) => {
            let status = refused.raw().status().as_u16();
            let code = refused.err().code().unwrap_or("no code").to_owned();
            Ok(Answer::No(status, Refusal { what, code }))
        }
        Ok(Err(error @ SdkError::ConstructionFailure(_))) => {
            tracing::warn!(error = %DisplayErrorContext(&error), "no request can be made");
            Err(ObjectError::refused(what, "no request can be made"))
        }
        Ok(Err(error)) => {
            tracing::warn!(error = %DisplayErrorContext(&error), "the store was not reached");
            Err(ObjectError::unreachable(what, "the connection broke"))
        }
    }
}
