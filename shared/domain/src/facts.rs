//! Facts: the content of outbox rows, by kind.
//!
//! A normalizer reads a row into [`Facts`], `process` gathers the facts of a batch, and
//! `penstock_store::facts` writes each kind into its table. A new kind is a field here.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::calendar_event::CalendarEvent;
use crate::contact::Contact;
use crate::erasure::{ErasedNames, of_email, of_session, of_user};
use crate::intake::{ConflictingEvent, Event, Lead};
use crate::payment::{Payment, Status};
use crate::record::RowView;
use crate::version::Versioned;

/// The facts of one row or of a whole batch. Empty if the rows hold nothing that is modelled: such
/// rows are processed and remain in the outbox only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Payments: charges, refunds, disputes, deals.
    pub payments: Vec<Fact<'a, Payment>>,
    /// People in a CRM. One row can yield several: those merged into its contact as well.
    pub contacts: Vec<Fact<'a, Contact>>,
    /// Entries of a calendar.
    pub calendar_events: Vec<Fact<'a, CalendarEvent>>,
    /// Leads that our own clients pushed.
    pub leads: Vec<Fact<'a, Lead>>,
    /// Product events that our own clients pushed.
    pub events: Vec<Fact<'a, Event<'a>>>,
    /// Product events under an id that their sender had used before.
    pub conflicting_events: Vec<Fact<'a, ConflictingEvent<'a>>>,
}

/// One thing that a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<'a, T> {
    /// The row that says it.
    pub row: RowView<'a>,
    /// A payment, a contact, …
    pub value: T,
}

impl<'a> RowView<'a> {
    /// The row's facts of a kind, as a field of [`Facts`].
    pub fn facts<T>(self, values: impl IntoIterator<Item = T>) -> Vec<Fact<'a, T>> {
        values.into_iter().map(|value| Fact { row: self, value }).collect()
    }
}

impl Facts<'_> {
    /// Moves all facts of `other` to the end of these.
    pub fn append(&mut self, other: Self) {
        // Without `..`: a kind that is not handled here does not compile.
        let Self { payments, contacts, calendar_events, leads, events, conflicting_events } = other;
        self.payments.extend(payments);
        self.contacts.extend(contacts);
        self.calendar_events.extend(calendar_events);
        self.leads.extend(leads);
        self.events.extend(events);
        self.conflicting_events.extend(conflicting_events);
    }

    /// The statuses that no map knows, each as `kind:status` in the vendor's word. The run's report
    /// lists them.
    pub fn unmapped(&self) -> impl Iterator<Item = String> {
        let unmapped = self.payments.iter().filter(|p| p.value.status == Status::Unmapped);
        unmapped.map(|p| format!("{}:{}", p.value.kind.as_str(), p.value.raw_status))
    }
}

/// The part of a row that may be kept although it names somebody who was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it: it names nobody.
    All,
    /// All but the names, because the row is about others.
    Others,
    /// Its facts, and no byte of its payload: sums of money stay right.
    Facts,
    /// Nothing of it.
    Nothing,
}

impl Facts<'_> {
    /// Takes out what is about people who were erased. `row` is the row that these are the facts
    /// of, and `is_named` says whether its text names such a person.
    pub fn forget(&mut self, row: RowView<'_>, is_named: bool, names: &ErasedNames) -> Kept {
        let is_object = names.has_object(row);
        let is_about = |event: &Event<'_>| match (&event.user_id, &event.session_id) {
            (Some(user), _) => names.has(&of_user(user)),
            (None, Some(session)) => names.has(&of_session(session)),
            (None, None) => false,
        };
        // Without `..`: whoever adds a kind says what of it is a person's.
        let Self { payments, contacts, calendar_events, leads, events, conflicting_events } = self;
        let has_email = |email: Option<&str>| email.is_some_and(|at| names.has(&of_email(at)));
        let is_theirs = leads.iter().any(|l| has_email(l.value.columns.contact.email.as_deref()))
            || contacts.iter().any(|c| has_email(c.value.email.as_deref()))
            || events.iter().any(|event| is_about(&event.value))
            || conflicting_events.iter().any(|event| is_about(&event.value.0));
        if !payments.is_empty() || !calendar_events.is_empty() {
            if !is_object && !is_named {
                return Kept::All;
            }
            for entry in calendar_events {
                entry.value.summary = None;
            }
            return Kept::Facts;
        }
        let has_others = !leads.is_empty()
            || !contacts.is_empty()
            || !events.is_empty()
            || !conflicting_events.is_empty();
        if is_theirs || is_object || is_named && !has_others {
            *self = Self::default();
            return Kept::Nothing;
        }
        if is_named { Kept::Others } else { Kept::All }
    }
}

/// An object with two versions that share a time-stamp and contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    /// The vendor.
    pub source: String,
    /// The kind of object in the vendor's word, as in requests to `fetch`.
    pub entity: String,
    /// The vendor's id of the object.
    pub external_id: String,
}

/// The facts of one kind, with one version a key.
#[derive(Debug)]
pub struct Newest<'f, T> {
    /// The version of each object that wins, in no order.
    pub facts: Vec<&'f Fact<'f, T>>,
    /// Objects whose newest versions contradict each other. The precedence has decided for now.
    pub ties: Vec<Tie>,
}

/// Reduces facts to the winning version of each object: one statement must not write a key twice.
pub fn newest<'f, T: Versioned>(facts: &'f [Fact<'f, T>]) -> Newest<'f, T> {
    let mut held: HashMap<_, Held<'f, T>> = HashMap::with_capacity(facts.len());
    for fact in facts {
        match held.entry((fact.row.source, fact.value.key())) {
            Entry::Vacant(free) => {
                free.insert(Held { fact, tie: None });
            }
            Entry::Occupied(mut entry) => entry.get_mut().meet(fact),
        }
    }
    let ties = held.values().filter_map(Held::tie).collect();
    Newest { facts: held.into_values().map(|held| held.fact).collect(), ties }
}

/// The version of an object that wins so far, and the object if that is in doubt.
struct Held<'f, T> {
    fact: &'f Fact<'f, T>,
    tie: Option<(&'f str, &'f str)>,
}

impl<'f, T: Versioned> Held<'f, T> {
    fn meet(&mut self, fact: &'f Fact<'f, T>) {
        let (new, old) = (&fact.value, &self.fact.value);
        match new.version().at.cmp(&old.version().at) {
            // A newer version settles the tie of older ones.
            Ordering::Greater => self.tie = None,
            Ordering::Equal => self.tie = self.tie.or_else(|| new.tie(old)),
            Ordering::Less => {}
        }
        if new.precedence() > old.precedence() {
            self.fact = fact;
        }
    }

    fn tie(&self) -> Option<Tie> {
        let (entity, external_id) = self.tie?;
        Some(Tie {
            source: self.fact.row.source.to_owned(),
            entity: entity.to_owned(),
            external_id: external_id.to_owned(),
        })
    }
}

/// Rows that a full list accounts for: those it no longer shows were deleted at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// `contacts`.
    Contacts,
    /// `payments` that are deals.
    Deals,
    /// `calendar_events`, of the calendar that [`crate::paging::Paging::part`] names.
    CalendarEvents,
}
