//! The `leads` table: every lead with its body, for good.

use penstock_domain::intake::Lead;
use postgres_types::Type;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::{Sql, StoreError};

static INSERT: Sql = Sql {
    name: "leads.insert",
    text: include_str!("../sql/leads/insert.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&INSERT];

/// Writes leads; one that is there stays as it is.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn insert(on: &impl GenericClient, leads: &[Lead]) -> Result<(), StoreError> {
    if leads.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = leads.iter().map(|lead| lead.id).collect();
    let rows: Vec<Uuid> = leads.iter().map(|lead| lead.row.0).collect();
    let states: Vec<&str> = leads.iter().map(|lead| lead.state.as_str()).collect();
    let conflicts: Vec<Option<Uuid>> = leads.iter().map(|lead| lead.conflicts_with).collect();
    let emails: Vec<Option<&str>> =
        leads.iter().map(|lead| lead.contact.email.as_deref()).collect();
    let phones: Vec<Option<&str>> =
        leads.iter().map(|lead| lead.contact.phone.as_deref()).collect();
    let names: Vec<Option<&str>> = leads.iter().map(|lead| lead.contact.name.as_deref()).collect();
    let companies: Vec<Option<&str>> =
        leads.iter().map(|lead| lead.contact.company.as_deref()).collect();
    INSERT
        .execute(on, &[&ids, &rows, &states, &conflicts, &emails, &phones, &names, &companies])
        .await
        .map(drop)
}
