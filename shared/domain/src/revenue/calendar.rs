//! The instants at which each local day of a range begins and ends.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use super::dates::{DateRange, Zone, day_number};

const DAY: i64 = 86_400;
const FOUR_HOURS: i64 = 14_400;
const HOUR: i64 = 3_600;
/// Seconds of the finest bucket.
const QUARTER_HOUR: i64 = 900;

/// The pieces of time that make up the local days of a range, in order and without a gap.
///
/// A day nearly always has one piece. A day that the zone skipped has none (Samoa, 2011-12-30). A
/// day that the clock fell back into after midnight has two (St. John's, 2010-11-07, at 00:01), and
/// the stretch between them belongs to the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    range: DateRange,
    /// Seconds since the epoch: one more than there are pieces, or empty.
    cuts: Vec<i64>,
    /// The day of the range that each piece belongs to; `None` if it lies outside the range.
    owners: Vec<Option<usize>>,
    /// The times of the UTC day at which local days begin in the range and a day around it, in
    /// seconds.
    marks: Vec<i64>,
}

/// Cells into which sums of deltas are grouped: each lies within one piece of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells {
    /// The length in minutes of the steps that begin at either mark.
    pub step_minutes: i64,
    /// A mark, on any day. A cell begins at each step from it.
    pub one: DateTime,
    /// Another mark, at which cells begin too. It is the same if there is only one.
    pub other: DateTime,
}

/// A part of the stretch between a cut and its nearest UTC midnight: by four hours, which are at
/// most 3, or the hours or quarter hours that are left, at most 3 of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The cut's index in [`Calendar::cuts`].
    pub index: usize,
    /// The name of the grain whose buckets make up the part.
    pub grain: &'static str,
    /// Its beginning, as UTC wall clock.
    pub low: DateTime,
    /// Its end, as UTC wall clock.
    pub high: DateTime,
}

impl Calendar {
    /// Creates the pieces of every local day in the range.
    #[must_use]
    pub fn new(zone: &Zone, range: DateRange) -> Self {
        let (first, last) = (day_number(range.first()), day_number(range.last()));
        let mut pieces = pieces(zone.rules(), (first - 2) * DAY, (last + 3) * DAY);
        let wanted = |piece: &Piece| (first..=last).contains(&piece.day);
        let near = |piece: &&Piece| (first - 1..=last + 1).contains(&piece.day);
        let ends = pieces.iter().filter(near).flat_map(|piece| [piece.from, piece.to]);
        let marks = ends.map(|end| end.rem_euclid(DAY)).collect::<BTreeSet<_>>();
        let marks = Vec::from_iter(marks);
        let Some(head) = pieces.iter().position(wanted) else {
            return Self { range, cuts: Vec::new(), owners: Vec::new(), marks };
        };
        let tail = pieces.iter().rposition(wanted).unwrap_or(head);
        pieces.truncate(tail + 1);
        pieces.drain(..head);
        let owners = pieces
            .iter()
            .map(|p| if wanted(p) { usize::try_from(p.day - first).ok() } else { None });
        let cuts = pieces.iter().map(|p| p.from).chain(pieces.last().map(|p| p.to));
        Self { range, owners: owners.collect(), cuts: cuts.collect(), marks }
    }

    /// Returns the requested range of days.
    #[must_use]
    pub fn range(&self) -> DateRange {
        self.range
    }

    /// Returns whether no instant lies in the range, because the zone skipped all its days.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Returns whether sums of UTC quarter hours can answer. They cannot for local mean times, such
    /// as those before 1883 in New York, nor for St. John's clock changes at one minute past
    /// midnight.
    #[must_use]
    pub fn is_quarter_aligned(&self) -> bool {
        self.cuts.iter().all(|cut| cut.rem_euclid(QUARTER_HOUR) == 0)
    }

    /// Returns the instants between the pieces, with the first and the last.
    #[must_use]
    pub fn cuts(&self) -> Vec<Timestamp> {
        self.cuts.iter().map(|cut| instant(*cut)).collect()
    }

    /// Returns the same instants as UTC wall clock.
    #[must_use]
    pub fn bounds(&self) -> Vec<DateTime> {
        self.cuts.iter().map(|cut| utc(*cut)).collect()
    }

