use jiff::civil::{Date, DateTime, date};

use super::*;

fn calendar(zone: &str, first: Date, last: Date) -> Calendar {
    Calendar::new(&Zone::parse(zone).unwrap(), DateRange::new(first, last).unwrap())
}

fn cuts(zone: &str, first: Date, last: Date) -> Vec<String> {
    calendar(zone, first, last).cuts().iter().map(ToString::to_string).collect()
}

#[test]
fn trap_36_days_of_23_and_25_hours_end_where_the_next_begins() {
    assert_eq!(
        cuts("America/New_York", date(2025, 3, 9), date(2025, 3, 9)),
        ["2025-03-09T05:00:00Z", "2025-03-10T04:00:00Z"]
    );
    assert_eq!(
        cuts("America/New_York", date(2025, 11, 2), date(2025, 11, 2)),
        ["2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"]
    );
    assert_eq!(
        cuts("Australia/Lord_Howe", date(2025, 4, 6), date(2025, 4, 6)),
        ["2025-04-05T13:00:00Z", "2025-04-06T13:30:00Z"]
    );
}

#[test]
fn trap_36_a_day_without_midnight_begins_when_the_clock_was_moved() {
    // 00:00 did not exist: the day begins at 01:00.
    assert_eq!(
        cuts("America/Sao_Paulo", date(2018, 11, 4), date(2018, 11, 4)),
        ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]
    );
    assert_eq!(
        cuts("Asia/Beirut", date(2022, 3, 27), date(2022, 3, 27)),
        ["2022-03-26T22:00:00Z", "2022-03-27T21:00:00Z"]
    );
    assert_eq!(
        cuts("Africa/Cairo", date(2024, 4, 26), date(2024, 4, 26)),
        ["2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z"]
    );
}

#[test]
fn trap_36_a_day_that_the_zone_skipped_is_listed_and_empty() {
    let skipped = calendar("Pacific/Apia", date(2011, 12, 30), date(2011, 12, 30));
    assert!(skipped.is_empty());
    assert_eq!(Ledger::new(&skipped).into_revenue().daily().len(), 1);
    assert_eq!(
        cuts("Pacific/Apia", date(2011, 12, 29), date(2011, 12, 31)),
        ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"]
    );
}

#[test]
fn trap_36_a_day_that_came_back_after_midnight_has_two_pieces() {
    // At 00:01 on the 7th the clock went back to 23:01 on the 6th.
    let day = calendar("America/St_Johns", date(2010, 11, 6), date(2010, 11, 6));
    let cuts: Vec<String> = day.cuts().iter().map(ToString::to_string).collect();
    assert_eq!(
        cuts,
        [
            "2010-11-06T02:30:00Z",
            "2010-11-07T02:30:00Z",
            "2010-11-07T02:31:00Z",
            "2010-11-07T03:30:00Z"
        ]
    );
    assert!(!day.is_quarter_aligned());
    let mut ledger = Ledger::new(&day);
    for (piece, collected) in [1, 10, 100].into_iter().enumerate() {
        ledger.add_piece(piece, "CAD", Sums { collected, ..Sums::default() });
    }
    assert_eq!(ledger.into_revenue().totals()["CAD"].collected, 101);
}

#[test]
fn every_modern_boundary_of_every_zone_keeps_to_quarter_hours() {
    for zone in jiff::tz::db().available().filter_map(|name| Zone::parse(name.as_str()).ok()) {
        let year =
            Calendar::new(&zone, DateRange::new(date(2016, 1, 1), date(2025, 12, 31)).unwrap());
        assert!(year.is_quarter_aligned(), "{}", zone.name());
        assert!(
            year.edges().iter().all(|e| e.high.duration_since(e.low).as_hours() <= 12),
            "{}",
            zone.name()
        );
    }
}

#[test]
fn an_edge_is_read_from_the_fewest_buckets_that_reach_its_midnight() {
    let parts = |zone: &str| {
        let day = calendar(zone, date(2025, 1, 15), date(2025, 1, 15));
        let of_first = day.edges().into_iter().filter(|edge| edge.index == 0);
        of_first
            .map(|e| format!("{} {}-{}", e.grain, e.low.hour(), e.high.hour()))
            .collect::<Vec<_>>()
    };
    assert!(parts("UTC").is_empty());
    assert_eq!(parts("America/New_York"), ["four_hours 0-4", "hour 4-5"]);
    assert_eq!(parts("America/Los_Angeles"), ["four_hours 0-8"]);
    assert_eq!(parts("Europe/Berlin"), ["hour 23-0"]);
    assert_eq!(
        parts("Asia/Kathmandu"),
        ["four_hours 20-0", "hour 19-20", "quarter_hour 18-19"],
        "from 18:15 to midnight"
    );
    assert_eq!(parts("Pacific/Auckland"), ["four_hours 0-8", "hour 8-11"]);
}

