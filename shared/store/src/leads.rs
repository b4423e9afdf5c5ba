//! Reads leads, and changes what people write about them.

use jiff::Timestamp;
use penstock_domain::intake::{Contact, Details, LeadColumns};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    leads.page: Page<'a> {
        from: Timestamp,
        before_time: Timestamp,
        before_id: Uuid,
        state: Option<&'a str>,
        status: Option<&'a str>,
        assigned_to: Option<&'a str>,
        sender: Option<&'a str>,
        email: Option<&'a str>,
        phone: Option<&'a str>,
        country: Option<&'a str>,
        words: Option<&'a str>,
        limit: i64,
        bytes: i64,
    }
    leads.find: Find { id: Uuid }
    lead_changes.newest: Newest { lead_id: Uuid, limit: i64 }
    leads.change: ChangeLead<'a> {
        id: Uuid,
        revision: Option<i64>,
        sets_status: bool,
        status: Option<&'a str>,
        sets_assigned_to: bool,
        assigned_to: Option<&'a str>,
        changed_by: &'a str,
        now: Timestamp,
    }
}

/// The leads that a page shows. An empty text asks for leads without a status or an assignee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// `accepted`, `conflicting` or `rejected`; `None` for all.
    pub state: Option<String>,
    pub status: Option<String>,
    pub assigned_to: Option<String>,
    /// The name of the API key that sent them.
    pub sender: Option<String>,
    pub email: Option<String>,
    /// The digits of the number.
    pub phone: Option<String>,
    pub country: Option<String>,
    /// A query by Postgres' text search, as [`words`] makes it.
    pub words: Option<String>,
}

/// The bounds of a page of leads.
#[derive(Debug, Clone, Copy)]
pub struct LeadPage<'a> {
    pub filter: &'a LeadFilter,
    /// Leads that were received before this time are left out.
    pub from: Timestamp,
    /// Only leads before this time and id.
    pub before: (Timestamp, Uuid),
    /// The most leads on the page.
    pub limit: i64,
    /// The most bytes of columns before the last lead. The first lead always comes.
    pub bytes: i64,
}

/// A lead as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadRecord {
    pub id: Uuid,
    /// `accepted`, `conflicting` or `rejected`.
    pub state: String,
    /// The lead whose Idempotency-Key came with another body.
    pub conflicts_with: Option<Uuid>,
    pub status: Option<String>,
    pub assigned_to: Option<String>,
    /// The columns that were read out of the body.
    pub columns: LeadColumns,
    /// The name of the API key that sent it.
    pub sender: Option<String>,
    pub content_type: String,
    pub received_at: Timestamp,
}

/// A lead with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeLead {
    pub lead: LeadRecord,
    /// `Content-Encoding` of the body, if it is encoded.
    pub content_encoding: Option<String>,
    /// The query string that the body came with.
    pub query: Option<String>,
    /// Byte for byte as it was sent.
    pub body: Vec<u8>,
    /// Counts the changes of the lead.
    pub revision: i64,
    /// The newest changes of status and assignee, newest first.
    pub history: Vec<LeadChange>,
}

/// A change of one field by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadChange {
    /// `status` or `assigned_to`.
    pub field: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// The name of the API key.
    pub by: String,
    pub at: Timestamp,
}

/// A value to set; `None` leaves what there is, and `Some(None)` clears it.
pub type Set<'a> = Option<Option<&'a str>>;

/// The fields of a lead that are to be written.
#[derive(Debug, Clone, Copy)]
pub struct LeadEdit<'a> {
    pub id: Uuid,
    pub status: Set<'a>,
    pub assigned_to: Set<'a>,
    /// The revision that the lead must have; `None` if any will do.
    pub revision: Option<i64>,
    /// The name of the API key.
    pub by: &'a str,
    pub now: Timestamp,
}

/// The outcome of a change of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// There is no such lead.
    Unknown,
    /// The lead has another revision, and nothing was written.
    Changed {
        /// The revision that it has.
        revision: i64,
    },
    /// The lead is as asked.
    Done {
        status: Option<String>,
        assigned_to: Option<String>,
        revision: i64,
        /// How many fields had another value before.
        changes: i64,
    },
}

