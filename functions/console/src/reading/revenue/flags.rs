//! Whether the payments of a day are as the vendor has them.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use penstock_domain::revenue::Zone;
use penstock_store::console::reconciled::Look;

/// The result of the newest reconciliations for a day, a week or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// Every reconciliation has compared all of it, and found it equal.
    Reconciled,
    /// One has found a difference.
    Differs,
    /// One has not compared all of it.
    Unknown,
}

impl Flag {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Reconciled => "as the vendor has it",
            Self::Differs => "differs from the vendor",
            Self::Unknown => "not compared",
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Reconciled => "good",
            Self::Differs => "bad",
            Self::Unknown => "none",
        }
    }
}

/// The newest reconciliations, and the zone of the days that are asked about.
#[derive(Debug)]
pub(super) struct Flags<'a> {
    looks: &'a [Look],
    zone: &'a Zone,
}

impl<'a> Flags<'a> {
    pub(super) const fn of(looks: &'a [Look], zone: &'a Zone) -> Self {
        Self { looks, zone }
    }

    /// The flag of all days from the first to the last. Reconciliations compare days of UTC: a day
    /// of another zone is as good as all that it touches.
    pub(super) fn of_days(&self, (first, last): (Date, Date)) -> Flag {
        let midnight = |day: Date| self.zone.at(day.at(0, 0, 0, 0));
        let (begins, ends) = (midnight(first), midnight(last.saturating_add(1.day())));
        let utc = |at: Timestamp| Zone::utc().date_at(at);
        let days = utc(begins)..=utc(ends.saturating_sub(1.nanosecond()).unwrap_or(ends));
        let mut differing = self.looks.iter().flat_map(|look| &look.differing);
        if differing.any(|day| days.contains(day)) {
            return Flag::Differs;
        }
        let compared = |look: &Look| look.began >= ends;
        match !self.looks.is_empty() && self.looks.iter().all(compared) {
            true => Flag::Reconciled,
            false => Flag::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use uuid::Uuid;

    use super::*;

    fn look(entity: &str, began: &str, differing: &[Date]) -> Look {
        Look {
            run: Uuid::nil(),
            vendor: "stripe".to_owned(),
            source: "stripe".to_owned(),
            entity: entity.to_owned(),
            began: began.parse().unwrap(),
            differing: differing.to_vec(),
        }
    }

    #[test]
    fn a_day_is_as_good_as_the_days_of_utc_that_it_touches() {
        let looks = [
            look("charge", "2026-05-10T04:11:00Z", &[date(2026, 5, 3)]),
            look("refund", "2026-05-09T04:11:00Z", &[]),
        ];
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let flag = |zone: &Zone, day| {
            let day = date(2026, 5, day);
            Flags::of(&looks, zone).of_days((day, day))
        };
        let utc = Zone::utc();
        assert_eq!(flag(&utc, 2), Flag::Reconciled);
        assert_eq!(flag(&utc, 3), Flag::Differs);
        // 4 May begins in Berlin at 22:00 of 3 May in UTC.
        assert_eq!((flag(&utc, 4), flag(&berlin, 4)), (Flag::Reconciled, Flag::Differs));
        assert_eq!((flag(&utc, 8), flag(&utc, 9)), (Flag::Reconciled, Flag::Unknown));
        assert_eq!(
            Flags::of(&[], &utc).of_days((date(2026, 5, 2), date(2026, 5, 2))),
            Flag::Unknown
        );
    }
}