#[test]
fn each_cell_lies_within_one_day_of_every_zone() {
    for zone in jiff::tz::db().available().filter_map(|name| Zone::parse(name.as_str()).ok()) {
        for year in [2011, 2025] {
            let range = DateRange::new(date(year, 1, 1), date(year, 12, 31)).unwrap();
            let calendar = Calendar::new(&zone, range);
            let Cells { step_minutes, one, other } = calendar.cells();
            let begins = |cut: &DateTime| {
                let minutes = |mark: DateTime| cut.duration_since(mark).as_mins();
                [one, other].iter().any(|mark| minutes(*mark) % step_minutes == 0)
            };
            let aligned = calendar.is_quarter_aligned();
            assert!(!aligned || calendar.bounds().iter().all(begins), "{} in {year}", zone.name());
        }
    }
    let cells = |zone, first, last| calendar(zone, first, last).cells();
    let (summer, autumn) = (date(2025, 7, 1), date(2025, 10, 25));
    let at = |hour: i8| date(1970, 1, 1).at(hour, 0, 0, 0);
    let days = |one, other| Cells { step_minutes: 1_440, one, other };
    assert_eq!(cells("Europe/Berlin", summer, summer), days(at(22), at(22)));
    assert_eq!(cells("Europe/Berlin", autumn, autumn), days(at(22), at(23)), "a day ahead");
    let moscow = cells("Europe/Moscow", date(2010, 1, 1), date(2014, 12, 31));
    assert_eq!(moscow.step_minutes, 1_440);
    let istanbul = cells("Europe/Istanbul", date(1978, 1, 1), date(1986, 12, 31));
    assert_eq!(istanbul.step_minutes, 15, "more than two times of a day");
}

#[test]
fn local_mean_time_keeps_to_no_quarter_hour() {
    assert!(!calendar("America/New_York", date(1880, 1, 1), date(1880, 1, 2)).is_quarter_aligned());
}

#[test]
fn trap_36_weeks_begin_on_monday_also_across_years() {
    let range = calendar("UTC", date(2024, 12, 28), date(2025, 1, 6));
    let mut ledger = Ledger::new(&range);
    for day in 0..10 {
        ledger.add_day(day, "EUR", Sums { collected: 1, count: 1, ..Sums::default() });
    }
    let weeks = ledger.into_revenue().weekly();
    let counts: Vec<(String, i128)> =
        weeks.iter().map(|w| (w.date.to_string(), w.in_currency("EUR").count)).collect();
    assert_eq!(
        counts,
        [("2024-12-23".into(), 2), ("2024-12-30".into(), 7), ("2025-01-06".into(), 1)]
    );
}

#[test]
fn only_plain_dates_and_known_zones_are_taken() {
    for bad in [
        "",
        "2025-1-1",
        "20250101",
        "2025-02-29",
        "0000-01-01",
        "9999-01-01",
        "2025-01-01T00",
        "+02025-1-1",
    ] {
        assert_eq!(parse_date(bad), Err(InvalidDate), "{bad}");
    }
    assert_eq!(parse_date("2024-02-29"), Ok(date(2024, 2, 29)));
    for bad in ["", "Mars/Olympus", "Etc/Unknown", "+02:00", "EST5EDT4", "../etc/passwd"] {
        assert_eq!(Zone::parse(bad), Err(UnknownZone), "{bad}");
    }
    assert_eq!(Zone::parse("europe/BERLIN").unwrap().name(), "Europe/Berlin");
}

#[test]
fn a_range_runs_forward_and_has_an_end() {
    let day = date(2025, 1, 1);
    assert_eq!(DateRange::new(day, date(2024, 12, 31)), Err(InvalidRange::Backwards));
    assert_eq!(DateRange::new(day, date(2035, 1, 9)), Err(InvalidRange::TooLong));
    assert_eq!(DateRange::new(day, date(2035, 1, 8)).unwrap().days().count(), 3660);
}
