//! Reads rows that our own clients pushed, as a source reads its vendor's.

use super::{CONFLICTING_EVENT, ConflictingEvent, Event, Lead};
use crate::disposition::{Reason, ReasonKind};
use crate::facts::Facts;
use crate::record::RowView;

/// Reads a row of [`super::LEADS`].
///
/// # Errors
/// The reason for its dead letter, if entity or id are not a lead's.
pub fn lead(row: RowView<'_>) -> Result<Facts<'_>, Reason> {
    Ok(Facts { leads: row.facts([Lead::of(row)?]), ..Facts::default() })
}

/// Reads a row of [`super::EVENTS`]. The event's id is the row's external id: its sender's, or
/// ours.
///
/// # Errors
/// The reason for its dead letter, which names the place and repeats no value.
pub fn event(row: RowView<'_>) -> Result<Facts<'_>, Reason> {
    if row.entity == CONFLICTING_EVENT {
        let conflicting_events = row.facts([ConflictingEvent]);
        return Ok(Facts { conflicting_events, ..Facts::default() });
    }
    let text = std::str::from_utf8(row.payload);
    let text = text.map_err(|e| {
        Reason::new(ReasonKind::Malformed, format!("not UTF-8 at byte {}", e.valid_up_to()))
    })?;
    let event = Event::read(text, "#").map_err(|faults| {
        let faults: Vec<_> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
        Reason::new(ReasonKind::Invalid, faults.join("; "))
    })?;
    Ok(Facts { events: row.facts([event]), ..Facts::default() })
}
