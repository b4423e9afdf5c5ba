//! Reads the columns of leads again, after this release has learned to read more.

use penstock_domain::intake::{Body, LeadColumns};
use penstock_domain::record::Media;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::StoreError;
use crate::facts::LEAD_COLUMNS;
use crate::sql::{Statement, statements};

statements! {
    leads.bodies: Bodies<'a> { ids: &'a [Uuid] }
    leads.set_columns: SetColumns<'a> {
        ids: &'a [Uuid],
        emails: &'a [Option<&'a str>],
        phones: &'a [Option<&'a str>],
        names: &'a [Option<&'a str>],
        companies: &'a [Option<&'a str>],
        first_names: &'a [Option<&'a str>],
        last_names: &'a [Option<&'a str>],
        countries: &'a [Option<&'a str>],
        languages: &'a [Option<&'a str>],
        ips: &'a [Option<&'a str>],
        domains: &'a [Option<&'a str>],
        offers: &'a [Option<&'a str>],
        source_types: &'a [Option<&'a str>],
        markers: &'a [Option<&'a str>],
        creatives: &'a [Option<&'a str>],
        click_ids: &'a [Option<&'a str>],
        descriptions: &'a [Option<&'a str>],
    }
}

/// Reads the columns of leads again out of their bodies, as this release reads them. Returns how
/// many leads changed. It changes nothing if it is done again.
///
/// It locks the leads in the order of their ids, so run it in a transaction of its own with some
/// hundred of them.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn read_again(on: &impl GenericClient, ids: &[Uuid]) -> Result<u64, StoreError> {
    let rows = Bodies { ids }.rows(on).await?;
    let mut read = Vec::with_capacity(rows.len());
    for row in &rows {
        let media = Media {
            content_type: row.read("content_type")?,
            content_encoding: row.read("content_encoding")?,
        };
        let columns = LeadColumns::read(Body { bytes: row.read("body")?, media });
        read.push((row.read::<Uuid>("id")?, columns.unwrap_or_default()));
    }
    let ids: Vec<Uuid> = read.iter().map(|(id, _)| *id).collect();
    let columns = LEAD_COLUMNS.map(|(_, column)| {
        read.iter().map(|(_, read)| column(read).as_deref()).collect::<Vec<_>>()
    });
    let [emails, phones, names, companies, first_names, last_names, rest @ ..] = &columns;
    let [countries, languages, ips, domains, offers, source_types, rest @ ..] = rest;
    let [markers, creatives, click_ids, descriptions] = rest;
    let set = SetColumns {
        ids: &ids,
        emails,
        phones,
        names,
        companies,
        first_names,
        last_names,
        countries,
        languages,
        ips,
        domains,
        offers,
        source_types,
        markers,
        creatives,
        click_ids,
        descriptions,
    };
    set.execute(on).await
}
