//! Connections as replies show them: with the names of their secrets, and never with a secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use penstock_domain::connection::{Connection, State};
use penstock_domain::source::Source;
use penstock_store::connections::change::Entry;
use serde::Serialize;

use crate::AdminConfig;

/// All connections.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Connections"))]
pub(crate) struct ConnectionsReply {
    /// By name.
    pub connections: Vec<ConnectionReply>,
}

/// A connection: one account of one source.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Connection"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionReply {
    /// Its name, which runs, rows and log lines carry as their source.
    name: String,
    /// The vendor's name.
    source: String,
    /// `active`: it is pulled. `paused`: it is not pulled, and pushes are stored. `removed`:
    /// neither; its rows stay and count. `erasing`: its rows are being deleted. `erased`: none is
    /// left.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = ["active", "paused", "removed", "erasing", "erased"])))]
    state: String,
    /// Whether the template declares it. Its key and its settings are parameters of the deployment.
    declared: bool,
    /// The connection whose key reads this account; `null` if it has a key of its own.
    parent: Option<String>,
    /// The vendor's id of that account.
    account: Option<String>,
    /// The settings that differ from the deployment's.
    settings: BTreeMap<String, String>,
    /// The name of the secret with its key; `null` if the template or the parent has it.
    key_secret: Option<String>,
    /// The name of the secret that signs what its vendor pushes; `null` if the template names it,
    /// or nothing is pushed.
    signing_secret: Option<String>,
    /// Whether its vendor can push to it.
    has_signing_secret: bool,
    /// The path to which its vendor pushes.
    webhook_path: String,
    /// Another number after each change.
    revision: i64,
    /// When it was connected; `null` if it has no row, because the template declares it.
    made_at: Option<Timestamp>,
    /// When it was changed last.
    changed_at: Option<Timestamp>,
}

/// The reply about a connection that was removed.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "RemovedConnection")
)]
pub(crate) struct RemovedReply {
    /// The connection as it is now.
    pub connection: ConnectionReply,
    /// `kept`: all its rows stay, and count. `erasing`: they are being deleted. `erased`: they are
    /// deleted.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = ["kept", "erasing", "erased"])))]
    pub data: &'static str,
    /// The accounts that were read with its key, by their connections' names: they go with it.
    pub accounts: Vec<String>,
    /// The same in words for people.
    pub message: &'static str,
}

impl ConnectionReply {
    /// A connection that has a row.
    pub(crate) fn of(entry: &Entry, config: &AdminConfig) -> Self {
        let Entry { connection, made_at, changed_at, .. } = entry;
        let declared = is_declared(config, &connection.name, Some(entry));
        let reply = Self::new(connection, declared, config);
        Self { made_at: Some(*made_at), changed_at: Some(*changed_at), ..reply }
    }

    /// A connection that the template declares and that has no row.
    pub(crate) fn declared(source: &dyn Source, config: &AdminConfig) -> Self {
        Self::new(&Connection::declared(source), true, config)
    }

    fn new(connection: &Connection, declared: bool, config: &AdminConfig) -> Self {
        let Connection { name, source, account, settings, state, revision, .. } =
            connection.clone();
        let (parent, account) = account.map(|account| (account.parent, account.id)).unzip();
        let webhook_path = match name == source {
            true => format!("/webhooks/{source}"),
            false => format!("/webhooks/{source}/{name}"),
        };
        let live = state.is_open().then_some(connection);
        let key_secret = live.and_then(|live| live.key_secret.clone());
        let signing_secret = live.and_then(|live| live.signing_secret.clone());
        Self {
            has_signing_secret: signing_secret.is_some() || (declared && config.is_pushed(&name)),
            name,
            source,
            state: state.as_str().to_owned(),
            declared,
            parent,
            account,
            settings,
            key_secret,
            signing_secret,
            webhook_path,
            revision,
            made_at: None,
            changed_at: None,
        }
    }
}

/// Whether the template declares the connection called `name`: it names a secret for it, and nobody
/// has connected the name while the system runs.
pub(crate) fn is_declared(config: &AdminConfig, name: &str, entry: Option<&Entry>) -> bool {
    let own = |entry: &Entry| entry.connection.is_declared() || !entry.connection.state.is_open();
    config.declares(name) && entry.is_none_or(own)
}

/// All connections: those that have a row, and those that the template declares.
pub(crate) fn all(entries: &[Entry], config: &AdminConfig) -> ConnectionsReply {
    let has_row = |name: &str| entries.iter().any(|entry| entry.connection.name == name);
    let mut connections: Vec<ConnectionReply> =
        entries.iter().map(|entry| ConnectionReply::of(entry, config)).collect();
    let bare = penstock_domain::source::SOURCES
        .iter()
        .filter(|source| config.declares(source.name()) && !has_row(source.name()));
    connections.extend(bare.map(|source| ConnectionReply::declared(*source, config)));
    connections.sort_by(|a, b| a.name.cmp(&b.name));
    ConnectionsReply { connections }
}

impl RemovedReply {
    /// The reply about a connection that was removed or erased.
    pub(crate) fn of(entry: &Entry, accounts: Vec<String>, config: &AdminConfig) -> Self {
        let (data, message) = match entry.connection.state {
            State::Erasing => ("erasing", "Its rows are being deleted, some at a time."),
            State::Erased => {
                ("erased", "Nothing of it is left but its name, which can be connected again.")
            }
            _ => (
                "kept",
                "Its rows stay and count. Erase it to delete them; connect the name again to go on with it.",
            ),
        };
        Self { connection: ConnectionReply::of(entry, config), data, accounts, message }
    }
}
