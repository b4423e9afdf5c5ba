//! Connections: the accounts of vendors that a deployment reads, and where each stands.
//!
//! A connection is one account of one source. Its name is what `source` columns and messages
//! carry. The first one of a source is called like the source; the template declares it. All others
//! are made while the system runs, and have a row in `connections`.

use std::collections::BTreeMap;

use crate::config::{ConfigError, Env};
use crate::intake::{EVENTS, LEADS};
use crate::source::{self, Source, Webhook, variable};

/// The longest name that a person may give, in bytes.
pub const LONGEST_NAME: usize = 40;

/// The ending of the variable that names the account of a connection whose key is its parent's.
pub const ACCOUNT: &str = "ACCOUNT";

/// The database's name among the checks of `/readyz`, which are called like their connections.
pub const DATABASE: &str = "db";

/// SQS' name among the circuits and the checks of `/readyz`.
pub const QUEUES: &str = "sqs";

/// The third party's name among the circuits.
pub const THIRD_PARTY: &str = "third_party";

/// BigQuery's name among the circuits.
pub const BIGQUERY: &str = "bigquery";

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is pulled, and takes what its vendor pushes.
    Active,
    /// It is not pulled until somebody resumes it. What its vendor pushes is stored.
    Paused,
    /// It is neither pulled nor pushed to. Its rows stay and count.
    Removed,
    /// Its rows are being deleted.
    Erasing,
    /// Its rows are deleted.
    Erased,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Paused, Self::Removed, Self::Erasing, Self::Erased];

    /// Returns the word in `connections.state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Removed => "removed",
            Self::Erasing => "erasing",
            Self::Erased => "erased",
        }
    }

    /// Returns the state of that word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether its vendor may push.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }
}

/// The settings of a connection: texts by the vendor's own names in lower case, such as
/// `calendar_id`.
pub type Settings = BTreeMap<String, String>;

/// One account of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name, which `source` columns and messages carry.
    pub name: String,
    /// The vendor's name.
    pub source: String,
    /// The connection whose key reads this account, and the vendor's id of the account. `None` if
    /// it has a key of its own.
    pub account: Option<Account>,
    /// The settings that it has otherwise than the deployment.
    pub settings: Settings,
    /// The name of the secret that holds its key; `None` if the template or the parent has it.
    pub key_secret: Option<String>,
    /// The name of the secret that signs what its vendor pushes; `None` if nothing is pushed to it.
    pub signing_secret: Option<String>,
    /// Whether it is pulled and pushed to.
    pub state: State,
    /// Another number after each change.
    pub revision: i64,
}

/// An account that is read with the key of another connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name of the connection that has the key.
    pub parent: String,
    /// The vendor's id of the account.
    pub id: String,
}

/// Why a name or a setting of a connection cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another shape than names have.
    #[error("must be 1 to 40 of a-z, 0-9, - and _, the first a letter")]
    Name,
    /// The name of another vendor, or of what our own clients send.
    #[error("is the name of another source")]
    Taken,
    /// The vendor has no such setting.
    #[error("is no setting of {source_name}; it has {known}")]
    Setting {
        /// The vendor's name.
        source_name: &'static str,
        /// The names of its settings, with commas between.
        known: String,
    },
}

/// Checks a name that a person gives to a connection of `source`.
///
/// # Errors
/// [`Unusable`] if it cannot be one.
pub fn check_name(name: &str, source: &dyn Source) -> Result<(), Unusable> {
    let is_letter = |b: u8| b.is_ascii_lowercase();
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|b| is_letter(b) || b.is_ascii_digit() || b == b'-' || b == b'_');
    let is_taken = [LEADS, EVENTS, DATABASE, QUEUES, THIRD_PARTY, BIGQUERY].contains(&name)
        || source::find(name).is_some_and(|other| other.name() != source.name());
    match (fits, is_taken) {
        (false, _) => Err(Unusable::Name),
        (true, true) => Err(Unusable::Taken),
        (true, false) => Ok(()),
    }
}

