//! The next step of a transaction.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::outgoing::Reply;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::third_party::Verdict;
use penstock_domain::transaction::{Event, Message, Step};
use penstock_store::StoreError;
use penstock_store::transactions::{self, Applied, Cause, Happening, Next, Stored};
use uuid::Uuid;

use crate::calls::Admitted;
use crate::{HELD, Ports};

/// The reason of a transaction that is given up, if the third party has said nothing.
const SILENT: &str = "the third party has not decided in time";

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Takes the next step of a transaction, if one is due.
    pub(crate) async fn step(&self, id: Uuid) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let claiming = async {
            let connection = self.database.connection().await?;
            transactions::claim(&**connection, id, now + HELD, now).await
        };
        let Some(row) = self.database.in_time(claiming).await? else { return Ok(None) };
        let step = row.fate.step(now, &self.settings.profile);
        if step == Step::GiveUp {
            return self.give_up(row, now).await;
        }
        let known = match self.admit(now).await? {
            Admitted::Now { known } => known,
            Admitted::At(at) => return self.put_off(row, at, now).await,
        };
        match step {
            Step::Submit => self.submit(row, known).await,
            Step::Ask => self.ask(row, known).await,
            Step::GiveUp | Step::Rest => Ok(None),
        }
    }

    /// Commits that a submission begins, sends it, and keeps the reply.
    async fn submit(&self, row: Stored, known: u32) -> Result<Option<Timestamp>, StoreError> {
        let begun_at = self.clock.now();
        let begins =
            Happening { polls: Some(0), ..Happening::new(Event::Begun, Cause::Submission) };
        // Somebody was faster, and has left nothing to submit.
        let Applied::Moved(row, notification) = self.apply(row, &begins, begun_at).await? else {
            return Ok(None);
        };
        self.tell_soon(notification).await;
        let attempt = row.fate.attempt;
        let reply = self.party.submit(&row.id, &row.body, begun_at).await;
        let (event, outcome) = match reply.verdict {
            _ if reply.is_unsent => (Some(Event::Unsent { attempt }), "not_sent"),
            Verdict::Said(standing) => (Some(Event::Said(standing)), standing.as_str()),
            Verdict::Refused => (Some(Event::Refused { attempt }), "refused"),
            _ => (None, "unclear"),
        };
        // The pause after one that was not sent grows with the submissions that were begun.
        let polls = if reply.is_unsent { attempt.saturating_add(4) } else { 0 };
        let ends = Some((attempt, outcome));
        let kept = Kept { event, ends, polls, cause: Cause::Submission };
        let next = self.keep(row, &reply, kept).await;
        self.learn(&reply, known).await;
        next
    }

    /// Asks the third party, and keeps the reply.
    async fn ask(&self, row: Stored, known: u32) -> Result<Option<Timestamp>, StoreError> {
        let asked = self.clock.now();
        let reply = self.party.ask(&row.id).await;
        let event = match reply.verdict {
            Verdict::Said(standing) => Some(Event::Said(standing)),
            Verdict::NotFound => Some(Event::NotFound { asked }),
            _ => None,
        };
        let polls = row.polls.saturating_add(1);
        let kept = Kept { event, ends: None, polls, cause: Cause::Question };
        let next = self.keep(row, &reply, kept).await;
        self.learn(&reply, known).await;
        next
    }

    /// Keeps what a reply says, and when the next step is due.
    async fn keep(
        &self,
        row: Stored,
        reply: &Reply,
        kept: Kept,
    ) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let pause = reply.pause.unwrap_or_default();
        let due = Next::Due { polls: kept.polls, random: fastrand::u32(..), pause };
        let is_word = matches!(reply.verdict, Verdict::Said(_) | Verdict::NotFound);
        let happening = Happening {
            event: kept.event,
            cause: kept.cause,
            reason: (!is_word).then_some(reply.words.as_str()),
            ends: kept.ends,
            polls: kept.ends.is_none().then_some(kept.polls),
            next: due,
        };
        let applied = self.apply(row, &happening, now).await?;
        self.next_of(applied).await
    }

    /// Gives a transaction up whose time is over.
    async fn give_up(&self, row: Stored, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let reason = row.reason.clone().unwrap_or_else(|| SILENT.to_owned());
        let gives_up = Happening::new(Event::GivenUp, Cause::Time);
        let applied =
            self.apply(row, &Happening { reason: Some(&reason), ..gives_up }, now).await?;
        self.next_of(applied).await
    }

    /// Puts a step off, without counting it.
    async fn put_off(
        &self,
        row: Stored,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let at = at.min(row.fate.deadline);
        let later = Happening { next: Next::At(at), ..Happening::none(Cause::Time) };
        let applied = self.apply(row, &later, now).await?;
        self.next_of(applied).await
    }

    async fn apply(
        &self,
        row: Stored,
        happening: &Happening<'_>,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let (id, before) = (row.id, row.fate.state);
        let applying = async {
            let connection = self.database.connection().await?;
            transactions::apply(&**connection, &self.settings, row, happening, now).await
        };
        let applied = self.database.in_time(applying).await?;
        let cause = happening.cause.as_str();
        match &applied {
            Applied::Moved(row, _) if row.fate.state != before => {
                let status = row.fate.state.as_str();
                let attempt = row.fate.attempt;
                tracing::info!(event = "transaction_moved", transaction_id = %id, status, cause, attempt);
            }
            Applied::Contradicted(row) => {
                let (status, said) = (row.fate.state.as_str(), said(happening));
                tracing::error!(event = "transaction_contradicted", transaction_id = %id, status, said, cause);
            }
            _ => {}
        }
        Ok(applied)
    }

    /// Returns when the next step is due of a transaction as it was left, and has its client told.
    async fn next_of(&self, applied: Applied) -> Result<Option<Timestamp>, StoreError> {
        let (row, notification) = match applied {
            Applied::Moved(row, notification) => (row, notification),
            Applied::Unchanged(row) | Applied::Contradicted(row) => (row, None),
            Applied::Gone => return Ok(None),
        };
        self.tell_soon(notification).await;
        Ok(row.next_action_at)
    }

    async fn tell_soon(&self, notification: Option<Uuid>) {
        if let Some(id) = notification {
            self.send(Message::Notification(id), Duration::ZERO).await;
        }
    }
}

/// The sense of a reply.
struct Kept {
    event: Option<Event>,
    ends: Option<(u32, &'static str)>,
    polls: u32,
    cause: Cause,
}

fn said(happening: &Happening<'_>) -> Option<&'static str> {
    match happening.event {
        Some(Event::Said(standing)) => Some(standing.as_str()),
        _ => None,
    }
}
