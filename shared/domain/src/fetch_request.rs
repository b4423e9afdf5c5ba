//! What `fetch` is asked for: the same JSON from an EventBridge rule and from the queue `fetch-requests`.

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
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Refetch => "object",
            Self::Watch => "watch",
            Self::Reconcile => "reconcile",
        }
    }

    /// The mode of that word.
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
    /// The vendor.
    pub source: String,
    /// The kind of object to fetch, in the vendor's word.
    pub entity: String,
    /// How.
    pub mode: Mode,
    /// Only goes on with a run that is under way or requested. The system's own messages set it:
    /// one that comes twice, or late, must not begin another full run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// The vendor's ids of the objects, for [`Mode::Refetch`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}

impl FetchRequest {
    /// A request without named objects.
    pub fn new(source: &str, entity: &str, mode: Mode) -> Self {
        Self {
            source: source.to_owned(),
            entity: entity.to_owned(),
            mode,
            resume: false,
            ids: Vec::new(),
        }
    }

    /// A request to read one object again.
    pub fn refetch(source: &str, entity: &str, id: String) -> Self {
        Self { ids: vec![id], ..Self::new(source, entity, Mode::Refetch) }
    }

    /// The same request, which goes on with what is under way or requested, and begins nothing
    /// else.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self { resume: true, ..self }
    }
}
