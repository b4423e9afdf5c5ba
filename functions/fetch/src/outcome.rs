//! How an invocation ends.

use jiff::Timestamp;
use penstock_domain::connection::State;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::RunId;
use serde::Serialize;

use crate::report::Report;

/// How an invocation ended. Its JSON is the reply to an invocation that is not by a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The run is drained.
    Finished {
        /// The run that ended.
        run: RunId,
        /// Rows whose version was not known before, in this invocation.
        new_rows: usize,
    },
    /// The time was up. A message goes on with the run.
    Continues {
        /// The run under way.
        run: RunId,
        /// Rows whose version was not known before, in this invocation.
        new_rows: usize,
    },
    /// The vendor gives no more for now, or messages in a row have not moved the run. `relay` asks
    /// for it again later.
    Stopped {
        /// The run under way.
        run: RunId,
        /// The reason.
        reason: String,
    },
    /// The cursor has expired. The run is over, and full runs are requested.
    StartsOver {
        /// The run that ended.
        run: RunId,
        /// The vendor's reason.
        reason: String,
    },
    /// There is no cursor to begin with. Full runs are requested or under way.
    LeftToFullRuns {
        /// Why there is no cursor.
        reason: String,
    },
    /// Both sides were compared, and what differed was mended.
    Reconciled(Report),
    /// All that was due was asked for.
    AskedFor {
        /// The messages that were sent, one for each entity of a connection.
        requests: usize,
    },
    /// Another invocation holds the lease.
    Busy,
    /// The vendor has refused the pull, which is tried again by itself.
    Paused {
        /// When it was first refused.
        since: Timestamp,
        /// When it is tried again.
        next_try_at: Timestamp,
    },
    /// The vendor of the connection does not answer, or makes it wait. Nothing is asked of it, and
    /// the pull is asked for again.
    Rests {
        /// When the next invocation finds out.
        until: Timestamp,
    },
    /// The vendor refused under a lease that is older than the newest request. Nothing is paused,
    /// and a message asks for the pull again.
    RefusalOutdated,
    /// The message came late: the run that it names is done.
    NothingToResume,
    /// A push channel is open for days to come.
    Watched {
        /// Whether this invocation opened it.
        opened: bool,
        /// How many other channels were closed.
        closed: usize,
        /// When the channel ends.
        expires_at: Timestamp,
    },
    /// The connection is paused or removed. A run under way waits until it is resumed.
    AtRest {
        /// `paused`, `removed`, `erasing` or `erased`.
        state: &'static str,
    },
    /// This deployment does not pull the source. The requested run waits until it does.
    NotConfigured,
    /// The objects named were read again. The word is `looked`, as in older releases.
    #[serde(rename = "looked")]
    Refetched {
        /// The number of objects.
        objects: usize,
    },
}

impl Outcome {
    /// Returns its word, as in its JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Finished { .. } => "finished",
            Self::Continues { .. } => "continues",
            Self::Stopped { .. } => "stopped",
            Self::StartsOver { .. } => "starts_over",
            Self::LeftToFullRuns { .. } => "left_to_full_runs",
            Self::Reconciled(_) => "reconciled",
            Self::AskedFor { .. } => "asked_for",
            Self::Busy => "busy",
            Self::Paused { .. } => "paused",
            Self::Rests { .. } => "rests",
            Self::RefusalOutdated => "refusal_outdated",
            Self::NothingToResume => "nothing_to_resume",
            Self::Watched { .. } => "watched",
            Self::AtRest { .. } => "at_rest",
            Self::NotConfigured => "not_configured",
            Self::Refetched { .. } => "looked",
        }
    }

    /// Returns the number of rows that this invocation has brought, if it was one of a run.
    pub(crate) fn new_rows(&self) -> Option<usize> {
        match self {
            Self::Finished { new_rows, .. } | Self::Continues { new_rows, .. } => Some(*new_rows),
            _ => None,
        }
    }

    /// Leaves a request for a connection that somebody has paused or removed.
    pub(crate) fn at_rest(request: &FetchRequest, state: State) -> Self {
        let (FetchRequest { source, entity, mode, .. }, state) = (request, state.as_str());
        tracing::info!(event = "at_rest", source, entity, mode = mode.as_str(), state);
        Self::AtRest { state }
    }
}
