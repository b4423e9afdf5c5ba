//! Reads rows that our own clients pushed, as a source reads its vendor's.

use super::{CONFLICTING_EVENT, ConflictingEvent, Event, Fault, Lead};
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
    let text = std::str::from_utf8(row.payload);
    let text = text.map_err(|e| {
        Reason::new(ReasonKind::Malformed, format!("not UTF-8 at byte {}", e.valid_up_to()))
    })?;
    let event = Event::read(text, "#").map_err(|faults| {
        let said: Vec<_> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
        // A fault's pointer is a fragment, such as `#/userId`.
        let field = |fault: &Fault| fault.pointer.strip_prefix('#').map(str::to_owned);
        let reason = Reason::new(ReasonKind::Invalid, said.join("; "));
        Reason { field: faults.first().and_then(field).filter(|field| !field.is_empty()), ..reason }
    })?;
    if row.entity == CONFLICTING_EVENT {
        let conflicting_events = row.facts([ConflictingEvent(event)]);
        return Ok(Facts { conflicting_events, ..Facts::default() });
    }
    Ok(Facts { events: row.facts([event]), ..Facts::default() })
}
