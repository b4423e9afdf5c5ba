//! Datasets and tables: how they are made, and which columns one lacks.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use super::refusal::Refusal;
use crate::analytics::{self, Column};

/// The column by whose day a table is partitioned.
const ARRIVED: &str = "arrived_at";

/// A column that exists with another type. Types never change, so a person has to act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the column {name} is of type {found}, and the files have {wanted}")]
pub struct Conflict {
    name: String,
    found: String,
    wanted: String,
}

/// A table as BigQuery shows it.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its rows.
    pub rows: i64,
    /// Its columns as they are: they are sent back as they came.
    fields: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    num_rows: Option<String>,
}

#[derive(Default, Deserialize)]
struct Schema {
    #[serde(default)]
    fields: Vec<Value>,
}

impl Table {
    /// Reads a table from the reply of `tables.get`.
    ///
    /// # Errors
    /// A [`Refusal`] that may pass, if the reply is no table.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wire: Wire = serde_json::from_slice(body).map_err(|e| {
            let place = crate::json::place(&e);
            Refusal::passing(format!("a reply of {} bytes is no table: {place}", body.len()))
        })?;
        let rows = wire.num_rows.and_then(|rows| rows.parse().ok()).unwrap_or_default();
        Ok(Self { rows, fields: wire.schema.fields })
    }
}

/// Returns the resource of the dataset, as `datasets.insert` takes it.
#[must_use]
pub fn dataset(place: &Place) -> Value {
    json!({
        "datasetReference": {"projectId": place.project, "datasetId": place.dataset},
        "location": place.location,
        "description": "The analytics copy of Penstock: each row exactly once.",
    })
}

/// Returns the resource of a table called `name`, as `tables.insert` takes it. It is partitioned by
/// the day of arrival. All columns may be null, because one that is added later is null in older
/// rows. With `expires_at`, BigQuery deletes the table then.
#[must_use]
pub fn table(
    place: &Place,
    name: &str,
    of: &analytics::Table,
    expires_at: Option<Timestamp>,
) -> Value {
    let reference = json!({
        "projectId": place.project,
        "datasetId": place.dataset,
        "tableId": name,
    });
    let mut table = json!({
        "tableReference": reference,
        "description": of.meaning,
        "schema": {"fields": of.columns.iter().map(column).collect::<Vec<_>>()},
        "timePartitioning": {"type": "DAY", "field": ARRIVED},
    });
    if let Some(at) = expires_at {
        table["expirationTime"] = json!(at.as_millisecond().to_string());
    }
    table
}

/// Returns the body of `tables.patch` that adds the columns which a table lacks; `None` if it lacks
/// none. Columns that others have added stay.
///
/// # Errors
/// [`Conflict`] if a column is of another type.
pub fn missing(table: &Table, of: &analytics::Table) -> Result<Option<Value>, Conflict> {
    let mut all = table.fields.clone();
    for field in of.columns {
        // Names are compared without case: BigQuery holds no two that differ in nothing else.
        let found = table.fields.iter().find(|found| {
            found["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(field.name))
        });
        match found {
            None => all.push(column(field)),
            Some(found) => {
                let (found, wanted) =
                    (found["type"].as_str().unwrap_or_default(), field.kind.in_bigquery());
                if plain(found) != plain(wanted) {
                    let (name, found) = (field.name.to_owned(), found.to_owned());
                    return Err(Conflict { name, found, wanted: wanted.to_owned() });
                }
            }
        }
    }
    let is_new = all.len() > table.fields.len();
    Ok(is_new.then(|| json!({"schema": {"fields": all}})))
}

fn column(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind.in_bigquery(),
        "mode": "NULLABLE",
        "description": column.meaning,
    })
}

/// Returns the name by which the API knows a type. It takes those of SQL as well.
fn plain(kind: &str) -> &str {
    match kind {
        "INT64" => "INTEGER",
        "BOOL" => "BOOLEAN",
        "FLOAT64" => "FLOAT",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> &'static analytics::Table {
        analytics::Table::named("events").unwrap()
    }

    /// The columns of events as BigQuery shows them.
    fn columns() -> Vec<Value> {
        events().columns.iter().map(column).collect()
    }

    fn shown(fields: &[Value]) -> Table {
        let body = json!({"schema": {"fields": fields}, "numRows": "3"});
        Table::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_column_that_was_added_is_added_behind_those_that_are_there() {
        let own = json!({"name": "note", "type": "STRING", "mode": "NULLABLE", "policyTags": {}});
        let mut before = columns();
        let last = before.pop().unwrap();
        before.push(own.clone());
        let table = shown(&before);
        let patch = missing(&table, events()).unwrap().unwrap();
        before.push(last);
        assert_eq!(patch["schema"]["fields"], json!(before));
        assert_eq!(table.rows, 3);
    }

    #[test]
    fn a_table_that_has_all_columns_is_left_alone_whatever_their_case_and_the_types_are_called() {
        let mut before = columns();
        before[0]["name"] = json!("ROW_KEY");
        assert_eq!(before[1]["type"], "INT64");
        before[1]["type"] = json!("INTEGER");
        assert_eq!(missing(&shown(&before), events()), Ok(None));
    }

    #[test]
    fn a_column_of_another_type_is_told_by_name() {
        let mut before = columns();
        before[2]["type"] = json!("NUMERIC");
        let error = missing(&shown(&before), events()).unwrap_err().to_string();
        assert_eq!(error, "the column tx is of type NUMERIC, and the files have INT64");
    }

    #[test]
    fn a_table_is_partitioned_by_the_day_of_arrival_and_one_that_stages_ends_by_itself() {
        let place = Place { project: "p".into(), dataset: "d".into(), location: "EU".into() };
        let table = table(&place, "staging", events(), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(table["timePartitioning"], json!({"type": "DAY", "field": "arrived_at"}));
        assert_eq!(table["tableReference"]["tableId"], "staging");
        assert_eq!(table["expirationTime"], "0");
        for of in analytics::TABLES {
            let arrived = of.column(ARRIVED).map(|column| column.kind.in_bigquery());
            assert_eq!(arrived, Some("TIMESTAMP"), "{}", of.name);
        }
    }
}
