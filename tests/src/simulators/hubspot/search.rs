//! The search endpoint (developers.hubspot.com/docs/api/crm/search). It returns 200 objects per
//! page and 10,000 in all, takes one sort, and shows changes late.

use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::render;
use super::state::{HubSpotPortal, Kind, Record};

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

impl HubSpotPortal {
    /// Answers `POST /crm/objects/{version}/{kind}/search`.
    ///
    /// It shows neither archived or merged objects, nor changes that the index has not caught up
    /// with. While the index is behind, it finds an object by its old time and shows it as it is.
    /// The order of objects with the same sorted value is arbitrary.
    pub(super) fn search(&self, kind: Kind, body: &[u8]) -> Result<Value, Refusal> {
        let search: Search =
            serde_json::from_slice(body).map_err(|e| Refusal::bad_request(&e.to_string()))?;
        let limit = search.limit.unwrap_or(10);
        let after = search.after.as_ref().map_or(Some(0), |after| text(after).parse().ok());
        let after: usize =
            after.ok_or_else(|| Refusal::bad_request("after is no paging cursor"))?;
        let filters: usize = search.filter_groups.iter().map(|group| group.filters.len()).sum();
        let too_many = search.filter_groups.len() > 5 || filters > 18;
        if !(1..=PAGE).contains(&limit) || too_many || search.sorts.len() > 1 {
            return Err(Refusal::bad_request("limit, filterGroups or sorts are out of range"));
        }
        if after + limit > MOST {
            return Err(Refusal::bad_request(
                "Paging past 10,000 results of a search is not possible",
            ));
        }
        // Groups are joined by OR, the filters of a group by AND.
        let groups =
            search.filter_groups.iter().map(|group| group.filters.iter().map(Test::of).collect());
        let groups: Vec<Vec<Test<'_>>> = groups.collect::<Result<_, _>>()?;
        let shown = |record: &&Record| {
            let there = record.archived_ms.is_none() && self.indexed(record).is_some();
            there
                && (groups.is_empty()
                    || groups
                        .iter()
                        .any(|group| group.iter().all(|test| self.passes(test, kind, record))))
        };
        let mut found: Vec<&Record> = self.records(kind).values().filter(shown).collect();
        self.sort(kind, &mut found, search.sorts.first());
        let total = found.len();
        let page: Vec<Value> = found
            .iter()
            .skip(after)
            .take(limit)
            .map(|r| render::object(self, kind, r, &search.properties))
            .collect();
        let mut reply = json!({ "total": total, "results": page });
        if let (true, Some(reply)) = (after + limit < total, reply.as_object_mut()) {
            let after = self.cursor((after + limit).to_string());
            reply.insert("paging".to_owned(), json!({"next": {"after": after}}));
        }
        Ok(reply)
    }

    /// Returns the modified time that the index has; `None` if it does not have the object.
    fn indexed(&self, record: &Record) -> Option<i64> {
        let old = record.indexed_ms.filter(|_| self.index_behind_until_ms.is_some());
        if record.searchable_ms <= self.now_ms { Some(record.modified_ms) } else { old }
    }

    /// Returns a page's cursor: text, or a number in a portal of odd pages.
    pub(super) fn cursor(&self, after: String) -> Value {
        let number = after.parse::<u64>().ok().filter(|_| self.odd_pages);
        number.map_or(Value::String(after), Value::from)
    }

    fn sort(&self, kind: Kind, found: &mut [&Record], sort: Option<&Sort>) {
        // Arbitrary, but the same each time.
        let scattered = |record: &Record| record.id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let Some(sort) = sort else { return found.sort_by_key(|record| record.created_ms) };
        if self.odd_pages && sort.property_name == "hs_object_id" {
            return found.sort_by_cached_key(|record| record.id.to_string());
        }
        let value =
            |record: &Record| self.number(kind, record, &sort.property_name).unwrap_or(i64::MIN);
        let descending = sort.direction.as_deref() == Some("DESCENDING");
        found.sort_by_cached_key(|record| {
            (if descending { -value(record) } else { value(record) }, scattered(record))
        });
    }

    fn passes(&self, test: &Test<'_>, kind: Kind, record: &Record) -> bool {
        self.number(kind, record, test.property)
            .is_some_and(|own| (test.holds)(own, test.value, test.high))
    }

    /// Returns a property as search compares it, dates in milliseconds; `None` if the kind has no
    /// such property.
    fn number(&self, kind: Kind, record: &Record, name: &str) -> Option<i64> {
        match (name, kind) {
            ("lastmodifieddate", Kind::Contact) | ("hs_lastmodifieddate", Kind::Deal) => {
                self.indexed(record)
            }
            ("createdate", _) => Some(record.created_ms),
            ("hs_object_id", _) => i64::try_from(record.id).ok(),
            _ => None,
        }
    }
}

/// A parsed filter.
struct Test<'a> {
    property: &'a str,
    holds: fn(i64, i64, i64) -> bool,
    value: i64,
    high: i64,
}

impl Test<'_> {
    fn of(filter: &Filter) -> Result<Test<'_>, Refusal> {
        let property = filter.property_name.as_str();
        let operand = |value: &Option<Value>| {
            let number = value.as_ref().and_then(|value| text(value).parse::<i64>().ok());
            number.ok_or_else(|| {
                Refusal::bad_request(&format!("{property} needs a number or milliseconds"))
            })
        };
        let holds: fn(i64, i64, i64) -> bool = match filter.operator.as_str() {
            "EQ" => |own, value, _| own == value,
            "NEQ" => |own, value, _| own != value,
            "LT" => |own, value, _| own < value,
            "LTE" => |own, value, _| own <= value,
            "GT" => |own, value, _| own > value,
            "GTE" => |own, value, _| own >= value,
            "BETWEEN" => |own, value, high| own >= value && own <= high,
            other => return Err(Refusal::bad_request(&format!("{other} is no operator"))),
        };
        let high = if filter.operator == "BETWEEN" { operand(&filter.high_value)? } else { 0 };
        Ok(Test { property, holds, value: operand(&filter.value)?, high })
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
