//! The portal: its contacts and deals, those archived, merged and purged, and the changes to them.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::lag::Journal;
use super::push::Change;

/// The kinds of CRM objects here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Contact,
    Deal,
}

#[derive(Clone, Debug)]
pub(super) enum Fields {
    Contact {
        email: Option<String>,
        phone: Option<String>,
        first: Option<String>,
        last: Option<String>,
    },
    Deal {
        minor: Option<i64>,
        /// The amount as it was typed, if it is not the usual decimal of `minor`.
        typed: Option<String>,
        currency: &'static str,
        /// If false, the currency is the portal's, and the deal does not say so.
        names_currency: bool,
        stage: &'static str,
        closed_ms: Option<i64>,
    },
}

/// A contact or a deal.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub id: u64,
    pub fields: Fields,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub archived_ms: Option<i64>,
    /// The time from which search shows the object's present state.
    pub searchable_ms: i64,
    /// The modified time that the index has until then; `None` for an object that it does not have.
    pub indexed_ms: Option<i64>,
    /// The ids that were merged into it, directly or by further merges.
    pub merged: Vec<u64>,
}

impl Record {
    /// Notes a change now, which the index has after `lag`.
    fn modify(&mut self, now: i64, lag: i64) {
        if self.searchable_ms <= now {
            self.indexed_ms = Some(self.modified_ms);
        }
        (self.modified_ms, self.searchable_ms) = (now, now + lag);
    }
}

/// The currencies of the portal's deals, with their decimals (ISO 4217).
pub(super) const CURRENCIES: [(&str, u32); 4] = [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3)];

/// The stages of the deals, each with the flags `hs_is_closed` and `hs_is_closed_won` that its
/// pipeline gives to it. The last four belong to pipelines of the portal's own.
pub(super) const STAGES: [(&str, bool, bool); 9] = [
    ("appointmentscheduled", false, false),
    ("qualifiedtobuy", false, false),
    ("closedwon", true, true),
    ("closedwon", true, true),
    ("closedlost", true, false),
    ("paid", true, true),
    ("48231230", false, false),
    ("48231231", true, true),
    ("48231232", true, false),
];

/// A portal's contacts and deals, and their clock.
#[derive(Debug)]
pub struct HubSpotPortal {
    pub(super) contacts: BTreeMap<u64, Record>,
    pub(super) deals: BTreeMap<u64, Record>,
    /// The merges and purges. No API shows these objects any more.
    pub(super) merged_into: BTreeMap<(Kind, u64), u64>,
    pub(super) purged: Vec<(Kind, u64)>,
    /// The currency of the company, which deals have that name none.
    pub company_currency: &'static str,
    /// The longest time, in milliseconds, that a change is missing from search.
    pub search_lag_ms: i64,
    /// The time before which the index takes no change, if it is behind. Its objects are found by
    /// their old times then, and shown as they are.
    pub index_behind_until_ms: Option<i64>,
    /// How long, in milliseconds, both lists show objects as they were. By its id, an object is
    /// always read as it is.
    pub list_lag_ms: i64,
    /// Whether search sorts ids as text, and the cursors of pages are numbers.
    pub odd_pages: bool,
    /// Whether reading a merged-away object returns the one that it was merged into, as HubSpot's
    /// changelog says
    /// (developers.hubspot.com/changelog/updated-merge-functionality-for-contacts-and-companies).
    /// If false, the reply is a 404.
    pub merged_ids_resolve: bool,
    /// Whether deals carry `hs_is_closed` and `hs_is_closed_won`.
    pub deals_have_flags: bool,
    /// Whether an object that is read by id lists the objects merged into it. The property is
    /// computed, so it may lag behind.
    pub merged_ids_listed: bool,
    pub(super) now_ms: i64,
    pub(super) journal: Journal,
    rng: Rng,
    next_id: u64,
}

impl HubSpotPortal {
    /// Makes a portal of `contacts` and `deals`, made and changed in the year before `now_ms`.
    #[must_use]
    pub fn new(seed: u64, contacts: usize, deals: usize, now_ms: i64) -> Self {
        let mut portal = Self {
            contacts: BTreeMap::new(),
            deals: BTreeMap::new(),
            merged_into: BTreeMap::new(),
            purged: Vec::new(),
            company_currency: "EUR",
            search_lag_ms: 8_000,
            index_behind_until_ms: None,
            list_lag_ms: 0,
            odd_pages: false,
            merged_ids_resolve: true,
            merged_ids_listed: true,
            deals_have_flags: true,
            now_ms: now_ms - YEAR_MS,
            journal: Journal::default(),
            rng: Rng::with_seed(seed),
            next_id: 1,
        };
        let all = contacts + deals;
        let steps = i64::try_from(all).unwrap_or(1).max(1);
        for i in 0..all {
            portal.now_ms = now_ms - YEAR_MS + YEAR_MS / steps * i64::try_from(i).unwrap_or(0);
            // Spreads both kinds over the whole year.
            let is_contact = (i + 1) * contacts / all > i * contacts / all;
            portal.create(if is_contact { Kind::Contact } else { Kind::Deal });
        }
        portal.now_ms = now_ms;
        portal.journal = Journal::default();
        portal
    }

