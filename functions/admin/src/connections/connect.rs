//! A connection that is made, or gets another key, other secrets or other settings.
//!
//! The row changes in one step, from one key and its settings to another. Before that the name is
//! claimed for a minute, and the secrets are written under names that the row does not have yet.
//! Whoever dies in between leaves a claim that ends, and the names of what is to be deleted.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, offer};
use penstock_clients::secret_store::generated;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::connecting::{is_own, key_folder, key_secret, signing_secret};
use penstock_domain::connection::State;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source::Source;
use penstock_edge::http::{Failure, Problem, Reply, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::audit::{self, Entry as Trail};
use penstock_store::connections::change::{self, Claimed, Entry, NewClaim, Settled};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::{StoreError, begin, commit};
use secrecy::SecretString;

use super::body::Body;
use super::wanted::{Origin, Wanted, source_of};
use super::{at_rest, changing, declared, log};
use crate::Ports;
use crate::by::By;

/// How long a claim lasts: longer than Lambda lets this function live (20 s), so that whoever finds
/// it ended finds nobody at work.
pub const CLAIM: Duration = Duration::from_secs(60);

/// How long a reply waits for SQS to take the messages to `fetch`. `relay` sends them again.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// The secrets that a change writes: their names, with their texts.
#[derive(Default)]
struct Writes {
    key: Option<(String, SecretString)>,
    signing: Option<(String, SecretString)>,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Connects an account, or changes a connection. The same again changes nothing.
    pub(crate) async fn connect(
        &self,
        name: &str,
        body: &[u8],
        by: By<'_>,
    ) -> Result<Reply, Failure> {
        let body = Body::read(body)?;
        let source = source_of(name, &body)?;
        let entry = self.entry(name).await?;
        if self.is_declared(name, entry.as_ref()) {
            return Err(declared());
        }
        if let Some(entry) = &entry {
            refuse(entry, source)?;
        }
        let wanted = Wanted::of(name, source, body, entry.as_ref(), &self.config)?;
        match &entry {
            Some(entry) if wanted.is_there(Some(entry)) => self.told(StatusCode::OK, entry),
            _ => self.change(name, wanted, entry.as_ref(), by).await,
        }
    }

    async fn change(
        &self,
        name: &str,
        wanted: Wanted,
        known: Option<&Entry>,
        by: By<'_>,
    ) -> Result<Reply, Failure> {
        let claimed = self.claim(name, &wanted, by.now).await?.ok_or_else(changing)?;
        let seen = known.map_or(0, |entry| entry.connection.revision);
        if claimed.entry.connection.revision != seen + 1 {
            // Somebody was faster. What was decided was decided about another row. The claim has
            // noted last what it would have written.
            let mut leftover = claimed.entry.leftover.clone();
            leftover.truncate(leftover.len().saturating_sub(wanted.writes()));
            self.release(&claimed, leftover).await?;
            return Err(changing());
        }
        let was = claimed.entry.connection.state;
        let writes = self.writes(&claimed, &wanted)?;
        if let Err(error) = self.write(name, &writes).await {
            tracing::error!(event = "secret_not_written", connection = name, error = chain(&error));
            // What was written is noted in the row.
            self.release(&claimed, claimed.entry.leftover.clone()).await?;
            return Err(error.into());
        }
        let has_new_key = writes.key.is_some() || !was.is_open();
        let settled = self.settle(&claimed, &wanted, &writes, has_new_key, by).await?;
        let Some(entry) = settled else {
            for (name, _) in writes.key.iter() {
                self.secrets.delete(name).await?;
            }
            return Err(changing());
        };
        let (status, word) = match was.is_open() {
            true => (StatusCode::OK, "changed"),
            false => (StatusCode::CREATED, "connected"),
        };
        log(by, word, &entry);
        if has_new_key {
            let pushed = entry.connection.signing_secret.is_some();
            self.ask_for_first_runs(name, wanted.source, pushed).await;
        }
        self.clean_up(&claimed, &entry.leftover).await;
        self.told(status, &entry)
    }

    async fn claim(
        &self,
        name: &str,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Option<Claimed>, Failure> {
        let prefix = &self.config.secrets_prefix;
        let (keys, signing) = (key_folder(prefix, name), signing_secret(prefix, name));
        let (keys, key_secret) = match &wanted.key {
            Origin::Text(_) => (Some(keys.as_str()), None),
            Origin::Named(secret) => (None, Some(secret.as_str())),
        };
        let new = NewClaim {
            name,
            source: wanted.source.name(),
            keys,
            key_secret,
            signing: wanted.writes_signing().then_some(signing.as_str()),
            until: now + CLAIM,
        };
        let claiming = async {
            let connection = self.database.connection().await?;
            change::claim(&**connection, new, now).await
        };
        Ok(self.database.in_time(claiming).await?)
    }

    fn writes(&self, claimed: &Claimed, wanted: &Wanted) -> Result<Writes, Failure> {
        let connection = &claimed.entry.connection;
        let (prefix, name) = (&self.config.secrets_prefix, &connection.name);
        let mut writes = Writes::default();
        if let Origin::Text(text) = &wanted.key {
            let key = key_secret(prefix, name, connection.revision);
            writes.key = Some((key, text.clone()));
        }
        let text = match &wanted.signing {
            Some(Origin::Text(text)) => Some(text.clone()),
            None if wanted.makes_signing => Some(generated()?),
            _ => None,
        };
        writes.signing = text.map(|text| (signing_secret(prefix, name), text));
        Ok(writes)
    }

    async fn write(
        &self,
        name: &str,
        writes: &Writes,
    ) -> Result<(), penstock_clients::secret_store::WriteError> {
        for (secret, text) in writes.key.iter().chain(&writes.signing) {
            self.secrets.write(secret, text, name).await?;
        }
        Ok(())
    }

    /// Makes the row what is wanted, and requests the first runs, in one transaction.
    async fn settle(
        &self,
        claimed: &Claimed,
        wanted: &Wanted,
        writes: &Writes,
        has_new_key: bool,
        by: By<'_>,
    ) -> Result<Option<Entry>, Failure> {
        let before = &claimed.entry.connection;
        let named = |origin: &Origin| match origin {
            Origin::Named(secret) => Some(secret.clone()),
            Origin::Text(_) => None,
        };
        let written =
            |write: &Option<(String, SecretString)>| write.as_ref().map(|(it, _)| it.clone());
        let key = written(&writes.key).or_else(|| named(&wanted.key));
        let signing = written(&writes.signing).or_else(|| wanted.signing.as_ref().and_then(named));
        let prefix = &self.config.secrets_prefix;
        let old = [&before.key_secret, &before.signing_secret];
        let old = old.into_iter().flatten().filter(|it| is_own(prefix, &before.name, it));
        let is_used =
            |secret: &&String| [&key, &signing].into_iter().flatten().any(|it| it == *secret);
        let mut leftover: Vec<&str> = claimed
            .entry
            .leftover
            .iter()
            .chain(old)
            .filter(|secret| !is_used(secret))
            .map(String::as_str)
            .collect();
        leftover.sort_unstable();
        leftover.dedup();
        let settled = Settled {
            name: &before.name,
            source: wanted.source.name(),
            settings: &wanted.settings,
            key_secret: key.as_deref(),
            signing_secret: signing.as_deref(),
            leftover: &leftover,
        };
        let why = has_new_key.then_some("the connection has a new key");
        let settling = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let entry = change::settle(&tx, settled, claimed.claim, by.now).await?;
            if let (Some(_), Some(why)) = (&entry, why) {
                let entities = wanted.source.entities(Mode::Incremental);
                let (mode, unless) = (Mode::Incremental, Unless::Never);
                pending::request(&tx, &before.name, entities, mode, Some(why), unless, by.now)
                    .await?;
            }
            if entry.is_some() {
                let detail = format!(r#"{{"newKey":{has_new_key}}}"#);
                let trail = by.entry(Action::ConnectionChanged, &before.name);
                audit::write(&tx, &Trail { detail: Some(&detail), ..trail }).await?;
            }
            commit(tx).await?;
            Ok::<_, StoreError>(entry)
        };
        Ok(self.database.in_time(settling).await?)
    }

    /// Deletes the secrets that are left over by a change, and ends its claim. What fails is done
    /// with the next change.
    pub(super) async fn clean_up(&self, claimed: &Claimed, leftover: &[String]) {
        let mut left = leftover.to_vec();
        while let Some(secret) = left.last() {
            if let Err(error) = self.secrets.delete(secret).await {
                tracing::warn!(event = "secret_not_deleted", secret, error = chain(&error));
                break;
            }
            left.pop();
        }
        if let Err(failure) = self.release(claimed, left).await {
            let name = &claimed.entry.connection.name;
            tracing::warn!(event = "claim_not_ended", connection = name, error = failure.chain());
        }
    }

    /// Ends a claim, and keeps the names of what is still to be deleted.
    async fn release(&self, claimed: &Claimed, leftover: Vec<String>) -> Result<(), Failure> {
        let name = claimed.entry.connection.name.as_str();
        let leftover: Vec<&str> = leftover.iter().map(String::as_str).collect();
        let releasing = async {
            let connection = self.database.connection().await?;
            change::release(&**connection, name, &leftover, claimed.claim).await
        };
        Ok(self.database.in_time(releasing).await?)
    }

    /// Asks `fetch` for the first runs. They are in Postgres, so `relay` sends a lost message
    /// again. A rule renews channels.
    pub(super) async fn ask_for_first_runs(
        &self,
        name: &str,
        source: &dyn Source,
        has_signing_secret: bool,
    ) {
        let pushes = has_signing_secret && self.config.told_where.contains(&source.name());
        let watched = if pushes { source.entities(Mode::Watch) } else { &[] };
        let pulls = source.entities(Mode::Incremental).iter();
        let pulls = pulls.map(|it| FetchRequest::new(name, it, Mode::Incremental).resuming());
        let watches = watched.iter().map(|it| FetchRequest::new(name, it, Mode::Watch));
        let requests = pulls.chain(watches);
        let bodies = requests.filter_map(|request| serde_json::to_string(&request).ok()).collect();
        if let Err(error) = offer(&self.requests, bodies, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", source = name, error = chain(&error));
        }
    }
}

/// Refuses a name that is another vendor's, is being erased, or is read with another key.
fn refuse(entry: &Entry, source: &dyn Source) -> Result<(), Failure> {
    let connection = &entry.connection;
    let problem = if connection.state == State::Erasing {
        return Err(at_rest(State::Erasing));
    } else if connection.source != source.name() && connection.state != State::Erased {
        let detail = format!("The name is a connection of {}.", connection.source);
        Problem::conflict("connection-of-another-source", detail)
    } else if let Some(account) = &connection.account {
        let detail = format!("It is read with the key of {}.", account.parent);
        Problem::conflict("connection-of-a-parent", detail)
    } else {
        return Ok(());
    };
    Err(problem.into())
}
