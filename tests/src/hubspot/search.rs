//! The search endpoint (developers.hubspot.com/docs/api/crm/search): 200 a page, 10,000 in all, one sort, late.

use serde::Deserialize;
use serde_json::{Value, json};

use super::render;
use super::server::Refusal;
use super::world::{Kind, Record, World};

const PAGE: usize = 200;
const MOST: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<Sort>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<Value>,
    high_value: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    property_name: String,
    direction: Option<String>,
}

impl World {
    /// `POST /crm/v3/objects/{kind}/search`. Shows neither what is archived or merged, nor what has changed within
    /// the lag of the index. What shares the sorted value comes in no order that means anything.
    pub(super) fn search(&self, kind: Kind, body: &[u8]) -> Result<Value, Refusal> {
        let search: Search = serde_json::from_slice(body).map_err(|e| Refusal::bad_request(&e.to_string()))?;
        let limit = search.limit.unwrap_or(10);
        let after = search.after.as_ref().map_or(Some(0), |after| text(after).parse().ok());
        let after: usize = after.ok_or_else(|| Refusal::bad_request("after is no paging cursor"))?;
        let filters: usize = search.filter_groups.iter().map(|group| group.filters.len()).sum();
        let too_many = search.filter_groups.len() > 5 || filters > 18;
        if !(1..=PAGE).contains(&limit) || too_many || search.sorts.len() > 1 {
            return Err(Refusal::bad_request("limit, filterGroups or sorts are out of range"));
        }
        if after + limit > MOST {
            return Err(Refusal::bad_request("Paging past 10,000 results of a search is not possible"));
        }
        let mut found = Vec::new();
        for record in self.records(kind).values() {
            if record.archived_ms.is_none() && record.searchable_ms <= self.now_ms && matches(kind, record, &search)? {
                found.push(record);
            }
        }
        sort(kind, &mut found, search.sorts.first());
        let total = found.len();
        let page: Vec<Value> =
            found.iter().skip(after).take(limit).map(|r| render::object(kind, r, &search.properties)).collect();
        let mut reply = json!({ "total": total, "results": page });
        if let (true, Some(reply)) = (after + limit < total, reply.as_object_mut()) {
            reply.insert("paging".to_owned(), json!({"next": {"after": (after + limit).to_string()}}));
        }
        Ok(reply)
    }
}

fn sort(kind: Kind, found: &mut [&Record], sort: Option<&Sort>) {
    // Scattered, but the same each time.
    let scattered = |record: &Record| record.id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let Some(sort) = sort else { return found.sort_by_key(|record| record.created_ms) };
    let value = |record: &Record| number(kind, record, &sort.property_name).unwrap_or(i64::MIN);
    let descending = sort.direction.as_deref() == Some("DESCENDING");
    found.sort_by_key(|record| (if descending { -value(record) } else { value(record) }, scattered(record)));
}

/// Groups are joined by OR, the filters of one by AND.
fn matches(kind: Kind, record: &Record, search: &Search) -> Result<bool, Refusal> {
    if search.filter_groups.is_empty() {
        return Ok(true);
    }
    for group in &search.filter_groups {
        let mut all = true;
        for filter in &group.filters {
            all &= passes(kind, record, filter)?;
        }
        if all {
            return Ok(true);
        }
    }
    Ok(false)
}

fn passes(kind: Kind, record: &Record, filter: &Filter) -> Result<bool, Refusal> {
    let operand = |value: &Option<Value>| {
        let text = value.as_ref().map(text);
        let number = text.and_then(|text| text.parse::<i64>().ok());
        number.ok_or_else(|| Refusal::bad_request(&format!("{} needs a number or milliseconds", filter.property_name)))
    };
    let wanted = operand(&filter.value)?;
    let Some(own) = number(kind, record, &filter.property_name) else { return Ok(false) };
    Ok(match filter.operator.as_str() {
        "EQ" => own == wanted,
        "NEQ" => own != wanted,
        "LT" => own < wanted,
        "LTE" => own <= wanted,
        "GT" => own > wanted,
        "GTE" => own >= wanted,
        "BETWEEN" => own >= wanted && own <= operand(&filter.high_value)?,
        other => return Err(Refusal::bad_request(&format!("{other} is no operator"))),
    })
}

/// A property as search compares it: dates in milliseconds. A property that the kind does not have has no value.
fn number(kind: Kind, record: &Record, name: &str) -> Option<i64> {
    match (name, kind) {
        ("lastmodifieddate", Kind::Contact) | ("hs_lastmodifieddate", Kind::Deal) => Some(record.modified_ms),
        ("createdate", _) => Some(record.created_ms),
        ("hs_object_id", _) => i64::try_from(record.id).ok(),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
