//! Leads: any bytes at all, with the columns that are read out of them, if any.

use uuid::Uuid;

use super::Body;
use crate::disposition::{Reason, ReasonKind};
use crate::record::RowView;

mod contact;
mod details;
mod names;
mod spellings;
mod values;
mod walk;

pub use contact::Contact;
pub use details::Details;
use walk::Fields;

/// All that is read out of a lead's body: whom to call, and the columns of a CRM beside that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadColumns {
    pub contact: Contact,
    pub details: Details,
}

impl LeadColumns {
    /// Reads a body that is a JSON object or a form of any kind; `None` if it is neither.
    #[must_use]
    pub fn read(body: Body<'_>) -> Option<Self> {
        let fields = Fields::of(&body.fields()?)?;
        Some(Self { contact: Contact::among(&fields), details: Details::among(&fields) })
    }
}

/// The state that a lead got as it arrived. Its body is kept in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadState {
    /// It is a lead.
    Accepted,
    /// Its Idempotency-Key had come with another body before. That other one is the lead.
    Conflicting,
    /// It came to `/api/lead` and cannot be read.
    Rejected,
}

impl LeadState {
    const ALL: [Self; 3] = [Self::Accepted, Self::Conflicting, Self::Rejected];

    /// Returns the word in `leads.state`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Conflicting => "conflicting",
            Self::Rejected => "rejected",
        }
    }

    /// Returns the word in `outbox.entity`.
    #[must_use]
    pub fn entity(self) -> &'static str {
        match self {
            Self::Accepted => "lead",
            Self::Conflicting => "conflicting_lead",
            Self::Rejected => "rejected_lead",
        }
    }
}

/// A lead as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The lead's id; for a conflicting one the id of its row.
    pub id: Uuid,
    pub state: LeadState,
    /// The lead that its key belongs to.
    pub conflicts_with: Option<Uuid>,
    pub columns: LeadColumns,
}

impl Lead {
    /// Reads a row. Its body may be anything, so a row of a known entity is always a lead.
    pub(super) fn of(row: RowView<'_>) -> Result<Self, Reason> {
        let strange =
            |what: &str| Reason::new(ReasonKind::Invalid, format!("{what} is none of a lead"));
        let state = LeadState::ALL.into_iter().find(|state| state.entity() == row.entity);
        let state = state.ok_or_else(|| strange("the entity"))?;
        let id = Uuid::try_parse(row.external_id).map_err(|_| strange("the external id"))?;
        let (id, conflicts_with) = match state {
            LeadState::Conflicting => (row.id.0, Some(id)),
            LeadState::Accepted | LeadState::Rejected => (id, None),
        };
        Ok(Self {
            id,
            state,
            conflicts_with,
            columns: LeadColumns::read(Body { bytes: row.payload, media: row.media })
                .unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
