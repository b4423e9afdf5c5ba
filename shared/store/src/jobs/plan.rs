//! The choice of a job's items. It is made once: rows that match later are none of them.

use jiff::Timestamp;
use penstock_domain::ids::JobId;
use penstock_domain::job::{JobKind, JobState};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use super::MOST_ITEMS;
use crate::failures::Filter;
use crate::sql::{Statement, statements};
use crate::{Chosen, Row, StoreError};

statements! {
    jobs.plan_replay: PlanReplay<'a> {
        job: Uuid,
        filter: &'a str,
        fingerprint: &'a [u8],
        rate: i32,
        asked_by: &'a str,
        now: Timestamp,
        most: i64,
        only: Option<&'a [Uuid]>,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        entity: Option<&'a str>,
        error_kind: Option<&'a str>,
        reason: Option<&'a str>,
        external_id: Option<&'a str>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    }
    jobs.plan: Plan<'a> {
        job: Uuid,
        kind: &'a str,
        state: &'a str,
        filter: &'a str,
        fingerprint: &'a [u8],
        rate: i32,
        asked_by: &'a str,
        now: Timestamp,
    }
    payments.freeze: FreezePayments<'a> {
        job: Uuid,
        taken: i64,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        entity: Option<&'a str>,
        external_id: Option<&'a str>,
        unmapped: bool,
        after: &'a [String],
        limit: i64,
    }
    contacts.freeze: FreezeContacts<'a> {
        job: Uuid,
        taken: i64,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        external_id: Option<&'a str>,
        after: &'a [String],
        limit: i64,
    }
    calendar_events.freeze: FreezeEntries<'a> {
        job: Uuid,
        taken: i64,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        external_id: Option<&'a str>,
        after: &'a [String],
        limit: i64,
    }
    leads.freeze: FreezeLeads<'a> {
        job: Uuid,
        taken: i64,
        external_id: Option<&'a str>,
        after: &'a [String],
        limit: i64,
    }
    jobs.last_item: LastItem { job: Uuid }
    jobs.count_frozen: CountFrozen<'a> { job: Uuid, continue_at: Option<&'a str> }
}

/// A job as somebody plans it.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    pub id: JobId,
    /// The filter as JSON, which is what the reply shows.
    pub filter: &'a str,
    /// The SHA-256 of the kind and the filter: two jobs that have the same are not at work at once.
    pub fingerprint: &'a [u8],
    /// The items that are begun in a second.
    pub rate: i32,
    /// The name of the key.
    pub asked_by: &'a str,
}

/// The items that a job has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub items: i32,
    /// Whether more rows match than one job takes.
    pub is_capped: bool,
    /// The start of the next job, if there are more: a time of a replay, a place of a remap.
    pub continue_at: Option<String>,
}

fn planned(row: &Row) -> Result<Planned, StoreError> {
    Ok(Planned {
        items: row.read("items")?,
        is_capped: row.read("is_capped")?,
        continue_at: row.read("continue_at")?,
    })
}

/// Plans the replay of what has failed and matches, the newest first: of those in `only`, if it is
/// given. An id is that of a row, or of a dead letter.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn replay(
    on: &impl GenericClient,
    new: NewJob<'_>,
    filter: Filter<'_>,
    only: Option<&[Uuid]>,
    now: Timestamp,
) -> Result<Planned, StoreError> {
    let NewJob { id, filter: text, fingerprint, rate, asked_by } = new;
    let Chosen { vendor, connection } = filter.chosen;
    let Filter { entity, error_kind, reason, external_id, since, until, .. } = filter;
    let plan = PlanReplay {
        job: id.0,
        filter: text,
        fingerprint,
        rate,
        asked_by,
        now,
        most: MOST_ITEMS,
        only,
        vendor,
        connection,
        entity,
        error_kind,
        reason,
        external_id,
        since,
        until,
    };
    planned(&plan.one(on).await?)
}

/// Writes down a job without items, in its first state.
pub(super) async fn insert(
    tx: &Transaction<'_>,
    new: NewJob<'_>,
    kind: JobKind,
    state: JobState,
    now: Timestamp,
) -> Result<(), StoreError> {
    let NewJob { id, filter, fingerprint, rate, asked_by } = new;
    let (job, kind, state) = (id.0, kind.as_str(), state.as_str());
    let plan = Plan { job, kind, state, filter, fingerprint, rate, asked_by, now };
    plan.execute(tx).await.map(drop)
}

/// The objects whose versions are to be read again. A field that is `None` leaves none out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Objects<'a> {
    /// Those of these connections. Leads have no connection, but a name in its place.
    pub chosen: Chosen<'a>,
    /// Those of this kind.
    pub entity: Option<&'a str>,
    /// The one that has this id.
    pub external_id: Option<&'a str>,
    /// Payments whose status no map knows.
    pub unmapped: bool,
    /// Those behind this object, in the words of [`Planned::continue_at`].
    pub after: Option<&'a Position>,
}

