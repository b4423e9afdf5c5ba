//! What `fetch` is asked for: the same JSON from an EventBridge rule and from the queue `fetch-requests`.

use serde::{Deserialize, Serialize};

/// How to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All there is, as it is now: repairs whatever was missed.
    Full,
    /// What has changed since the last time.
    Incremental,
    /// The objects named, as they are now.
    Object,
    /// Nothing: sees to it that the vendor pushes what changes.
    Watch,
    /// What the full lists come to by day, against what we have; what differs is mended.
    Reconcile,
}

impl Mode {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Object => "object",
            Self::Watch => "watch",
            Self::Reconcile => "reconcile",
        }
    }

    /// The mode of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Full, Self::Incremental, Self::Object, Self::Watch, Self::Reconcile]
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
    /// What to fetch there.
    pub entity: String,
    /// How.
    pub mode: Mode,
    /// Only goes on with a run that is under way or owed. Set by the system's own messages: one that comes
    /// twice, or late, must not begin another full run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// The objects, for [`Mode::Object`].
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

    /// A request to read one object as it is now.
    pub fn look(source: &str, entity: &str, id: String) -> Self {
        Self { ids: vec![id], ..Self::new(source, entity, Mode::Object) }
    }

    /// The same, to go on with what is under way or owed, and begin nothing else.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self { resume: true, ..self }
    }
}
