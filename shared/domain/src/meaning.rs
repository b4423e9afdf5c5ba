//! What a vendor's row means for the tables people read.

use crate::calendar_event::CalendarEvent;
use crate::contact::Contact;
use crate::payment::Payment;

/// What a row of a source comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Movements of money; none where the row tells of something else.
    Payments(Vec<Payment>),
    /// People. Several where the row says what has become of others too: those merged into this one.
    Contacts(Vec<Contact>),
    /// Entries of a calendar.
    CalendarEvents(Vec<CalendarEvent>),
    /// Something that is not modelled: processed, and kept in the outbox only.
    Nothing,
}