/// Returns the name of the connection that an account becomes by itself. No person can give such a
/// name, because of the dot.
#[must_use]
pub fn name_of_account(parent: &str, account: &str) -> String {
    format!("{parent}.{account}")
}

/// Checks that `source` has all of these settings.
///
/// # Errors
/// The name of the first that it does not have, and [`Unusable::Setting`].
pub fn check_settings(settings: &Settings, source: &dyn Source) -> Result<(), (String, Unusable)> {
    let known = setting_names(source);
    match settings.keys().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let (source_name, known) = (source.name(), known.join(", "));
            Err((name.clone(), Unusable::Setting { source_name, known }))
        }
    }
}

/// Returns the names of all settings that a connection of `source` may have, in lower case: first
/// those that say which account it is and what of it is read.
#[must_use]
pub fn setting_names(source: &dyn Source) -> Vec<String> {
    let access = source.access();
    let common = ["BASE_URL", "PAGE_SIZE", "RATE_PER_SECOND", "TIMEOUT_SECONDS"];
    let windows = if access.windows.is_some() { &["WINDOW_DAYS", "CONCURRENCY"][..] } else { &[] };
    let mut endings: Vec<&str> = access.part.into_iter().collect();
    endings.extend(source.settings());
    endings.extend(access.credential.settings());
    endings.extend(common);
    endings.extend(windows);
    endings.extend(access.headers.iter().map(|header| header.variable));
    endings.extend(access.version.map(|version| version.variable));
    endings.iter().map(|ending| ending.to_lowercase()).collect()
}

impl Connection {
    /// The connection that the template declares: it is called like its source.
    #[must_use]
    pub fn declared(source: &dyn Source) -> Self {
        Self {
            name: source.name().to_owned(),
            source: source.name().to_owned(),
            account: None,
            settings: Settings::new(),
            key_secret: None,
            signing_secret: None,
            state: State::Active,
            revision: 0,
        }
    }

    /// Whether all of it but its state comes from the deployment's variables.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.name == self.source && self.key_secret.is_none() && self.account.is_none()
    }

    /// Returns the rules of its source.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if this release has no such source.
    pub fn vendor(&self) -> Result<&'static dyn Source, ConfigError> {
        source::find(&self.source).ok_or_else(|| ConfigError::Invalid {
            name: self.name.clone(),
            reason: format!("there is no source {}", self.source),
        })
    }

    /// The variables of this connection: the deployment's, with its own in place of those that say
    /// which account is read. `parents` is the variables of its parent if it has one; otherwise the
    /// deployment's.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if there is no such source.
    pub fn env(&self, parents: &Env) -> Result<Env, ConfigError> {
        let source = self.vendor()?;
        if self.is_declared() {
            return Ok(parents.clone());
        }
        let named = |ending: &str| variable(source, ending);
        let access = source.access();
        let mut env = parents.clone();
        if let Some(account) = &self.account {
            // Its parent's key reads it, in that key's mode.
            env.set_or_remove(&named(ACCOUNT), Some(&account.id));
        } else {
            let own = access.part.into_iter().chain(source.settings().iter().copied());
            for ending in own.chain(access.credential.settings().iter().copied()) {
                env.remove(&named(ending));
            }
            env.remove(&named(access.credential.given()));
            env.set_or_remove(&named("SECRET_ARN"), self.key_secret.as_deref());
        }
        if let Some(webhook) = source.webhook() {
            self.set_webhook(&mut env, source, webhook);
        }
        for (name, value) in &self.settings {
            env.set_or_remove(&named(&name.to_uppercase()), Some(value));
        }
        Ok(env)
    }

    fn set_webhook(&self, env: &mut Env, source: &dyn Source, webhook: Webhook) {
        let secret = variable(source, webhook.secret_variable());
        env.remove(&secret);
        env.set_or_remove(&format!("{secret}_ARN"), self.signing_secret.as_deref());
        let address = variable(source, "WEBHOOK_URL");
        if self.name != self.source
            && let Some(base) = env.optional(&address)
        {
            let own = format!("{}/{}", base.trim_end_matches('/'), self.name);
            env.set_or_remove(&address, Some(&own));
        }
    }
}
