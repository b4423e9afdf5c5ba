//! Datasets and tables.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::file::LoadedRow;
use super::job::Jobs;
use super::refusal::Refusal;
use super::upload::Uploads;

/// A project.
pub(super) struct Project {
    pub(super) id: String,
    pub(super) datasets: BTreeMap<String, Dataset>,
    pub(super) jobs: Jobs,
    pub(super) uploads: Uploads,
    pub(super) now: Timestamp,
}

pub(super) struct Dataset {
    pub(super) location: String,
    pub(super) tables: BTreeMap<String, Table>,
    /// The days after which partitions expire.
    pub(super) partitions_live: Option<i64>,
}

impl Dataset {
    pub(super) fn new(location: String) -> Self {
        Self { location, tables: BTreeMap::new(), partitions_live: None }
    }
}

/// A table that is partitioned by day.
#[derive(Clone)]
pub(super) struct Table {
    /// As it was inserted and patched.
    resource: Value,
    pub(super) rows: Vec<LoadedRow>,
    /// The jobs that have written to it, by day. Those that failed count as well.
    pub(super) changes: BTreeMap<Date, u32>,
}

impl Table {
    fn field(&self, column: &str) -> Option<&Value> {
        let fields = self.resource["schema"]["fields"].as_array()?;
        fields.iter().find(|field| {
            field["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(column))
        })
    }

    /// Returns the mode of a column.
    pub(super) fn mode(&self, column: &str) -> &str {
        self.field(column).and_then(|field| field["mode"].as_str()).unwrap_or("NULLABLE")
    }

    /// Drops a column.
    pub(super) fn drop_column(&mut self, column: &str) {
        if let Some(fields) = self.resource["schema"]["fields"].as_array_mut() {
            fields.retain(|field| field["name"] != column);
        }
    }

    /// Returns the type of a column.
    pub(super) fn kind(&self, column: &str) -> Option<String> {
        let kind = self.field(column)?["type"].as_str()?;
        Some(match kind {
            "INT64" => "INTEGER".to_owned(),
            "BOOL" => "BOOLEAN".to_owned(),
            "FLOAT64" => "FLOAT".to_owned(),
            other => other.to_owned(),
        })
    }

    /// Returns the names of its columns.
    pub(super) fn columns(&self) -> Vec<String> {
        let fields = self.resource["schema"]["fields"].as_array();
        let names = fields.into_iter().flatten().filter_map(|field| field["name"].as_str());
        names.map(ToOwned::to_owned).collect()
    }

    fn shown(&self) -> Value {
        let mut shown = self.resource.clone();
        shown["kind"] = json!("bigquery#table");
        shown["numRows"] = json!(self.rows.len().to_string());
        shown
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        let at = self.resource["expirationTime"].as_str().and_then(|at| at.parse::<i64>().ok());
        at.is_some_and(|at| at <= now.as_millisecond())
    }
}

/// Splits `events$20261129` into the table and the day.
pub(super) fn decorated(id: &str) -> Result<(&str, Option<Date>), Refusal> {
    let Some((table, day)) = id.split_once('$') else { return Ok((id, None)) };
    let bad = || Refusal::invalid(format!("Invalid partition decorator: {id}"));
    let day = Date::strptime("%Y%m%d", day).map_err(|_| bad())?;
    Ok((table, Some(day)))
}

/// Returns whether an id is one of a dataset or a table.
fn is_id(id: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=1_024).contains(&id.len()) && id.bytes().all(sound)
}

