//! One CRM object as HubSpot renders it, read no further than is needed.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::time::time;
use crate::json::scalar as text;

/// An object of a list, of a search, or by id. A tombstone of our own has `id` and `penstock`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub properties: Option<Properties<'a>>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
    #[serde(borrow)]
    updated_at: Option<&'a RawValue>,
    #[serde(borrow)]
    archived_at: Option<&'a RawValue>,
    pub archived: Option<bool>,
    #[serde(borrow)]
    penstock: Option<&'a RawValue>,
}

/// The properties that are asked for. HubSpot sends text or null; a number is read as its text.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Properties<'a> {
    #[serde(borrow)]
    email: Option<&'a RawValue>,
    #[serde(borrow)]
    phone: Option<&'a RawValue>,
    #[serde(borrow)]
    firstname: Option<&'a RawValue>,
    #[serde(borrow)]
    lastname: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    deal_currency_code: Option<&'a RawValue>,
    #[serde(borrow)]
    dealstage: Option<&'a RawValue>,
    #[serde(borrow)]
    hs_is_closed: Option<&'a RawValue>,
    #[serde(borrow)]
    hs_is_closed_won: Option<&'a RawValue>,
    #[serde(borrow)]
    closedate: Option<&'a RawValue>,
    #[serde(borrow)]
    createdate: Option<&'a RawValue>,
    #[serde(borrow)]
    lastmodifieddate: Option<&'a RawValue>,
    #[serde(borrow)]
    hs_lastmodifieddate: Option<&'a RawValue>,
    #[serde(borrow)]
    hs_merged_object_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    hs_calculated_merged_vids: Option<&'a RawValue>,
}

macro_rules! texts {
    ($($name:ident),*) => {
        impl<'a> Properties<'a> {
            $(pub(super) fn $name(&self) -> Option<Cow<'a, str>> {
                text(self.$name)
            })*
        }
    };
}

texts!(email, phone, firstname, lastname, amount, deal_currency_code, dealstage, closedate);

impl Properties<'_> {
    /// Whether the deal is in a stage that ends it; `None` if HubSpot does not say.
    pub(super) fn is_closed(&self) -> Option<bool> {
        flag(self.hs_is_closed)
    }

    /// Whether the deal is won; `None` if HubSpot does not say.
    pub(super) fn is_won(&self) -> Option<bool> {
        flag(self.hs_is_closed_won)
    }
}

impl<'a> Object<'a> {
    /// An object of which no more is read than its id. It has none if the payload is not JSON.
    pub(super) fn with_id_only(raw: &'a [u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            id: Option<&'a RawValue>,
        }
        let Named { id } = serde_json::from_slice(raw).unwrap_or_default();
        Self { id, ..Self::default() }
    }

    /// Its id: digits, at most 255.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        text(self.id).filter(|id| is_id(id))
    }

    /// Whether it is our own sign that the object is gone at HubSpot.
    pub(super) fn is_tombstone(&self) -> bool {
        self.penstock.is_some()
    }

    /// The modified time that search filters and sorts by: `lastmodifieddate` of contacts,
    /// `hs_lastmodifieddate` of everything else (trap 10); `updatedAt` where the property is
    /// missing.
    pub(super) fn modified_at(&self) -> Option<Timestamp> {
        let properties = self.properties.as_ref();
        let property = properties
            .and_then(|p| time_of(p.lastmodifieddate).or_else(|| time_of(p.hs_lastmodifieddate)));
        property.or_else(|| time_of(self.updated_at))
    }

    /// When HubSpot last changed it in any way, archiving included.
    pub(super) fn changed_at(&self) -> Option<Timestamp> {
        let archived_at =
            if self.archived == Some(true) { time_of(self.archived_at) } else { None };
        [self.modified_at(), time_of(self.updated_at), archived_at].into_iter().flatten().max()
    }

    /// When it was archived; where that is not said, when it last changed.
    pub(super) fn archived_at(&self) -> Option<Timestamp> {
        time_of(self.archived_at).or_else(|| self.changed_at())
    }

    /// When it came to be.
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        let property = self.properties.as_ref().and_then(|p| time_of(p.createdate));
        property.or_else(|| time_of(self.created_at))
    }

    /// The ids of the objects that were merged into it, in their order, without its own. The older
    /// list of contacts has a time with each: `101:1677207613460;102:…`.
    pub(super) fn merged_ids(&self) -> Vec<String> {
        let own = self.id();
        let lists =
            self.properties.as_ref().map(|p| [p.hs_merged_object_ids, p.hs_calculated_merged_vids]);
        let lists = lists.into_iter().flatten().filter_map(text);
        let mut ids: Vec<String> = Vec::new();
        for list in lists {
            let entries =
                list.split([';', ',']).map(|entry| entry.split(':').next().unwrap_or_default());
            ids.extend(entries.map(|id| id.trim().to_owned()));
        }
        ids.retain(|id| is_id(id) && own.as_deref() != Some(id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

fn is_id(id: &str) -> bool {
    (1..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

fn flag(raw: Option<&RawValue>) -> Option<bool> {
    match text(raw)?.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn time_of(raw: Option<&RawValue>) -> Option<Timestamp> {
    time(&text(raw)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_ids_are_a_list_with_semicolons_without_the_objects_own() {
        let read = |ids: &str| {
            let json = format!(r#"{{"id":"7","properties":{{"hs_merged_object_ids":{ids}}}}}"#);
            serde_json::from_str::<Object<'_>>(&json).unwrap().merged_ids()
        };
        assert_eq!(read("\"101;102;7;101\""), ["101", "102"]);
        assert_eq!(read("\"101\""), ["101"]);
        assert_eq!(read("103"), ["103"]);
        assert!(read("null").is_empty() && read("\"\"").is_empty() && read("\"../x\"").is_empty());
    }

    #[test]
    fn trap_11_merges_of_contacts_that_only_the_older_list_names_are_read_too() {
        let json = r#"{"id":"7","properties":{"hs_merged_object_ids":"101",
            "hs_calculated_merged_vids":"101:1677207613460;102:1677207613461;7:1677207613462"}}"#;
        assert_eq!(serde_json::from_str::<Object<'_>>(json).unwrap().merged_ids(), ["101", "102"]);
    }
}
