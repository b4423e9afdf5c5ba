//! The state of the simulated account: objects, events, clock.

use fastrand::Rng;

use super::clock::Clock;
use super::event::{Emitted, Event, Snapshot};
use super::id::{self, Kind};
use super::model::{Charge, Dispute, NONE, Refund};
use super::render;
use super::spec::AccountSpec;

/// How long Stripe lists an event, in seconds: 30 days.
pub const EVENT_DAYS: i64 = 30 * 86_400;

/// The objects of one kind by (`created`, order of insertion), the order of lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order(Vec<(i64, u32)>);

impl Order {
    pub(crate) fn insert(&mut self, created: i64, index: u32) {
        match self.0.last() {
            Some(&last) if last > (created, index) => {
                let at = self.position(created, index);
                self.0.insert(at, (created, index));
            }
            _ => self.0.push((created, index)),
        }
    }

    /// Returns how many objects come before (`created`, `index`).
    pub(crate) fn position(&self, created: i64, index: u32) -> usize {
        self.0.partition_point(|&entry| entry < (created, index))
    }

    /// Returns how many objects were created before `second`.
    pub(crate) fn before(&self, second: i64) -> usize {
        self.0.partition_point(|&(created, _)| created < second)
    }

    pub(crate) fn at(&self, position: usize) -> Option<u32> {
        self.0.get(position).map(|&(_, index)| index)
    }
}

/// A simulated Stripe account: its objects, events and clock.
#[derive(Clone, Debug)]
pub struct StripeAccount {
    pub(crate) spec: AccountSpec,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) charges: Vec<Charge>,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) disputes: Vec<Dispute>,
    pub(crate) events: Vec<Event>,
    pub(crate) charge_order: Order,
    pub(crate) refund_order: Order,
    pub(crate) dispute_order: Order,
    pub(crate) event_order: Order,
    /// The Unix second from which events are recorded.
    pub(crate) events_since: i64,
    /// The Unix second from which events have the newer version.
    pub(crate) upgraded_at: i64,
    /// Whether the history is complete: from then on, lateness and shuffling apply.
    pub(crate) live: bool,
}

impl StripeAccount {
    /// Makes an account of this spec. The same spec with a fixed clock gives the same account.
    #[must_use]
    pub fn new(spec: AccountSpec) -> Self {
        let clock = spec.now.map_or(Clock::Real(0), Clock::Fixed);
        let now = clock.now();
        let mut account = Self {
            clock,
            rng: Rng::with_seed(spec.seed),
            charges: Vec::with_capacity(usize::try_from(spec.charges).unwrap_or(0)),
            refunds: Vec::new(),
            disputes: Vec::new(),
            events: Vec::new(),
            charge_order: Order::default(),
            refund_order: Order::default(),
            dispute_order: Order::default(),
            event_order: Order::default(),
            events_since: now - EVENT_DAYS,
            upgraded_at: spec.upgraded_at.unwrap_or(now - EVENT_DAYS / 2),
            live: false,
            spec,
        };
        super::history::write(&mut account);
        account.live = true;
        account
    }

    /// Returns the account's time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Stops the clock at `now`, Unix seconds.
    pub const fn set_now(&mut self, now: i64) {
        self.clock = Clock::Fixed(now);
    }

    /// Moves the clock forward by `seconds`, whether it is stopped or runs.
    pub const fn advance(&mut self, seconds: i64) {
        self.clock = self.clock.advanced(seconds);
    }

    /// Moves the clock forward until no object or event is late any more, and returns its time.
    pub fn settle(&mut self) -> i64 {
        let latest = self.charges.iter().map(|c| c.visible_at);
        let latest = latest.chain(self.refunds.iter().map(|r| r.visible_at));
        let latest = latest.chain(self.disputes.iter().map(|d| d.visible_at));
        let latest = latest.chain(self.events.iter().map(|e| e.visible_at)).max().unwrap_or(0);
        let now = self.now();
        if latest > now {
            self.advance(latest - now);
        }
        self.now()
    }

