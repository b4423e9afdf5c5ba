//! The calendar: its events and their changes.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::lag::Journal;

/// The calendar's id. It has characters that a path must encode.
pub const CALENDAR_ID: &str = "team#1@group.calendar.google.com";

/// When an event takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    Timed(Timestamp, Timestamp),
    Days(Date, Date),
}

/// How much of a cancelled event Google still shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tombstone {
    /// `id` and `status`. An instance also keeps its series and its original start.
    Bare,
    /// All fields, as on the organizer's calendar.
    Whole,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) status: &'static str,
    pub(super) summary: Option<String>,
    pub(super) when: When,
    pub(super) series: Option<(String, When)>,
    tombstone: Tombstone,
    updated: Timestamp,
    /// The number of the calendar's change that last touched this event.
    pub(super) change: u64,
}

/// A calendar and its history of changes.
#[derive(Debug)]
pub struct Calendar {
    /// By id. Lists are in this order, which is stable.
    pub(super) events: BTreeMap<String, Event>,
    /// Events that lists leave out, though they are there by their ids.
    pub(super) hidden: Vec<String>,
    /// How long lists and their sync tokens are behind. By its id, an event is always read as it
    /// is.
    pub list_lag: SignedDuration,
    pub(super) journal: Journal,
    pub(super) changes: u64,
    rng: Rng,
    pub(super) now: Timestamp,
    pub(super) updated: Timestamp,
    zone: jiff::tz::TimeZone,
}

