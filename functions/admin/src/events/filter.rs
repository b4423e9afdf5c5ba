//! Which failures a caller asks about, in a query or in the body of a replay.

use jiff::Timestamp;
use penstock_edge::http::Query;
use penstock_store::Chosen;
use penstock_store::failures::Filter;
use serde::{Deserialize, Serialize};

use super::error_kinds;

/// The longest text of a filter, in bytes.
pub(crate) const LONGEST: usize = 400;

/// The failures that a caller asks about. A field that is left out leaves none out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailureFilter"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Asked {
    /// The vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The name of a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The kind of object in the vendor's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The kind of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
    /// A text that the reason has in it, in capital or small letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Failed at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Failed before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl Asked {
    /// Takes the filter's parameters from a query.
    pub(crate) fn take(query: &mut Query) -> Self {
        let mut text = |name| query.take_as(name, |text| checked(text).map(str::to_owned));
        let (source, connection) = (text("source"), text("connection"));
        let (entity, reason) = (text("entity"), text("reason"));
        let external_id = text("externalId");
        let error_kind = query.take_as("errorKind", |word| kind(word).map(str::to_owned));
        let mut time = |name| {
            query.take_as(name, |text| {
                text.parse::<Timestamp>()
                    .map_err(|_| "must be a time, such as 2026-06-01T12:00:00Z".to_owned())
            })
        };
        let (from, to) = (time("from"), time("to"));
        Self { source, connection, entity, error_kind, reason, external_id, from, to }
    }

    /// Checks a filter that came in a body. Returns the fields that are wrong, each with what it
    /// must be.
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("source", &self.source),
            ("connection", &self.connection),
            ("entity", &self.entity),
            ("reason", &self.reason),
            ("externalId", &self.external_id),
        ];
        let kind = self.error_kind.as_deref().and_then(|word| kind(word).err());
        text_faults(texts).chain(kind.map(|it| ("errorKind", it))).collect()
    }

    /// The filter as the store takes it.
    pub(crate) fn filter(&self) -> Filter<'_> {
        Filter {
            chosen: Chosen {
                vendor: self.source.as_deref(),
                connection: self.connection.as_deref(),
            },
            entity: self.entity.as_deref(),
            error_kind: self.error_kind.as_deref(),
            reason: self.reason.as_deref(),
            external_id: self.external_id.as_deref(),
            since: self.from,
            until: self.to,
        }
    }
}

/// Checks texts of a filter by the names of their fields. Returns the fields that are wrong, each
/// with what it must be.
pub(crate) fn text_faults<const N: usize>(
    texts: [(&'static str, &Option<String>); N],
) -> impl Iterator<Item = (&'static str, String)> {
    texts.into_iter().filter_map(|(name, text)| Some((name, checked(text.as_deref()?).err()?)))
}

fn checked(text: &str) -> Result<&str, String> {
    let is_sound = !text.is_empty() && text.len() <= LONGEST && !text.contains('\0');
    is_sound.then_some(text).ok_or_else(|| format!("must be a text of 1 to {LONGEST} bytes"))
}

fn kind(word: &str) -> Result<&str, String> {
    let known = error_kinds();
    let is_known = known.contains(&word);
    is_known.then_some(word).ok_or_else(|| format!("must be one of {}", known.join(", ")))
}
