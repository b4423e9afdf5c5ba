//! Lists and single objects (developers.hubspot.com/docs/api/crm/understanding-the-crm).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::render;
use super::state::{HubSpotPortal, Kind};

/// The most objects in a page of a list.
const LIST_LIMIT: usize = 100;

impl HubSpotPortal {
    /// Answers `GET /crm/objects/{version}/{kind}`. The list is in the order of the ids, and is
    /// behind by [`HubSpotPortal::list_lag_ms`].
    pub(super) fn list(
        &self,
        kind: Kind,
        query: &HashMap<String, String>,
    ) -> Result<Value, Refusal> {
        let limit = query.get("limit").map_or(Ok(10), |text| text.parse::<usize>());
        let limit = limit.ok().filter(|n| (1..=LIST_LIMIT).contains(n));
        let limit = limit.ok_or_else(|| Refusal::bad_request("limit must be between 1 and 100"))?;
        let archived = match query.get("archived").map(String::as_str) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Refusal::bad_request("archived must be a boolean")),
        };
        let after = match query.get("after") {
            Some(text) => text
                .parse::<u64>()
                .map_err(|_| Refusal::bad_request("after is no paging cursor"))?,
            None => 0,
        };
        let wanted = wanted(query);
        let listed = self.listed(kind);
        let mut rows =
            listed.range(after..).map(|(_, r)| r).filter(|r| r.archived_ms.is_some() == archived);
        let results: Vec<Value> =
            rows.by_ref().take(limit).map(|r| render::object(self, kind, r, &wanted)).collect();
        let mut page = json!({ "results": results });
        if let (Some(next), Some(page)) = (rows.next(), page.as_object_mut()) {
            let after = self.cursor(next.id.to_string());
            let link = format!("https://api.hubapi.com/crm/objects/2026-09/x?after={}", next.id);
            page.insert("paging".to_owned(), json!({"next": {"after": after, "link": link}}));
        }
        Ok(page)
    }

    /// Answers `GET /crm/objects/{version}/{kind}/{id}`.
    pub(super) fn read(
        &self,
        kind: Kind,
        id: &str,
        query: &HashMap<String, String>,
    ) -> Result<Value, Refusal> {
        let id = id.parse::<u64>().map_err(|_| Refusal::not_found())?;
        let archived = query.get("archived").is_some_and(|text| text == "true");
        let id = match self.merged_into.get(&(kind, id)) {
            Some(into) if self.merged_ids_resolve => *into,
            _ => id,
        };
        let record =
            self.records(kind).get(&id).filter(|record| record.archived_ms.is_some() == archived);
        let mut record = record.ok_or_else(Refusal::not_found)?.clone();
        if !self.merged_ids_listed {
            record.merged.clear();
        }
        Ok(render::object(self, kind, &record, &wanted(query)))
    }
}

fn wanted(query: &HashMap<String, String>) -> Vec<String> {
    let properties = query.get("properties").map(String::as_str).unwrap_or_default();
    properties.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