/// Returns leads, newest first, and how many there are within the page's limit. Fewer leads come if
/// they have too many bytes.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn page(
    on: &impl GenericClient,
    page: LeadPage<'_>,
) -> Result<(Vec<LeadRecord>, usize), StoreError> {
    let LeadPage { filter, from, before: (before_time, before_id), limit, bytes } = page;
    let LeadFilter { state, status, assigned_to, sender, email, phone, country, words } = filter;
    let page = Page {
        from,
        before_time,
        before_id,
        state: state.as_deref(),
        status: status.as_deref(),
        assigned_to: assigned_to.as_deref(),
        sender: sender.as_deref(),
        email: email.as_deref(),
        phone: phone.as_deref(),
        country: country.as_deref(),
        words: words.as_deref(),
        limit,
        bytes,
    };
    let rows = page.rows(on).await?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.read("found"))?;
    let leads = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok((leads, usize::try_from(found).unwrap_or(usize::MAX)))
}

/// Returns the lead of that id with its newest `changes`, or `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn find(
    on: &impl GenericClient,
    id: Uuid,
    changes: i64,
) -> Result<Option<WholeLead>, StoreError> {
    let Some(row) = Find { id }.optional(on).await? else { return Ok(None) };
    let history = Newest { lead_id: id, limit: changes }.rows(on).await?;
    Ok(Some(WholeLead {
        lead: record(&row)?,
        content_encoding: row.read("content_encoding")?,
        query: row.read("query")?,
        body: row.read("body")?,
        revision: row.read("revision")?,
        history: history.iter().map(change).collect::<Result<_, _>>()?,
    }))
}

fn record(row: &Row) -> Result<LeadRecord, StoreError> {
    Ok(LeadRecord {
        id: row.read("id")?,
        state: row.read("state")?,
        conflicts_with: row.read("conflicts_with")?,
        status: row.read("status")?,
        assigned_to: row.read("assigned_to")?,
        columns: LeadColumns { contact: contact(row)?, details: details(row)? },
        sender: row.read("sender")?,
        content_type: row.read("content_type")?,
        received_at: row.read("received_at")?,
    })
}

fn contact(row: &Row) -> Result<Contact, StoreError> {
    Ok(Contact {
        email: row.read("email")?,
        phone: row.read("phone")?,
        name: row.read("name")?,
        first_name: row.read("first_name")?,
        last_name: row.read("last_name")?,
        company: row.read("company")?,
    })
}

fn details(row: &Row) -> Result<Details, StoreError> {
    Ok(Details {
        country: row.read("country")?,
        language: row.read("language")?,
        ip: row.read("ip")?,
        domain: row.read("domain")?,
        offer: row.read("offer")?,
        source_type: row.read("source_type")?,
        marker: row.read("marker")?,
        creative: row.read("creative")?,
        click_id: row.read("click_id")?,
        description: row.read("description")?,
    })
}

fn change(row: &Row) -> Result<LeadChange, StoreError> {
    Ok(LeadChange {
        field: row.read("field")?,
        from: row.read("old_value")?,
        to: row.read("new_value")?,
        by: row.read("changed_by")?,
        at: row.read("changed_at")?,
    })
}

/// Writes status and assignee with their history, in one statement. A value that is there already
/// writes nothing.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn edit(on: &impl GenericClient, edit: LeadEdit<'_>) -> Result<Edited, StoreError> {
    let LeadEdit { id, status, assigned_to, revision, by, now } = edit;
    let change = ChangeLead {
        id,
        revision,
        sets_status: status.is_some(),
        status: status.flatten(),
        sets_assigned_to: assigned_to.is_some(),
        assigned_to: assigned_to.flatten(),
        changed_by: by,
        now,
    };
    let Some(row) = change.optional(on).await? else { return Ok(Edited::Unknown) };
    if !row.read::<bool>("is_expected")? {
        return Ok(Edited::Changed { revision: row.read("revision")? });
    }
    Ok(Edited::Done {
        status: row.read("new_status")?,
        assigned_to: row.read("new_assigned_to")?,
        revision: row.read("revision")?,
        changes: row.read("changes")?,
    })
}

/// Returns a query for leads that have words which begin so; `None` if the text has no word.
///
/// A telephone number is one word, however it is grouped.
#[must_use]
pub fn words(text: &str) -> Option<String> {
    let is_number = |c: char| c.is_ascii_digit() || " +-./()".contains(c);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 6 && text.chars().all(is_number) {
        return Some(format!("{digits}:*"));
    }
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> =
        words.take(MOST_WORDS).map(|word| format!("{}:*", word.to_lowercase())).collect();
    (!words.is_empty()).then(|| words.join(" & "))
}

/// Words of a search that count.
const MOST_WORDS: usize = 10;
