//! Writes the secrets of connections that are made while the system runs. `admin` alone does.
//!
//! A secret that is deleted can be restored for a week. Only names below the stack's own prefix are
//! taken, in one of its two folders, as the role of `admin` has it too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::Tag;
use penstock_domain::connecting::Folder;
use penstock_domain::dependency::Dependency;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::aws::Aws;

/// How long Secrets Manager may take for one request.
const PATIENCE: Duration = Duration::from_secs(4);

/// Days for which a deleted secret can be restored; Secrets Manager takes 7 at least.
const RECOVERY_DAYS: i64 = 7;

/// The code of Secrets Manager for a name that a secret has.
const THERE: &str = "ResourceExistsException";

/// Its code for a secret that was deleted and can be restored.
const DELETED: &str = "InvalidRequestException";

/// Its code for a name that no secret has.
const MISSING: &str = "ResourceNotFoundException";

/// Its codes for a request that may be good later.
const BUSY: [&str; 2] = ["InternalServiceError", "ThrottlingException"];

/// Bytes of a secret that is made here.
const GENERATED_BYTES: usize = 32;

/// A secret was not written or deleted. The message has its name, and never its content.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The name is in no folder of this stack's.
    #[error("{0} is no name of a secret of this stack's")]
    Foreign(String),
    /// Secrets Manager refuses.
    #[error("the secret {name} was not {what}")]
    Refused {
        /// The name of the secret.
        name: String,
        /// `written` or `deleted`.
        what: &'static str,
        /// Whether the same request may be good later.
        later: bool,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Secrets Manager does not answer in time.
    #[error("Secrets Manager is silent about {0}")]
    Silent(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
}

impl Dependency for WriteError {
    fn is_unreachable(&self) -> bool {
        matches!(self, Self::Refused { later: true, .. } | Self::Silent(_))
    }
}

/// A write or a deletion under way.
pub type Writing<'a> = Pin<Box<dyn Future<Output = Result<(), WriteError>> + Send + 'a>>;

/// The secrets of connections, as their writer sees them.
pub trait SecretStore: Send + Sync {
    /// Writes a secret: creates it, or replaces its content, also if it was deleted a moment ago.
    fn write<'a>(
        &'a self,
        name: &'a str,
        text: &'a SecretString,
        connection: &'a str,
    ) -> Writing<'a>;

    /// Deletes a secret. One that is not there is deleted.
    fn delete<'a>(&'a self, name: &'a str) -> Writing<'a>;
}

/// The secrets below a prefix in Secrets Manager.
#[derive(Debug)]
pub struct StackSecrets {
    aws: Arc<Aws>,
    prefix: String,
}

impl StackSecrets {
    /// Creates the store of a stack, whose prefix is such as `penstock/prod`.
    #[must_use]
    pub fn new(aws: Arc<Aws>, prefix: String) -> Self {
        Self { aws, prefix }
    }

    fn check(&self, name: &str) -> Result<(), WriteError> {
        let is_own = Folder::ALL.iter().any(|folder| folder.holds(&self.prefix, name));
        if is_own { Ok(()) } else { Err(WriteError::Foreign(name.to_owned())) }
    }

    async fn put(&self, name: &str, text: &SecretString, of: &str) -> Result<(), WriteError> {
        self.check(name)?;
        let secrets = self.aws.secrets().await;
        let tag = Tag::builder().key("penstock:connection").value(of).build();
        let create = secrets
            .create_secret()
            .name(name)
            .description(format!("A secret of the connection {of}, written by Penstock."))
            .secret_string(text.expose_secret())
            .tags(tag);
        // Boxed, as below: the SDK's futures are kilobytes each.
        let deleted = match Box::pin(create.send()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(THERE) => false,
            Err(error) if error.code() == Some(DELETED) => true,
            Err(error) => return Err(refused(name, "written", error)),
        };
        if deleted {
            let restore = secrets.restore_secret().secret_id(name);
            Box::pin(restore.send()).await.map_err(|error| refused(name, "written", error))?;
        }
        let put = secrets.put_secret_value().secret_id(name).secret_string(text.expose_secret());
        Box::pin(put.send()).await.map(drop).map_err(|error| refused(name, "written", error))
    }

    async fn remove(&self, name: &str) -> Result<(), WriteError> {
        self.check(name)?;
        let delete = self.aws.secrets().await.delete_secret();
        let delete = delete.secret_id(name).recovery_window_in_days(RECOVERY_DAYS);
        match Box::pin(delete.send()).await {
            Ok(_) => Ok(()),
            Err(error) if [Some(MISSING), Some(DELETED)].contains(&error.code()) => Ok(()),
            Err(error) => Err(refused(name, "deleted", error)),
        }
    }
}

/// The error for a refused request. Without a code there was no answer.
fn refused<E, R>(name: &str, what: &'static str, error: SdkError<E, R>) -> WriteError
where
    SdkError<E, R>: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let later = error.code().is_none_or(|code| BUSY.contains(&code));
    WriteError::Refused { name: name.to_owned(), what, later, source: error.into() }
}

async fn in_time(
    name: &str,
    work: impl Future<Output = Result<(), WriteError>>,
) -> Result<(), WriteError> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(WriteError::Silent(name.to_owned())))
}

impl SecretStore for StackSecrets {
    fn write<'a>(
        &'a self,
        name: &'a str,
        text: &'a SecretString,
        connection: &'a str,
    ) -> Writing<'a> {
        Box::pin(in_time(name, self.put(name, text, connection)))
    }

    fn delete<'a>(&'a self, name: &'a str) -> Writing<'a> {
        Box::pin(in_time(name, self.remove(name)))
    }
}

/// Makes a secret of 256 random bits, as hexadecimal digits.
///
/// # Errors
/// [`WriteError::NoRandom`] if the system gives none.
pub fn generated() -> Result<SecretString, WriteError> {
    let mut bytes = [0; GENERATED_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| WriteError::NoRandom)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_outside_of_the_stacks_own_folders_is_neither_written_nor_deleted() {
        // A request would fail: nothing says where AWS is.
        let store = StackSecrets::new(Arc::default(), "penstock/prod".to_owned());
        for name in [
            "penstock/prod2/keys/a",
            "penstock/prod/other/a",
            "penstock/prod/keys/../../prod2/keys/a",
            "penstock/prod/keys/",
            "prod-database",
        ] {
            let written = store.write(name, &"text".into(), "a").await;
            assert!(matches!(written, Err(WriteError::Foreign(_))), "{name}: {written:?}");
            let deleted = store.delete(name).await;
            assert!(matches!(deleted, Err(WriteError::Foreign(_))), "{name}: {deleted:?}");
        }
    }

    #[test]
    fn secrets_that_are_made_are_long_and_differ() {
        let [one, other] = [(); 2].map(|()| generated().unwrap());
        assert_eq!(one.expose_secret().len(), 64);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
