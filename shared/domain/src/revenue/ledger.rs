//! Turns sums between instants into revenue by day, week and range.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};

use super::calendar::Calendar;
use super::sums::{ByCurrency, Sums};

/// Assigns the database's sums to the local days that they belong to.
///
/// Let F(t) be the sum of everything before t. A piece from a to b is F(b) - F(a). F(cut) is F of
/// its nearest midnight, plus or minus the sum between the two.
#[derive(Debug)]
pub struct Ledger<'a> {
    calendar: &'a Calendar,
    days: Vec<ByCurrency>,
}

/// Revenue of a range of local days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revenue {
    days: Vec<Period>,
}

/// Revenue of one day, week or range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The day itself, the Monday of the week, or the first day of the range.
    pub date: Date,
    /// The sums by currency. A currency without payments may be absent.
    pub sums: ByCurrency,
}

impl<'a> Ledger<'a> {
    /// Creates an empty ledger of the calendar's days.
    #[must_use]
    pub fn new(calendar: &'a Calendar) -> Self {
        let days = calendar.range().days().map(|_| ByCurrency::new()).collect();
        Self { calendar, days }
    }

    /// Adds the sums of a whole UTC day.
    pub fn add_utc_day(&mut self, day: Date, currency: &str, sums: Sums) {
        if let Some(piece) = self.calendar.piece_of_utc_day(day) {
            self.add_piece(piece, currency, sums);
        }
    }

    /// Adds the sums between a cut and its nearest midnight, by the cut's index in
    /// [`Calendar::edges`].
    pub fn add_edge(&mut self, cut: usize, currency: &str, sums: Sums) {
        let (mut before, mut after) = (sums, Sums::default());
        after -= sums;
        if !self.calendar.is_after_midnight(cut) {
            std::mem::swap(&mut before, &mut after);
        }
        if let Some(piece) = cut.checked_sub(1) {
            self.add_piece(piece, currency, before);
        }
        self.add_piece(cut, currency, after);
    }

    /// Adds sums between two neighbouring cuts, by the first one's index.
    pub fn add_piece(&mut self, piece: usize, currency: &str, sums: Sums) {
        if let Some(day) = self.calendar.owner(piece) {
            self.add_day(day, currency, sums);
        }
    }

    /// Adds sums of a local day, counted from the first of the range.
    pub fn add_day(&mut self, day: usize, currency: &str, sums: Sums) {
        if let Some(by_currency) = self.days.get_mut(day) {
            add(by_currency, currency, sums);
        }
    }

    /// Returns the revenue of the range.
    #[must_use]
    pub fn into_revenue(self) -> Revenue {
        let days = self.calendar.range().days().zip(self.days);
        Revenue { days: days.map(|(date, sums)| Period { date, sums }).collect() }
    }
}

impl Revenue {
    /// Returns every day of the range in order, with those that have no payments.
    #[must_use]
    pub fn daily(&self) -> &[Period] {
        &self.days
    }

    /// Returns every week of the range in order, named by its Monday. In the first and the last
    /// week only the requested days count.
    #[must_use]
    pub fn weekly(&self) -> Vec<Period> {
        let mut weeks: BTreeMap<Date, ByCurrency> = BTreeMap::new();
        for day in &self.days {
            let week = weeks.entry(monday_of(day.date)).or_default();
            day.sums.iter().for_each(|(currency, sums)| add(week, currency, *sums));
        }
        weeks.into_iter().map(|(date, sums)| Period { date, sums }).collect()
    }

    /// Returns the sums of the whole range by currency, without currencies that have no payments.
    #[must_use]
    pub fn totals(&self) -> ByCurrency {
        let mut totals = ByCurrency::new();
        for (currency, sums) in self.days.iter().flat_map(|day| &day.sums) {
            add(&mut totals, currency, *sums);
        }
        let moved = |currency: &String| {
            self.days.iter().any(|d| d.sums.get(currency).is_some_and(|s| !s.is_zero()))
        };
        totals.retain(|currency, _| moved(currency));
        totals
    }
}

impl Period {
    /// Returns the sums in one currency.
    #[must_use]
    pub fn in_currency(&self, currency: &str) -> Sums {
        self.sums.get(currency).copied().unwrap_or_default()
    }
}

/// Every date has a Monday: dates are in the years 1 to 9998, and 0001-01-01 is a Monday.
fn monday_of(date: Date) -> Date {
    if date.weekday() == Weekday::Monday {
        date
    } else {
        date.nth_weekday(-1, Weekday::Monday).unwrap_or(date)
    }
}

fn add(by_currency: &mut ByCurrency, currency: &str, sums: Sums) {
    match by_currency.get_mut(currency) {
        Some(known) => *known += sums,
        None => {
            by_currency.insert(currency.to_owned(), sums);
        }
    }
}
