//! The words of the audit log.

/// A change that is audited. The log spells it with a dot between its object and its verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A person has made their account by address and password.
    SignedUp,
    /// A session began.
    SignedIn,
    /// Its holder has ended a session.
    SignedOut,
    /// Sessions were ended that were not the caller's current one.
    SessionsEnded,
    /// A person has changed their own password.
    PasswordChanged,
    /// A person has set a new password by a link.
    PasswordReset,
    /// A person has changed their own name or picture.
    UserChanged,
    /// A person was invited to an account.
    UserInvited,
    /// An account was made for a person.
    UserMade,
    /// An account has another role.
    RoleChanged,
    /// An account was closed to sign-ins.
    UserDisabled,
    /// An account can be signed in to again.
    UserEnabled,
    /// A link was made that works once.
    LinkMade,
    /// An API key was made.
    KeyMade,
    /// An API key was revoked.
    KeyRevoked,
    /// A run was requested.
    RunRequested,
    /// A job was planned: a replay, a remap or an erasure.
    JobPlanned,
    /// A job was started.
    JobStarted,
    /// A job was paused.
    JobPaused,
    /// A paused job goes on.
    JobResumed,
    /// A job was stopped.
    JobStopped,
    /// The redacted parts of a payload were shown.
    PayloadRevealed,
    /// The status or the assignee of a lead was changed.
    LeadChanged,
    /// Leads were read as a file.
    LeadsExported,
    /// A transaction goes on.
    TransactionResumed,
    /// The client of a transaction is told again.
    TransactionNotified,
    /// A connection was made or changed.
    ConnectionChanged,
    /// The pulls of a connection were stopped.
    ConnectionPaused,
    /// The pulls of a connection go on.
    ConnectionResumed,
    /// A connection was removed.
    ConnectionRemoved,
}

impl Action {
    /// All actions, in the order in which a menu lists them.
    pub const ALL: [Self; 30] = [
        Self::SignedUp,
        Self::SignedIn,
        Self::SignedOut,
        Self::SessionsEnded,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::UserChanged,
        Self::UserInvited,
        Self::UserMade,
        Self::RoleChanged,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::LinkMade,
        Self::KeyMade,
        Self::KeyRevoked,
        Self::RunRequested,
        Self::JobPlanned,
        Self::JobStarted,
        Self::JobPaused,
        Self::JobResumed,
        Self::JobStopped,
        Self::PayloadRevealed,
        Self::LeadChanged,
        Self::LeadsExported,
        Self::TransactionResumed,
        Self::TransactionNotified,
        Self::ConnectionChanged,
        Self::ConnectionPaused,
        Self::ConnectionResumed,
        Self::ConnectionRemoved,
    ];

    /// The action as the `audit_log` table spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedUp => "account.signed_up",
            Self::SignedIn => "session.begun",
            Self::SignedOut => "session.ended",
            Self::SessionsEnded => "sessions.ended",
            Self::PasswordChanged => "password.changed",
            Self::PasswordReset => "password.reset",
            Self::UserChanged => "user.changed",
            Self::UserInvited => "user.invited",
            Self::UserMade => "user.made",
            Self::RoleChanged => "role.changed",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::LinkMade => "link.made",
            Self::KeyMade => "key.made",
            Self::KeyRevoked => "key.revoked",
            Self::RunRequested => "run.requested",
            Self::JobPlanned => "job.planned",
            Self::JobStarted => "job.started",
            Self::JobPaused => "job.paused",
            Self::JobResumed => "job.resumed",
            Self::JobStopped => "job.stopped",
            Self::PayloadRevealed => "payload.revealed",
            Self::LeadChanged => "lead.changed",
            Self::LeadsExported => "leads.exported",
            Self::TransactionResumed => "transaction.resumed",
            Self::TransactionNotified => "transaction.notified",
            Self::ConnectionChanged => "connection.changed",
            Self::ConnectionPaused => "connection.paused",
            Self::ConnectionResumed => "connection.resumed",
            Self::ConnectionRemoved => "connection.removed",
        }
    }

    /// The action that the `audit_log` table spells `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_action_has_words_of_its_own_with_one_dot() {
        let words: BTreeSet<&str> = Action::ALL.into_iter().map(Action::as_str).collect();
        assert_eq!(words.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
            let (object, verb) = action.as_str().split_once('.').unwrap();
            assert!(!object.is_empty() && !verb.is_empty() && !verb.contains('.'));
        }
        assert_eq!(Action::parse("key"), None);
    }
}