/// An object's place in the order in which they are read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    target: Target,
    key: Vec<String>,
}

/// A table of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Payments,
    Contacts,
    CalendarEvents,
    Leads,
}

impl Target {
    const ALL: [Self; 4] = [Self::Payments, Self::Contacts, Self::CalendarEvents, Self::Leads];

    const fn name(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Contacts => "contacts",
            Self::CalendarEvents => "calendar_events",
            Self::Leads => "leads",
        }
    }

    /// The key before all rows.
    fn beginning(self) -> Vec<String> {
        let least: &[&str] = match self {
            Self::Payments | Self::CalendarEvents => &["", "", ""],
            Self::Contacts => &["", ""],
            Self::Leads => &["00000000-0000-0000-0000-000000000000"],
        };
        least.iter().map(|part| (*part).to_owned()).collect()
    }

    /// Whether objects that are asked for may be in this table.
    fn may_have(self, objects: Objects<'_>) -> bool {
        let Objects { chosen, entity, unmapped, .. } = objects;
        let asked = |names: &[&str]| entity.is_none_or(|entity| names.contains(&entity));
        let of_leads = |name: Option<&str>| name.is_none_or(|name| name == "leads");
        match self {
            Self::Payments => true,
            _ if unmapped => false,
            Self::Contacts => asked(&["contact"]),
            Self::CalendarEvents => asked(&["event"]),
            Self::Leads => {
                asked(&["lead", "conflicting_lead", "rejected_lead"])
                    && of_leads(chosen.vendor)
                    && of_leads(chosen.connection)
            }
        }
    }
}

impl Position {
    /// Reads the text of a position; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts: Vec<String> = serde_json::from_str(text).ok()?;
        let name = if parts.is_empty() { return None } else { parts.remove(0) };
        let target = Target::ALL.into_iter().find(|target| target.name() == name)?;
        let is_sound = parts.len() == target.beginning().len()
            && parts.iter().all(|part| !part.contains('\0'))
            && (target != Target::Leads || parts.iter().all(|id| Uuid::try_parse(id).is_ok()));
        is_sound.then_some(Self { target, key: parts })
    }
}

/// Plans to read again the versions that stand, in the order of their tables and keys.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. Nothing is planned unless `tx` commits.
pub async fn remap(
    tx: &Transaction<'_>,
    new: NewJob<'_>,
    objects: Objects<'_>,
    now: Timestamp,
) -> Result<Planned, StoreError> {
    let id = new.id;
    insert(tx, new, JobKind::Remap, JobState::Planned, now).await?;
    let first = objects.after.map_or(Target::Payments, |after| after.target);
    let tables = Target::ALL.into_iter().filter(|table| *table >= first);
    let mut taken = 0;
    for table in tables.filter(|table| table.may_have(objects)) {
        let after = objects.after.filter(|after| after.target == table);
        let after = after.map_or_else(|| table.beginning(), |after| after.key.clone());
        taken += freeze(tx, table, id, objects, &after, taken).await?;
        if taken >= MOST_ITEMS {
            break;
        }
    }
    let continue_at = match taken >= MOST_ITEMS {
        true => Some(LastItem { job: id.0 }.one(tx).await?.read::<String>("position")?),
        false => None,
    };
    let items = CountFrozen { job: id.0, continue_at: continue_at.as_deref() };
    let items = items.one(tx).await?.read("items")?;
    Ok(Planned { items, is_capped: continue_at.is_some(), continue_at })
}

/// Takes the objects of one table behind `after`, as many as there is room for. Returns how many.
async fn freeze(
    tx: &Transaction<'_>,
    table: Target,
    id: JobId,
    objects: Objects<'_>,
    after: &[String],
    taken: i64,
) -> Result<i64, StoreError> {
    let Objects { chosen: Chosen { vendor, connection }, entity, external_id, unmapped, .. } =
        objects;
    let (job, limit) = (id.0, MOST_ITEMS - taken);
    let rows = match table {
        Target::Payments => {
            FreezePayments {
                job,
                taken,
                vendor,
                connection,
                entity,
                external_id,
                unmapped,
                after,
                limit,
            }
            .execute(tx)
            .await?
        }
        Target::Contacts => {
            FreezeContacts { job, taken, vendor, connection, external_id, after, limit }
                .execute(tx)
                .await?
        }
        Target::CalendarEvents => {
            FreezeEntries { job, taken, vendor, connection, external_id, after, limit }
                .execute(tx)
                .await?
        }
        Target::Leads => FreezeLeads { job, taken, external_id, after, limit }.execute(tx).await?,
    };
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Creates the fingerprint's text, of which the SHA-256 is stored.
#[must_use]
pub fn fingerprint_text(kind: JobKind, filter: &str) -> String {
    format!("{}/{filter}", kind.as_str())
}
