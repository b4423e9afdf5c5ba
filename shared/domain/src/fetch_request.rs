//! Requests to `fetch`: the same JSON from an EventBridge rule and from the queues
//! `fetch-requests` and `quick-requests`.

use serde::{Deserialize, Serialize};

/// How to fetch. The words are stored, and queued messages carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Reads everything, as it is now. This repairs whatever was missed.
    Full,
    /// Reads what has changed since the last run.
    Incremental,
    /// Reads the named objects again, as they are now. The word is `object`, because messages of
    /// older releases carry it.
    #[serde(rename = "object")]
    Refetch,
    /// Reads nothing: keeps a channel open over which the vendor pushes changes.
    Watch,
    /// Compares the sums of the full lists with our own by day, and mends what differs.
    Reconcile,
}

impl Mode {
    /// Returns the word in `sync_state.mode` and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Refetch => "object",
            Self::Watch => "watch",
            Self::Reconcile => "reconcile",
        }
    }

    /// Whether a request of this mode is served within a minute, and goes on by another message
    /// where there is more. Such requests have a queue of their own, so that no full run holds them
    /// up.
    pub fn is_quick(self) -> bool {
        match self {
            Self::Incremental | Self::Refetch | Self::Watch => true,
            Self::Full | Self::Reconcile => false,
        }
    }

    /// Returns the mode that has this word, or `None`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Full, Self::Incremental, Self::Refetch, Self::Watch, Self::Reconcile]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

/// One unit of work for `fetch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchRequest {
    pub source: String,
    /// The kind of object to fetch, in the vendor's word.
    pub entity: String,
    pub mode: Mode,
    /// Only continues a run that is running or requested. The system's own messages set it: a
    /// message that comes twice, or late, must not begin another full run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// The vendor's ids of the objects, for [`Mode::Refetch`] by a person. A message that resumes
    /// needs none: the objects are in Postgres. Those of older releases have ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Tries a pull that is paused at once. Only a person sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpause: bool,
    /// Lets the sweep of this full run through, or of this reconciliation, if one is held. Only a
    /// person sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_sweep: bool,
}

impl FetchRequest {
    /// Creates a request that names no objects.
    pub fn new(source: &str, entity: &str, mode: Mode) -> Self {
        Self {
            source: source.to_owned(),
            entity: entity.to_owned(),
            mode,
            resume: false,
            ids: Vec::new(),
            unpause: false,
            allow_sweep: false,
        }
    }

    /// Creates a request to read one object again.
    pub fn refetch(source: &str, entity: &str, id: String) -> Self {
        Self { ids: vec![id], ..Self::new(source, entity, Mode::Refetch) }
    }

    /// Creates a request to read all objects of an entity that wait for it in Postgres.
    pub fn refetches(source: &str, entity: &str) -> Self {
        Self::new(source, entity, Mode::Refetch).resuming()
    }

    /// Makes the request only continue what is running or requested.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self { resume: true, unpause: false, allow_sweep: false, ..self }
    }
}
