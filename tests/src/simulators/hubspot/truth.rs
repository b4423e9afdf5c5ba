//! The rows that the tables must hold for a portal.

use std::collections::BTreeMap;

use super::state::{Fields, HubSpotPortal, Kind};

/// A contact as it is, or the trace of one that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactTruth {
    /// E-mail, phone, first and last name; all `None` for a contact that is gone.
    pub fields: [Option<String>; 4],
    /// Whether it was archived, merged or purged.
    pub deleted: bool,
    /// The contact that took its place in a merge.
    pub merged_into: Option<String>,
}

/// A live deal. An archived, merged or purged deal counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DealTruth {
    /// In minor units, negative for a credit; 0 if the deal has no amount.
    pub amount: i64,
    pub currency: String,
    /// HubSpot's word for the stage.
    pub stage: String,
    /// The close date, past or planned; without one, the creation time.
    pub closed_ms: i64,
}

impl HubSpotPortal {
    /// Returns every contact that has ever existed, by id.
    #[must_use]
    pub fn contacts_truth(&self) -> BTreeMap<String, ContactTruth> {
        let gone =
            |merged_into| ContactTruth { fields: Default::default(), deleted: true, merged_into };
        let mut truth = BTreeMap::new();
        for (_, id) in self.purged.iter().filter(|(kind, _)| *kind == Kind::Contact) {
            truth.insert(id.to_string(), gone(None));
        }
        for ((_, id), into) in
            self.merged_into.iter().filter(|((kind, _), _)| *kind == Kind::Contact)
        {
            truth.insert(id.to_string(), gone(Some(into.to_string())));
        }
        for record in self.contacts.values() {
            let row = match &record.fields {
                _ if record.archived_ms.is_some() => gone(None),
                Fields::Contact { email, phone, first, last } => ContactTruth {
                    fields: [email, phone, first, last].map(Clone::clone),
                    deleted: false,
                    merged_into: None,
                },
                Fields::Deal { .. } => continue,
            };
            truth.insert(record.id.to_string(), row);
        }
        truth
    }

    /// Returns every live deal, by id.
    #[must_use]
    pub fn deals_truth(&self) -> BTreeMap<String, DealTruth> {
        let live = self.deals.values().filter(|record| record.archived_ms.is_none());
        let row = |record: &super::state::Record| match &record.fields {
            Fields::Deal { minor, currency, stage, closed_ms, .. } => Some((
                record.id.to_string(),
                DealTruth {
                    amount: minor.unwrap_or(0),
                    currency: (*currency).to_owned(),
                    stage: (*stage).to_owned(),
                    closed_ms: closed_ms.unwrap_or(record.created_ms),
                },
            )),
            Fields::Contact { .. } => None,
        };
        live.filter_map(row).collect()
    }
}
