//! Lists that are behind: they show every event as it was some time ago.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::state::{Calendar, Event};

/// The longest lag of a list. Older changes are forgotten.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// The events as they were before each change, the latest last.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<Before>);

#[derive(Debug)]
struct Before {
    at: Timestamp,
    id: String,
    /// `None` if the event was not there.
    event: Option<Event>,
    /// The number of the calendar's changes, and its `updated`.
    changes: u64,
    updated: Timestamp,
}

/// The calendar as lists show it.
pub(super) struct Listed<'a> {
    calendar: &'a Calendar,
    events: Cow<'a, BTreeMap<String, Event>>,
    /// The number of changes that lists show.
    pub changes: u64,
    /// The `updated` of the list.
    pub updated: Timestamp,
}

impl Calendar {
    /// Notes how an event is, before it changes.
    pub(super) fn note(&mut self, id: &str) {
        let (at, changes, updated) = (self.now, self.changes, self.updated);
        let (id, event) = (id.to_owned(), self.events.get(id).cloned());
        let journal = &mut self.journal.0;
        journal.push_back(Before { at, id, event, changes, updated });
        while journal.front().is_some_and(|oldest| oldest.at < at - LONGEST) {
            journal.pop_front();
        }
    }

    /// Returns the calendar as lists show it: as it was [`Calendar::list_lag`] ago.
    pub(super) fn listed(&self) -> Listed<'_> {
        let (calendar, events) = (self, Cow::Borrowed(&self.events));
        let mut listed = Listed { calendar, events, changes: self.changes, updated: self.updated };
        let since = self.now - self.list_lag;
        if self.list_lag <= SignedDuration::ZERO {
            return listed;
        }
        for before in self.journal.0.iter().rev().take_while(|before| before.at > since) {
            let events = listed.events.to_mut();
            match &before.event {
                Some(event) => events.insert(before.id.clone(), event.clone()),
                None => events.remove(&before.id),
            };
            (listed.changes, listed.updated) = (before.changes, before.updated);
        }
        listed
    }
}

impl Listed<'_> {
    /// Returns the ids of events that changed after the `since`-th change. Tombstones are among
    /// them only if `deleted` is set.
    pub(super) fn ids(&self, since: u64, deleted: bool) -> Vec<String> {
        let shown = |e: &Event| e.change > since && (deleted || e.status != "cancelled");
        let hidden = &self.calendar.hidden;
        let listed = self.events.iter().filter(|(id, e)| shown(e) && !hidden.contains(id));
        listed.map(|(id, _)| id.clone()).collect()
    }

    /// Renders an event as a list shows it.
    pub(super) fn render(&self, id: &str) -> Option<Value> {
        Some(self.calendar.render_event(id, self.events.get(id)?))
    }
}
