//! The question about revenue that the address of a page asks.

use jiff::ToSpan as _;
use jiff::civil::Date;
use penstock_domain::money::Currency;
use penstock_domain::revenue::{
    ByCurrency, Calendar, DateRange, InvalidRange, Period, Revenue, Zone,
};
use penstock_edge::http::{Call, Problem};
use penstock_store::revenue::RevenueQuery;

use crate::config::ConsoleConfig;
use crate::query::{self, Asked};
use crate::visitor::Visitor;

/// The length of a row's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Day,
    Week,
    Month,
}

impl By {
    pub(super) const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The name of the column with its first day.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Day => "date",
            Self::Week => "week_start_date",
            Self::Month => "month_start_date",
        }
    }

    /// Days of the range if the reader names none.
    const fn days(self) -> i64 {
        match self {
            Self::Day => 30,
            Self::Week => 7 * 12,
            Self::Month => 365,
        }
    }

    /// The first and the last day of a row within the range.
    pub(super) fn days_of(self, first: Date, range: DateRange) -> (Date, Date) {
        let last = match self {
            Self::Day => first,
            Self::Week => first.saturating_add(6.days()),
            Self::Month => first.last_of_month(),
        };
        (first.max(range.first()), last.min(range.last()))
    }
}

/// The revenue that a page shows.
#[derive(Debug)]
pub(crate) struct Question {
    pub(super) by: By,
    pub(super) zone: Zone,
    pub(super) calendar: Calendar,
    pub(super) asked: Asked,
    pub(super) currency: String,
}

impl Question {
    /// Takes the question from a call. Without `timezone` the days are those of the reader's zone;
    /// without `endDate` the range ends today.
    ///
    /// # Errors
    /// 400 with everything that is wrong.
    pub(super) fn take(
        call: &mut Call<'_, Visitor>,
        config: &ConsoleConfig,
    ) -> Result<Self, Problem> {
        let (query, now) = (&mut call.query, call.now);
        let by = query::choice(query, "by", &By::ALL.map(By::word));
        let by = By::ALL.into_iter().find(|it| Some(it.word()) == by.as_deref());
        let by = by.unwrap_or(By::Day);
        let zone = query.take_as("timezone", |name| match name {
            "" => Ok(None),
            name => Zone::parse(&name.replace(' ', "+")).map(Some).map_err(|e| e.to_string()),
        });
        let zone = zone.flatten().unwrap_or_else(|| call.caller.zone.clone());
        let start = query::date(query, "startDate");
        let end = query::date(query, "endDate");
        let asked = Asked::take(query);
        let currency = query.take_as("currency", |text| match text.trim() {
            "" => Ok(None),
            text => Currency::code(text)
                .map(Some)
                .ok_or_else(|| "must be an ISO 4217 code, such as EUR".to_owned()),
        });
        let last = end.unwrap_or_else(|| zone.date_at(now));
        let first = start.unwrap_or_else(|| last.saturating_sub((by.days() - 1).days()));
        let range = DateRange::new(first, last);
        if let Err(error) = range {
            query.reject("startDate", &error.to_string());
        }
        std::mem::take(query).finish_knowing()?;
        // Rejected above: the reader reads that, and never this.
        let range = range.map_err(|_: InvalidRange| Problem::internal())?;
        Ok(Self {
            by,
            calendar: Calendar::new(&zone, range),
            zone,
            asked,
            currency: currency.flatten().unwrap_or_else(|| config.base_currency.clone()),
        })
    }

    /// The first and the last day.
    pub(super) fn range(&self) -> DateRange {
        self.calendar.range()
    }

    /// The days in UTC that the range touches.
    pub(super) fn utc_days(&self) -> (Date, Date) {
        let range = self.range();
        (range.first().saturating_sub(1.day()), range.last().saturating_add(1.day()))
    }

    /// The question to the database.
    pub(super) fn query<'a>(&'a self, config: &'a ConsoleConfig) -> RevenueQuery<'a> {
        RevenueQuery {
            zone: &self.zone,
            calendar: &self.calendar,
            chosen: self.asked.chosen(),
            business_zone: config.business_zone.name(),
        }
    }

    /// The days, weeks or months of an answer.
    pub(super) fn periods(&self, revenue: &Revenue) -> Vec<Period> {
        match self.by {
            By::Day => revenue.daily().to_vec(),
            By::Week => revenue.weekly(),
            By::Month => months(revenue.daily()),
        }
    }
}

/// The months of days that follow one another.
fn months(days: &[Period]) -> Vec<Period> {
    let of_one = days.chunk_by(|a, b| a.date.first_of_month() == b.date.first_of_month());
    let month = |days: &[Period]| {
        let mut sums = ByCurrency::new();
        for (currency, of_day) in days.iter().flat_map(|day| &day.sums) {
            let of_month = sums.entry(currency.clone()).or_default();
            of_month.collected += of_day.collected;
            of_month.refunded += of_day.refunded;
            of_month.disputed += of_day.disputed;
            of_month.count += of_day.count;
        }
        let date = days.first().map(|day| day.date.first_of_month());
        date.map(|date| Period { date, sums })
    };
    of_one.filter_map(month).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use penstock_domain::revenue::Sums;

    use super::*;

    #[test]
    fn a_month_is_the_sum_of_its_days_in_each_currency() {
        let day = |date: Date, currency: &str, collected| Period {
            date,
            sums: [(currency.to_owned(), Sums { collected, refunded: 1, disputed: 2, count: 1 })]
                .into(),
        };
        let days = [
            day(date(2026, 4, 30), "EUR", 5),
            day(date(2026, 5, 1), "EUR", 10),
            day(date(2026, 5, 2), "USD", 7),
            day(date(2026, 5, 31), "EUR", 100),
        ];
        let months = months(&days);
        let dates: Vec<Date> = months.iter().map(|month| month.date).collect();
        assert_eq!(dates, [date(2026, 4, 1), date(2026, 5, 1)]);
        let may = months[1].in_currency("EUR");
        assert_eq!((may.collected, may.refunded, may.disputed, may.count), (110, 2, 4, 2));
        assert_eq!(months[1].in_currency("USD").collected, 7);
    }

    #[test]
    fn a_row_has_its_days_and_none_outside_of_the_range() {
        let range = DateRange::new(date(2026, 5, 6), date(2026, 6, 10)).unwrap();
        assert_eq!(
            By::Week.days_of(date(2026, 5, 4), range),
            (date(2026, 5, 6), date(2026, 5, 10))
        );
        assert_eq!(
            By::Month.days_of(date(2026, 6, 1), range),
            (date(2026, 6, 1), date(2026, 6, 10))
        );
        assert_eq!(By::Day.days_of(date(2026, 5, 7), range), (date(2026, 5, 7), date(2026, 5, 7)));
    }
}