impl Project {
    /// Makes tables and partitions end whose time is over.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        for dataset in self.datasets.values_mut() {
            dataset.tables.retain(|_, table| !table.has_expired(now));
            let Some(days) = dataset.partitions_live else { continue };
            let oldest = now - SignedDuration::from_hours(24 * days);
            for table in dataset.tables.values_mut() {
                table.rows.retain(|row| row.arrived_at >= oldest);
            }
        }
    }

    pub(super) fn dataset(&self, id: &str) -> Result<&Dataset, Refusal> {
        let none = || Refusal::not_found(format!("Dataset {}:{id}", self.id));
        self.datasets.get(id).ok_or_else(none)
    }

    pub(super) fn table(&mut self, dataset: &str, id: &str) -> Result<&mut Table, Refusal> {
        let none = format!("Table {}:{dataset}.{id}", self.id);
        self.dataset(dataset)?;
        let tables = self.datasets.get_mut(dataset).map(|dataset| &mut dataset.tables);
        tables.and_then(|tables| tables.get_mut(id)).ok_or_else(|| Refusal::not_found(none))
    }

    /// Answers `datasets.get`.
    pub(super) fn get_dataset(&self, id: &str) -> Result<Value, Refusal> {
        let dataset = self.dataset(id)?;
        let reference = json!({"projectId": self.id, "datasetId": id});
        Ok(json!({
            "kind": "bigquery#dataset",
            "datasetReference": reference,
            "location": dataset.location,
        }))
    }

    /// Answers `datasets.insert`.
    pub(super) fn insert_dataset(&mut self, body: &Value) -> Result<Value, Refusal> {
        let id = body["datasetReference"]["datasetId"].as_str().unwrap_or_default().to_owned();
        if !is_id(&id) {
            return Err(Refusal::invalid(format!("Invalid dataset ID \"{id}\".")));
        }
        if self.datasets.contains_key(&id) {
            return Err(Refusal::duplicate(format!("Dataset {}:{id}", self.id)));
        }
        let location = body["location"].as_str().unwrap_or("US").to_owned();
        self.datasets.insert(id.clone(), Dataset::new(location));
        self.get_dataset(&id)
    }

    /// Answers `tables.get`. A decorator is taken, and changes nothing in the reply.
    pub(super) fn get_table(&mut self, dataset: &str, id: &str) -> Result<Value, Refusal> {
        let (id, _) = decorated(id)?;
        Ok(self.table(dataset, id)?.shown())
    }

    /// Answers `tables.insert`.
    pub(super) fn insert_table(&mut self, dataset: &str, body: &Value) -> Result<Value, Refusal> {
        let id = body["tableReference"]["tableId"].as_str().unwrap_or_default().to_owned();
        if !is_id(&id) {
            return Err(Refusal::invalid(format!("Invalid table ID \"{id}\".")));
        }
        if self.dataset(dataset)?.tables.contains_key(&id) {
            return Err(Refusal::duplicate(format!("Table {}:{dataset}.{id}", self.id)));
        }
        if body["timePartitioning"]["type"] != "DAY" {
            return Err(Refusal::new(501, "notImplemented", "only tables by day are simulated"));
        }
        let field = body["timePartitioning"]["field"].as_str().unwrap_or_default().to_owned();
        let (rows, changes) = (Vec::new(), BTreeMap::new());
        let table = Table { resource: body.clone(), rows, changes };
        if !matches!(table.kind(&field).as_deref(), Some("TIMESTAMP" | "DATE" | "DATETIME")) {
            let message = format!("The field specified for partitioning cannot be found: {field}");
            return Err(Refusal::invalid(message));
        }
        let shown = table.shown();
        if let Some(dataset) = self.datasets.get_mut(dataset) {
            dataset.tables.insert(id, table);
        }
        Ok(shown)
    }

    /// Answers `tables.patch`: columns may be added, and none changed or left out.
    pub(super) fn patch_table(
        &mut self,
        dataset: &str,
        id: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let name = format!("{}:{dataset}.{id}", self.id);
        let table = self.table(dataset, id)?;
        let mut patched = table.clone();
        let Some(fields) = body["schema"]["fields"].as_array() else {
            return Err(Refusal::new(501, "notImplemented", "only the schema is patched"));
        };
        patched.resource["schema"]["fields"] = json!(fields);
        for column in table.columns() {
            if patched.kind(&column) != table.kind(&column) {
                return Err(Refusal::invalid(format!(
                    "Provided Schema does not match Table {name}. Field {column} is missing in new \
                     schema or has changed type."
                )));
            }
        }
        *table = patched;
        Ok(table.shown())
    }

    /// Answers `tables.delete`, of a table or of a partition.
    pub(super) fn delete_table(&mut self, dataset: &str, id: &str) -> Result<(), Refusal> {
        let (name, day) = decorated(id)?;
        let table = self.table(dataset, name)?;
        match day {
            Some(day) => table.rows.retain(|row| row.day() != day),
            None => {
                let tables = self.datasets.get_mut(dataset).map(|dataset| &mut dataset.tables);
                tables.and_then(|tables| tables.remove(name));
            }
        }
        Ok(())
    }
}