    /// From here on, `permille` of what is made shows in lists up to `seconds` late. By its id, an
    /// object is always read as it is.
    pub const fn list_late(&mut self, permille: u32, seconds: i64) {
        (self.spec.late_permille, self.spec.late_seconds) = (permille, seconds);
    }

    /// Returns the numbers of charges, refunds, disputes and recorded events, late ones included.
    #[must_use]
    pub const fn counts(&self) -> (usize, usize, usize, usize) {
        (self.charges.len(), self.refunds.len(), self.disputes.len(), self.events.len())
    }

    /// Returns the charge with an index of [`super::Action`].
    #[must_use]
    pub fn charge(&self, index: u32) -> Option<&Charge> {
        get(&self.charges, index)
    }

    /// Returns the refund with an index.
    #[must_use]
    pub fn refund(&self, index: u32) -> Option<&Refund> {
        get(&self.refunds, index)
    }

    /// Returns the dispute with an index.
    #[must_use]
    pub fn dispute(&self, index: u32) -> Option<&Dispute> {
        get(&self.disputes, index)
    }

    /// Returns the index of the object or event of this kind that has this id.
    #[must_use]
    pub fn find(&self, kind: Kind, id: &str) -> Option<u32> {
        let index = u32::try_from(id::decode(kind, id)?).ok()?;
        (self.id(kind, index).as_deref() == Some(id)).then_some(index)
    }

    /// Returns the id of the `index`-th object of this kind; `None` past the end.
    #[must_use]
    pub fn id(&self, kind: Kind, index: u32) -> Option<String> {
        let variant = match kind {
            Kind::Charge => self.charge(index)?.bank_debit,
            Kind::Refund => self.charge(self.refund(index)?.charge)?.bank_debit,
            Kind::Dispute => {
                self.dispute(index)?;
                render::dispute_variant(index)
            }
            Kind::Event => get(&self.events, index).map(|_| false)?,
            _ => return None,
        };
        Some(id::encode(kind, variant, u64::from(index)))
    }

    /// Returns every recorded event in the order in which they were made, with the bodies of
    /// webhooks.
    #[must_use]
    pub fn history(&self) -> Vec<Emitted> {
        (0..self.events.len()).filter_map(|i| self.emitted(u32::try_from(i).ok()?)).collect()
    }

    pub(crate) fn emitted(&self, index: u32) -> Option<Emitted> {
        let event = get(&self.events, index)?;
        let mut body = String::with_capacity(6_000);
        render::event(&mut body, 0, index, event);
        Some(Emitted {
            id: id::encode(Kind::Event, false, u64::from(index)),
            event_type: event.kind.word(),
            created: event.created,
            visible_at: event.visible_at,
            object_id: render::snapshot_id(&event.after),
            body,
        })
    }

    pub(crate) fn snapshot_charge(&self, index: u32) -> Option<Snapshot> {
        let charge = *self.charge(index)?;
        Some(Snapshot::Charge(index, charge, self.refunds_of(&charge)))
    }

    pub(crate) fn snapshot_refund(&self, index: u32) -> Option<Snapshot> {
        let refund = *self.refund(index)?;
        Some(Snapshot::Refund(index, refund, *self.charge(refund.charge)?))
    }

    pub(crate) fn snapshot_dispute(&self, index: u32) -> Option<Snapshot> {
        let dispute = *self.dispute(index)?;
        Some(Snapshot::Dispute(index, dispute, *self.charge(dispute.charge)?))
    }

    /// Returns a charge's refunds, newest first.
    pub(crate) fn refunds_of(&self, charge: &Charge) -> Box<[(u32, Refund)]> {
        let mut next = charge.last_refund;
        let step = || {
            let refund = *self.refund(next)?;
            let index = std::mem::replace(&mut next, refund.previous);
            Some((index, refund))
        };
        std::iter::from_fn(step).collect()
    }
}

pub(crate) fn get<T>(items: &[T], index: u32) -> Option<&T> {
    if index == NONE { None } else { items.get(usize::try_from(index).ok()?) }
}

pub(crate) fn get_mut<T>(items: &mut [T], index: u32) -> Option<&mut T> {
    if index == NONE { None } else { items.get_mut(usize::try_from(index).ok()?) }
}
