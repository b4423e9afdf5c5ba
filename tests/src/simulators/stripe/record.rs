//! Records events: frozen, versioned, sometimes late.

use super::action::Applied;
use super::event::{Event, EventType, Snapshot};
use super::state::StripeAccount;

/// An event to be recorded: its type, and the object after and before the change.
pub(crate) type Draft = (EventType, Snapshot, Option<Snapshot>);

impl StripeAccount {
    /// Records an event of each kind for one change of one object.
    pub(crate) fn record_change(
        &mut self,
        object: u32,
        at: i64,
        kinds: &[EventType],
        before: Option<Snapshot>,
        after: Option<Snapshot>,
    ) -> Applied {
        let drafts = after.map_or_else(Vec::new, |after| {
            kinds.iter().map(|&kind| (kind, after.clone(), before.clone())).collect()
        });
        self.record(object, at, drafts)
    }

    /// Records events. After the history, lists show the events of one change in any order among
    /// themselves.
    pub(crate) fn record(&mut self, object: u32, at: i64, mut drafts: Vec<Draft>) -> Applied {
        if self.live && self.rng.u8(0..4) == 0 {
            self.rng.shuffle(&mut drafts);
        }
        let version = if at < self.upgraded_at { self.spec.old_version } else { self.spec.version };
        let request = if self.rng.bool() { self.rng.u32(1..) } else { 0 };
        let mut events = Vec::with_capacity(drafts.len());
        for (kind, after, before) in drafts {
            let Ok(index) = u32::try_from(self.events.len()) else { break };
            let visible_at = at + self.lateness();
            let before = before.map(Box::new);
            self.events.push(Event {
                created: at,
                visible_at,
                kind,
                version,
                request,
                after,
                before,
            });
            self.event_order.insert(at, index);
            events.push(index);
        }
        Applied { object, events }
    }

    /// Returns whether events of Unix second `at` are kept.
    pub(crate) const fn records(&self, at: i64) -> bool {
        at >= self.events_since
    }

    /// Takes a snapshot if an event of Unix second `at` would be kept.
    pub(crate) fn snapshot_if(
        &self,
        at: i64,
        take: impl FnOnce(&Self) -> Option<Snapshot>,
    ) -> Option<Snapshot> {
        if self.records(at) { take(self) } else { None }
    }

    /// Draws the seconds until lists show an object that is made now: mostly 0, and always 0 in the
    /// history.
    pub(crate) fn lateness(&mut self) -> i64 {
        let late = self.live && self.rng.u32(0..1000) < self.spec.late_permille;
        if late && self.spec.late_seconds > 0 {
            self.rng.i64(1..=self.spec.late_seconds)
        } else {
            0
        }
    }
}