impl Calendar {
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").expect("a known zone");
        Self {
            events: BTreeMap::new(),
            hidden: Vec::new(),
            list_lag: SignedDuration::ZERO,
            journal: Journal::default(),
            changes: 0,
            rng: Rng::with_seed(seed),
            now,
            updated: now,
            zone,
        }
    }

    /// Advances the calendar's clock to `now`. The clock never goes back.
    pub(super) fn set_now(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Adds `n` events of every kind: timed, all-day, without a summary, of no length, series of
    /// instances. Their last changes are in the past.
    pub fn fill(&mut self, n: usize) {
        while self.events.len() < n {
            self.add_something();
        }
        for event in self.events.values_mut() {
            event.updated = self.now - SignedDuration::from_secs(self.rng.i64(3_600..9_000_000));
        }
        self.journal = Journal::default();
    }

    /// Makes `n` random changes: events are added, renamed, cancelled and restored.
    pub fn change(&mut self, n: usize) {
        for _ in 0..n {
            let ids: Vec<String> = self.events.keys().cloned().collect();
            if ids.is_empty() || self.rng.u8(0..10) < 2 {
                self.add_something();
                continue;
            }
            let id = ids[self.rng.usize(0..ids.len())].clone();
            let cancelled = self.events[&id].status == "cancelled";
            match self.rng.u8(0..10) {
                _ if cancelled => self.restore(&id),
                0..=5 => self.rename(&id),
                _ => self.cancel(&id),
            }
        }
    }

    fn add_something(&mut self) {
        let number = self.rng.u64(..);
        let id = format!("{:0>26}", radix32(number));
        let days = self.rng.i64(-400..400);
        let start = self.now
            + SignedDuration::from_hours(24 * days)
            + SignedDuration::from_mins(self.rng.i64(0..1440));
        let start = Timestamp::from_second(start.as_second()).expect("a time");
        let length = SignedDuration::from_mins([0, 15, 30, 90][self.rng.usize(0..4)]);
        let day = start.to_zoned(self.zone.clone()).date();
        match self.rng.u8(0..8) {
            0 => self.put(&id, When::Days(day, day.tomorrow().expect("a day")), None),
            1 => {
                for week in 0..self.rng.i64(2..6) {
                    let start = start + SignedDuration::from_hours(24 * 7 * week);
                    let name = format!("{id}_{}", start.strftime("%Y%m%dT%H%M%SZ"));
                    let when = When::Timed(start, start + length);
                    self.put(&name, when.clone(), Some((id.clone(), when)));
                }
            }
            _ => self.put(&id, When::Timed(start, start + length), None),
        }
    }

    fn put(&mut self, id: &str, when: When, series: Option<(String, When)>) {
        let summary = (self.rng.u8(0..9) > 0).then(|| format!("Meeting {}", self.rng.u32(..)));
        let status = if self.rng.u8(0..9) == 0 { "tentative" } else { "confirmed" };
        let tombstone = Tombstone::Bare;
        let event =
            Event { status, summary, when, series, tombstone, updated: self.now, change: 0 };
        self.note(id);
        self.events.insert(id.to_owned(), event);
        self.touch(id);
    }

    /// Records a change. Every change has a stamp of its own.
    fn touch(&mut self, id: &str) {
        self.changes += 1;
        self.updated = self.now.max(self.updated + SignedDuration::from_millis(1));
        let event = self.events.get_mut(id).expect("an event");
        (event.updated, event.change) = (self.updated, self.changes);
    }

    /// Gives an event another title, or removes its title.
    pub fn rename(&mut self, id: &str) {
        let summary = (self.rng.u8(0..9) > 0).then(|| format!("Renamed {}", self.rng.u32(..)));
        self.note(id);
        self.events.get_mut(id).expect("an event").summary = summary;
        self.touch(id);
    }

    /// Deletes an event. A tombstone remains, bare or whole at random.
    pub fn cancel(&mut self, id: &str) {
        let tombstone = if self.rng.u8(0..4) == 0 { Tombstone::Whole } else { Tombstone::Bare };
        self.note(id);
        let event = self.events.get_mut(id).expect("an event");
        (event.status, event.tombstone) = ("cancelled", tombstone);
        self.touch(id);
    }

    /// Deletes an event. A bare tombstone remains, which has no more than the id.
    pub fn cancel_barely(&mut self, id: &str) {
        self.note(id);
        let event = self.events.get_mut(id).expect("an event");
        (event.status, event.tombstone) = ("cancelled", Tombstone::Bare);
        self.touch(id);
    }

    /// Brings a cancelled event back.
    pub fn restore(&mut self, id: &str) {
        self.note(id);
        self.events.get_mut(id).expect("an event").status = "confirmed";
        self.touch(id);
    }

    /// Returns the ids of the events that are not cancelled.
    #[must_use]
    pub fn present(&self) -> Vec<String> {
        let present = self
            .events
            .iter()
            .filter(|(id, event)| event.status != "cancelled" && !self.hidden.contains(id));
        present.map(|(id, _)| id.clone()).collect()
    }

    /// Cancels `n` events and forgets all tombstones. No later list shows that these events are
    /// gone.
    pub fn cancel_and_forget(&mut self, n: usize) {
        let mut present = self.present();
        self.rng.shuffle(&mut present);
        for id in present.iter().take(n) {
            self.cancel(id);
        }
        self.forget_tombstones();
    }

    /// Forgets all tombstones, as Google does some weeks after the deletion.
    pub fn forget_tombstones(&mut self) {
        let is_cancelled =
            |(id, event): (&String, &Event)| (event.status == "cancelled").then(|| id.clone());
        let cancelled: Vec<String> = self.events.iter().filter_map(is_cancelled).collect();
        cancelled.iter().for_each(|id| self.vanish(id));
    }

    /// Leaves these events out of lists from here on, as a list that is behind does.
    pub fn hide(&mut self, ids: &[String]) {
        self.hidden = ids.to_vec();
    }

    /// Removes an event without a tombstone, as birthdays vanish with their contact. No increment
    /// shows it.
    pub fn vanish(&mut self, id: &str) {
        self.note(id);
        self.events.remove(id);
    }

    /// Expands a daily series without an end into its next `days` instances from today on. Google
    /// shows two years ahead: as time goes by full lists show more of them, and no increment does.
    pub fn expand(&mut self, series: &str, days: i64) {
        let today = self.now.to_zoned(self.zone.clone()).date();
        for day in 0..days {
            let date = today.saturating_add(jiff::Span::new().days(day));
            let id = format!("{series}_{}", date.strftime("%Y%m%d"));
            let when = When::Days(date, date.tomorrow().expect("a day"));
            let (tombstone, updated) = (Tombstone::Bare, self.updated);
            let (summary, series) =
                (Some("Stand-up".to_owned()), Some((series.to_owned(), when.clone())));
            let event =
                Event { status: "confirmed", summary, when, series, tombstone, updated, change: 1 };
            self.note(&id);
            self.events.entry(id).or_insert(event);
        }
    }

    /// Renders an event as Google does; `None` if Google has forgotten it.
    pub(super) fn render(&self, id: &str) -> Option<Value> {
        Some(self.render_event(id, self.events.get(id)?))
    }

    pub(super) fn render_event(&self, id: &str, event: &Event) -> Value {
        let etag = format!("\"{}\"", event.updated.as_millisecond() * 2_000);
        let mut body =
            json!({"kind": "calendar#event", "etag": etag, "id": id, "status": event.status});
        if let Some((series, original)) = &event.series {
            body["recurringEventId"] = json!(series);
            body["originalStartTime"] = self.edges(original).0;
        }
        if event.status == "cancelled" && event.tombstone == Tombstone::Bare {
            return body;
        }
        if let Some(summary) = &event.summary {
            body["summary"] = json!(summary);
        }
        let (start, end) = self.edges(&event.when);
        (body["start"], body["end"]) = (start, end);
        body["created"] = json!("2024-01-01T00:00:00.000Z");
        body["updated"] = json!(format!("{:.3}", event.updated));
        body["iCalUID"] = json!(format!("{id}@google.com"));
        body["sequence"] = json!(0);
        body["eventType"] = json!("default");
        body
    }

    fn edges(&self, when: &When) -> (Value, Value) {
        let time = |at: Timestamp| {
            let local = at.to_zoned(self.zone.clone());
            json!({"dateTime": local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), "timeZone": "Europe/Zurich"})
        };
        match when {
            When::Timed(start, end) => (time(*start), time(*end)),
            When::Days(start, end) => {
                (json!({"date": start.to_string()}), json!({"date": end.to_string()}))
            }
        }
    }
}

/// Writes a number in the digits of Google's ids.
fn radix32(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from(
            b"0123456789abcdefghijklmnopqrstuv"[usize::try_from(number % 32).expect("small")],
        ));
        number /= 32;
    }
    digits.iter().rev().collect()
}
