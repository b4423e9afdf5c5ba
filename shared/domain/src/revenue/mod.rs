//! Revenue by local day, week and range, in any IANA zone, from sums that are kept in UTC.
//!
//! A range of local days is a [`Calendar`]: the instants at which one local day gives way to the
//! next. The database's sums between those instants are added to a [`Ledger`]. Every number that a
//! caller sees comes from the [`Revenue`] that it yields: summary, days and weeks are the same
//! rows, added up.

mod calendar;
mod dates;
mod ledger;
mod sums;

pub use calendar::{Calendar, Cells, Edge};
pub use dates::{DateRange, InvalidDate, InvalidRange, UnknownZone, Zone, parse_date};
pub use ledger::{Ledger, Period, Revenue};
pub use sums::{ByCurrency, Sums};

#[cfg(test)]
mod tests;
