//! Contacts, by page.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    console.contacts: Contacts<'a> {
        email: Option<&'a str>,
        source: Option<&'a str>,
        after_source: Option<&'a str>,
        after_id: Option<&'a str>,
        limit: i64,
    }
}

/// A person as a CRM knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The name of the connection.
    pub source: String,
    pub external_id: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// The contact that has taken this one's place.
    pub merged_into: Option<String>,
    pub deleted_at: Option<Timestamp>,
    pub version_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The contacts that a page shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// Only those with this address.
    pub email: Option<&'a str>,
    /// Only those of this connection.
    pub source: Option<&'a str>,
    /// Only those behind this connection and id.
    pub after: Option<(&'a str, &'a str)>,
    /// The most contacts.
    pub limit: i64,
}

/// Returns contacts by connection and id.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn page(on: &impl GenericClient, page: Page<'_>) -> Result<Vec<Contact>, StoreError> {
    let Page { email, source, after, limit } = page;
    let (after_source, after_id) = after.unzip();
    let rows = Contacts { email, source, after_source, after_id, limit }.rows(on).await?;
    rows.iter().map(contact).collect()
}

fn contact(row: &Row) -> Result<Contact, StoreError> {
    Ok(Contact {
        source: row.read("source")?,
        external_id: row.read("external_id")?,
        email: row.read("email")?,
        phone: row.read("phone")?,
        first_name: row.read("first_name")?,
        last_name: row.read("last_name")?,
        merged_into: row.read("merged_into")?,
        deleted_at: row.read("deleted_at")?,
        version_at: row.read("version_at")?,
        updated_at: row.read("updated_at")?,
    })
}