    /// Returns the cells of the calendar: days from one or two marks. A range in which local days
    /// begin at more of them, such as over a change of a zone's rules, has quarter hours.
    #[must_use]
    pub fn cells(&self) -> Cells {
        let (step, one, other) = match *self.marks.as_slice() {
            [mark] => (DAY, mark, mark),
            [one, other] => (DAY, one, other),
            _ => (QUARTER_HOUR, 0, 0),
        };
        Cells { step_minutes: step / 60, one: utc(one), other: utc(other) }
    }

    /// Returns a mark if all local days begin at the same time of the UTC day.
    #[must_use]
    pub fn only_mark(&self) -> Option<DateTime> {
        let cells = self.cells();
        (cells.step_minutes == DAY / 60 && cells.one == cells.other).then_some(cells.one)
    }

    /// Returns the UTC midnights nearest to the first and the last cut. Whole days are read between
    /// them.
    #[must_use]
    pub fn midnights(&self) -> Option<(DateTime, DateTime)> {
        Some((
            utc(nearest_midnight(*self.cuts.first()?)),
            utc(nearest_midnight(*self.cuts.last()?)),
        ))
    }

    /// Returns the stretches between cuts and their nearest midnights, in few buckets each.
    #[must_use]
    pub fn edges(&self) -> Vec<Edge> {
        self.cuts.iter().enumerate().flat_map(|(index, cut)| edges_of(index, *cut)).collect()
    }

    /// Returns the day of the range that owns a piece.
    pub(super) fn owner(&self, piece: usize) -> Option<usize> {
        self.owners.get(piece).copied().flatten()
    }

    /// Returns the piece between whose nearest midnights a UTC day lies.
    pub(super) fn piece_of_utc_day(&self, day: Date) -> Option<usize> {
        let start = day_number(day) * DAY;
        let after = self.cuts.partition_point(|cut| nearest_midnight(*cut) <= start);
        after.checked_sub(1)
    }

    /// Returns whether a cut lies after its nearest midnight.
    pub(super) fn is_after_midnight(&self, cut: usize) -> bool {
        self.cuts.get(cut).is_some_and(|cut| *cut > nearest_midnight(*cut))
    }
}

struct Piece {
    /// Days since 1970-01-01, local.
    day: i64,
    from: i64,
    to: i64,
}

/// Cuts the time between two instants wherever the local date changes. Between two changes of the
/// offset that is plain arithmetic, so gaps, folds and skipped days need no case of their own.
fn pieces(rules: &TimeZone, from: i64, to: i64) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut start = from;
    let mut offset = rules.to_offset(instant(from));
    let changes = rules.following(instant(from)).map(|t| (t.timestamp().as_second(), t.offset()));
    for (end, next) in changes.take_while(|(at, _)| *at < to).chain([(to, Offset::UTC)]) {
        let shift = i64::from(offset.seconds());
        while start < end {
            let day = (start + shift).div_euclid(DAY);
            let stop = end.min((day + 1) * DAY - shift);
            match pieces.last_mut() {
                Some(last) if last.day == day => last.to = stop,
                _ => pieces.push(Piece { day, from: start, to: stop }),
            }
            start = stop;
        }
        offset = next;
    }
    pieces
}

/// The parts of the stretch between a cut and its nearest midnight that are not empty.
fn edges_of(index: usize, cut: i64) -> impl Iterator<Item = Edge> {
    let midnight = nearest_midnight(cut);
    // Of the full hours beside the cut, the one towards midnight.
    let hour = if cut > midnight { cut } else { cut + HOUR - 1 }.div_euclid(HOUR) * HOUR;
    // Four hours divide a day, so they are counted from midnight in both directions.
    let four = midnight + (hour - midnight) / FOUR_HOURS * FOUR_HOURS;
    let edge = move |(grain, one, other): (_, i64, i64)| {
        let (low, high) = (utc(one.min(other)), utc(one.max(other)));
        (one != other).then_some(Edge { index, grain, low, high })
    };
    [("four_hours", midnight, four), ("hour", four, hour), ("quarter_hour", hour, cut)]
        .into_iter()
        .filter_map(edge)
}

fn nearest_midnight(cut: i64) -> i64 {
    (cut + DAY / 2).div_euclid(DAY) * DAY
}

/// Never out of range: dates are limited to the years 1 to 9998, and jiff's run from -9999 to 9999.
fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn utc(second: i64) -> DateTime {
    Offset::UTC.to_datetime(instant(second))
}
