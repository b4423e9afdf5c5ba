//! Work on many rows that somebody asked for: a replay, a remap, or the erasure of a person.

/// The kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Rows and messages that failed are tried again.
    Replay,
    /// Versions that stand are read again by the normalizers as they are now.
    Remap,
    /// Everything of a person is erased.
    Erase,
}

impl JobKind {
    /// Returns the word in `jobs.kind`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Remap => "remap",
            Self::Erase => "erase",
        }
    }

    /// Reads the word in `jobs.kind`; `None` if this release does not know it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Replay, Self::Remap, Self::Erase].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Rows are still looked for that will be its items. Only an erasure takes so long.
    Searching,
    /// Its items are chosen, and nobody has started it.
    Planned,
    /// `relay` works it.
    Running,
    /// Nothing is begun until it is resumed.
    Paused,
    /// It was stopped before its end. Items that were not begun stay as they are.
    Stopped,
    /// Nothing is left to do.
    Completed,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Searching,
        Self::Planned,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Completed,
    ];

    /// Returns the word in `jobs.state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Searching => "searching",
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
        }
    }
}
