//! Lists that are behind: they show every object as it was some time ago.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use super::state::{HubSpotPortal, Kind, Record};

/// The longest lag of a list, in milliseconds. Older changes are forgotten.
const LONGEST_MS: i64 = 86_400_000;

/// The objects as they were before each change, the latest last.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<Before>);

#[derive(Debug)]
struct Before {
    at_ms: i64,
    kind: Kind,
    id: u64,
    /// `None` if the object was not there.
    record: Option<Record>,
}

impl HubSpotPortal {
    /// Notes how an object is, before it changes.
    pub(super) fn note(&mut self, kind: Kind, id: u64) {
        let at_ms = self.now_ms;
        let record = self.records(kind).get(&id).cloned();
        let journal = &mut self.journal.0;
        journal.push_back(Before { at_ms, kind, id, record });
        while journal.front().is_some_and(|oldest| oldest.at_ms < at_ms - LONGEST_MS) {
            journal.pop_front();
        }
    }

    /// Returns the objects that lists show: as they were [`HubSpotPortal::list_lag_ms`] ago.
    pub(super) fn listed(&self, kind: Kind) -> Cow<'_, BTreeMap<u64, Record>> {
        let mut records = Cow::Borrowed(self.records(kind));
        let since = self.now_ms - self.list_lag_ms;
        if self.list_lag_ms <= 0 {
            return records;
        }
        let later = self.journal.0.iter().rev().take_while(|before| before.at_ms > since);
        for Before { id, record, .. } in later.filter(|before| before.kind == kind) {
            match record {
                Some(record) => records.to_mut().insert(*id, record.clone()),
                None => records.to_mut().remove(id),
            };
        }
        records
    }
}
