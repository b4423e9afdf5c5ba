//! Requests to `fetch`: the same JSON from an EventBridge rule and from the queues
//! `fetch-requests` and `quick-requests`.

use serde::{Deserialize, Serialize};

/// Work that goes on by messages to the function that sends them stops after this many in a row
/// that brought nothing. Lambda stops a function that it takes for a loop after as many (trap 66).
pub const MAX_IDLE_HOPS: u32 = 16;

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
    /// The messages in a row, up to this one, that went on with the work and brought nothing. It is
    /// left out where it is 0, because messages of an older release have no such field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub idle_hops: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
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
            idle_hops: 0,
        }
    }

    /// Reads the request that a message carries: as it was sent to a queue, or in an event of a
    /// rule that Lambda gave up. `None` if it carries none.
    #[must_use]
    pub fn of_message(body: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct GivenUp {
            request_payload: FetchRequest,
        }
        let given_up = || serde_json::from_str(body).map(|it: GivenUp| it.request_payload);
        serde_json::from_str(body).or_else(|_| given_up()).ok()
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

    /// Returns the request that goes on with this work by another message.
    ///
    /// `None` if [`MAX_IDLE_HOPS`] messages in a row have brought nothing. Then the work rests, and
    /// `relay` or a rule asks for it again.
    #[must_use]
    pub fn next_hop(&self, progressed: bool) -> Option<Self> {
        let idle_hops = if progressed { 0 } else { self.idle_hops.saturating_add(1) };
        let next = Self { idle_hops, ids: Vec::new(), ..self.clone().resuming() };
        (idle_hops <= MAX_IDLE_HOPS).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_66_only_messages_in_a_row_that_bring_nothing_end_the_work() {
        let first = FetchRequest::new("stripe", "charge", Mode::Full);
        let mut request = first.clone();
        for hop in 1..=MAX_IDLE_HOPS {
            request = request.next_hop(false).unwrap();
            assert_eq!((request.idle_hops, request.resume), (hop, true));
        }
        assert_eq!(request.next_hop(false), None);
        assert_eq!(request.next_hop(true), Some(first.resuming()), "it counts anew");
    }

    #[test]
    fn a_message_of_an_older_release_is_read_and_one_that_brought_something_is_written_as_there() {
        let older = r#"{"source":"stripe","entity":"charge","mode":"full","resume":true}"#;
        let read: FetchRequest = serde_json::from_str(older).unwrap();
        assert_eq!(read.idle_hops, 0);
        assert_eq!(serde_json::to_string(&read).unwrap(), older);
        let idle = serde_json::to_string(&read.next_hop(false).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<FetchRequest>(&idle).unwrap().idle_hops, 1);
    }
}