    /// Sets the portal's clock, in Unix milliseconds. What has been in the recycling bin for 90
    /// days is purged.
    pub fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        for kind in [Kind::Contact, Kind::Deal] {
            let is_due = |r: &&Record| r.archived_ms.is_some_and(|at| at < now_ms - BIN_MS);
            let due: Vec<u64> = self.records(kind).values().filter(is_due).map(|r| r.id).collect();
            due.into_iter().for_each(|id| self.purge(kind, id));
        }
    }

    /// Makes an object and returns its id.
    pub fn create(&mut self, kind: Kind) -> u64 {
        self.next_id += self.rng.u64(1..40);
        let id = self.next_id;
        let fields = self.fields(kind, id);
        let record = Record {
            id,
            fields,
            created_ms: self.now_ms,
            modified_ms: self.now_ms,
            archived_ms: None,
            searchable_ms: self.now_ms + self.lag(),
            indexed_ms: None,
            merged: Vec::new(),
        };
        self.put(kind, record);
        id
    }

    /// Changes an object's fields now.
    pub fn edit(&mut self, kind: Kind, id: u64) {
        let salt = id + self.rng.u64(0..1_000);
        let fields = self.fields(kind, salt);
        let (now, lag) = (self.now_ms, self.lag());
        if let Some(record) = self.record(kind, id) {
            record.fields = fields;
            record.modify(now, lag);
        }
    }

    /// Changes the first `n` objects of a kind in the same millisecond, as an import does.
    pub fn edit_at_once(&mut self, kind: Kind, n: usize) {
        for id in self.live(kind).into_iter().take(n).collect::<Vec<_>>() {
            self.edit(kind, id);
        }
    }

    /// Has a deal be in the company's currency without saying so.
    pub fn leave_currency_out(&mut self, id: u64) {
        let (now, lag, company) = (self.now_ms, self.lag(), self.company_currency);
        if let Some(record) = self.record(Kind::Deal, id) {
            if let Fields::Deal { currency, names_currency, .. } = &mut record.fields {
                (*currency, *names_currency) = (company, false);
            }
            (record.modified_ms, record.searchable_ms) = (now, now + lag);
        }
    }

    /// Sets a deal's stage.
    pub fn set_stage(&mut self, id: u64, to: &'static str) {
        let (now, lag) = (self.now_ms, self.lag());
        if let Some(record) = self.record(Kind::Deal, id) {
            if let Fields::Deal { stage, .. } = &mut record.fields {
                *stage = to;
            }
            record.modify(now, lag);
        }
    }

    /// Types an amount into a deal that is won in euros. `minor` is what it is in cents; `None` if
    /// it is no amount.
    pub fn type_amount(&mut self, id: u64, text: &str, minor: Option<i64>) {
        let (now, lag) = (self.now_ms, self.lag());
        if let Some(record) = self.record(Kind::Deal, id) {
            if let Fields::Deal { minor: worth, typed, currency, stage, .. } = &mut record.fields {
                (*worth, *typed) = (minor, Some(text.to_owned()));
                (*currency, *stage) = ("EUR", "closedwon");
            }
            (record.modified_ms, record.searchable_ms) = (now, now + lag);
        }
    }

    /// Moves an object into the recycling bin. Its modified time does not change.
    pub fn archive(&mut self, kind: Kind, id: u64) {
        let now = self.now_ms;
        if let Some(record) = self.record(kind, id) {
            record.archived_ms = Some(now);
        }
    }

    /// Takes an object out of the recycling bin. Its modified time does not change.
    pub fn restore(&mut self, kind: Kind, id: u64) {
        let searchable = self.now_ms + self.lag();
        if let Some(record) = self.record(kind, id) {
            (record.archived_ms, record.searchable_ms) = (None, searchable);
        }
    }

    /// Deletes an object for good, as the recycling bin does after 90 days, or a request for
    /// erasure at once.
    pub fn purge(&mut self, kind: Kind, id: u64) {
        if self.take(kind, id).is_some() {
            self.purged.push((kind, id));
        }
    }

    /// Merges `loser` into `primary` and returns the id of the remaining object. With `fresh`,
    /// HubSpot makes a new object of both.
    pub fn merge(&mut self, kind: Kind, primary: u64, loser: u64, fresh: bool) -> u64 {
        let (now, lag) = (self.now_ms, self.lag());
        let Some(lost) = self.take(kind, loser) else { return primary };
        let Some(mut kept) = self.take(kind, primary) else { return primary };
        kept.merged.extend(lost.merged.iter().copied().chain([loser]));
        if fresh {
            kept.merged.push(primary);
            self.next_id += 1;
            kept.id = self.next_id;
        }
        kept.modify(now, lag);
        for id in &kept.merged {
            self.merged_into.insert((kind, *id), kept.id);
        }
        let id = kept.id;
        self.put(kind, kept);
        id
    }

    /// Makes `n` random changes now, and returns those that HubSpot reports by webhook.
    pub fn change(&mut self, n: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..n {
            let kind = if self.rng.bool() { Kind::Contact } else { Kind::Deal };
            let live = self.live(kind);
            let (Some(one), Some(other)) = (self.pick(&live), self.pick(&live)) else { continue };
            changes.push(match self.rng.u32(0..20) {
                0 => {
                    self.archive(kind, one);
                    Change::Archived(kind, one)
                }
                1 if one != other => {
                    let fresh = self.rng.bool();
                    let into = self.merge(kind, one, other, fresh);
                    Change::Merged { kind, primary: one, loser: other, into }
                }
                2..5 => Change::Created(kind, self.create(kind)),
                _ => {
                    self.edit(kind, one);
                    Change::Edited(kind, one)
                }
            });
        }
        changes
    }

    /// Returns the ids of the objects that are neither archived, merged away nor purged.
    #[must_use]
    pub fn live(&self, kind: Kind) -> Vec<u64> {
        self.records(kind)
            .values()
            .filter(|record| record.archived_ms.is_none())
            .map(|record| record.id)
            .collect()
    }

    /// Returns what the pipelines say of a stage: whether it is closed, and whether it is won.
    /// `None` if this portal's deals carry no flags.
    pub(super) fn flags(&self, stage: &str) -> Option<(bool, bool)> {
        let known = STAGES.iter().find(|(name, ..)| *name == stage);
        known.filter(|_| self.deals_have_flags).map(|(_, closed, won)| (*closed, *won))
    }

    /// Returns the time of the last change of any object.
    #[must_use]
    pub fn modified_last(&self) -> i64 {
        let all = self.contacts.values().chain(self.deals.values());
        all.map(|record| record.modified_ms).max().unwrap_or(self.now_ms)
    }

    pub(super) const fn records(&self, kind: Kind) -> &BTreeMap<u64, Record> {
        match kind {
            Kind::Contact => &self.contacts,
            Kind::Deal => &self.deals,
        }
    }

    /// Returns an object to change. Each change goes through this or the next two, which note how
    /// the object was before.
    fn record(&mut self, kind: Kind, id: u64) -> Option<&mut Record> {
        self.note(kind, id);
        self.table(kind).get_mut(&id)
    }

    fn put(&mut self, kind: Kind, record: Record) {
        self.note(kind, record.id);
        self.table(kind).insert(record.id, record);
    }

    fn take(&mut self, kind: Kind, id: u64) -> Option<Record> {
        self.note(kind, id);
        self.table(kind).remove(&id)
    }

    const fn table(&mut self, kind: Kind) -> &mut BTreeMap<u64, Record> {
        match kind {
            Kind::Contact => &mut self.contacts,
            Kind::Deal => &mut self.deals,
        }
    }

    fn pick(&mut self, ids: &[u64]) -> Option<u64> {
        (!ids.is_empty())
            .then(|| self.rng.usize(0..ids.len()))
            .and_then(|index| ids.get(index).copied())
    }

    fn lag(&mut self) -> i64 {
        let behind = self.index_behind_until_ms.map_or(0, |until| until - self.now_ms);
        self.rng.i64(0..=self.search_lag_ms.max(0)).max(behind)
    }

    fn fields(&mut self, kind: Kind, salt: u64) -> Fields {
        let rng = &mut self.rng;
        match kind {
            Kind::Contact => Fields::Contact {
                email: (!salt.is_multiple_of(7)).then(|| format!("person.{salt}@example.com")),
                phone: rng.bool().then(|| format!("+49 30 {:06}", rng.u32(0..1_000_000))),
                first: Some(
                    ["Zoë", "Łukasz", "O\u{2019}Brien", "\"Q\"", "李"][rng.usize(0..5)].to_owned(),
                ),
                last: rng.bool().then(|| format!("Name {salt}")),
            },
            Kind::Deal => Fields::Deal {
                // Some deals are credits.
                minor: (!salt.is_multiple_of(11)).then(|| rng.i64(-300_000..5_000_000)),
                typed: None,
                currency: CURRENCIES[rng.usize(0..CURRENCIES.len())].0,
                names_currency: true,
                stage: STAGES[rng.usize(0..STAGES.len())].0,
                closed_ms: (!salt.is_multiple_of(5))
                    .then(|| self.now_ms - rng.i64(0..30) * 86_400_000),
            },
        }
    }
}

const YEAR_MS: i64 = 365 * 86_400_000;

/// The time after which the recycling bin forgets an object.
const BIN_MS: i64 = 90 * 86_400_000;
