//! A Parquet file in memory, to which rows are added one by one.

use std::collections::BTreeMap;

use parquet::file::writer::SerializedFileWriter;
use penstock_domain::analytics::{Column, Kind, Origin, Table};
use penstock_domain::json::too_deep;
use penstock_domain::money::{Currency, exponent};
use penstock_store::Row;
use serde::de::IgnoredAny;

use crate::columns::{Value, Values};
use crate::schema::{SCALE, properties, schema};
use crate::{ArchiveError, Settings};

/// A file that is being written. In memory are its compressed row groups, and the rows of the one
/// that is not complete.
pub(crate) struct FileWriter {
    table: &'static Table,
    epoch: i64,
    left_out: Vec<bool>,
    /// The places of the columns in a row, once there was one. Some are made of others.
    places: Option<Vec<Option<usize>>>,
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Values>,
    group_bytes: usize,
    held_bytes: usize,
    held_rows: usize,
    rows: i64,
    sums: BTreeMap<String, i128>,
}

/// A row group has at most this many rows.
const GROUP_ROWS: usize = 250_000;

/// The room for the bytes of a file before it has to grow: pages that are not used cost nothing.
const ROOM: usize = 160 << 20;

/// The bytes of a file, and what is in them.
pub(crate) struct Finished {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: i64,
    /// Amounts in minor units by currency.
    pub(crate) sums: BTreeMap<String, i128>,
}

impl FileWriter {
    /// Begins a file of a table whose rows hold about `bytes` in Postgres.
    ///
    /// # Errors
    /// [`ArchiveError::File`] if the table has no schema.
    pub(crate) fn new(
        table: &'static Table,
        epoch: i32,
        bytes: i64,
        settings: &Settings,
    ) -> Result<Self, ArchiveError> {
        let failed = |error| ArchiveError::file(table.name, error);
        let room = usize::try_from(bytes).unwrap_or_default().min(ROOM);
        let schema = schema(table).map_err(failed)?;
        let properties = properties(table).map_err(failed)?;
        let writer = SerializedFileWriter::new(Vec::with_capacity(room), schema, properties);
        let empty = |column: &Column| Values::new(column.kind, column.is_nullable);
        Ok(Self {
            table,
            epoch: i64::from(epoch),
            left_out: table.columns.iter().map(|c| settings.leaves_out(table, c)).collect(),
            places: None,
            writer: writer.map_err(failed)?,
            columns: table.columns.iter().map(empty).collect(),
            group_bytes: settings.group_bytes,
            held_bytes: 0,
            held_rows: 0,
            rows: 0,
            sums: BTreeMap::new(),
        })
    }

    /// Adds a row of the table's view.
    ///
    /// # Errors
    /// [`ArchiveError`] if the row has no such columns.
    pub(crate) fn push(&mut self, row: &Row) -> Result<(), ArchiveError> {
        let table = self.table;
        let places = self.places.get_or_insert_with(|| {
            table.columns.iter().map(|column| row.place(column.name)).collect()
        });
        let made = Made::of(table, self.epoch, row)?;
        let columns = table.columns.iter().zip(places).zip(&mut self.columns).zip(&self.left_out);
        for (((column, place), values), left_out) in columns {
            let value = match left_out {
                true => Value::Null,
                false => made.value_of(column, *place, row)?,
            };
            let held = values.push(value).ok_or_else(|| {
                ArchiveError::file(table.name, format!("{} is of another type", column.name))
            })?;
            self.held_bytes += held;
        }
        if let Some((amount, currency)) = made.amount {
            match self.sums.get_mut(currency) {
                Some(sum) => *sum += i128::from(amount),
                None => drop(self.sums.insert(currency.to_owned(), i128::from(amount))),
            }
        }
        self.rows += 1;
        self.held_rows += 1;
        if self.held_bytes >= self.group_bytes || self.held_rows >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes the rows that are held as one row group.
    fn write_group(&mut self) -> Result<(), ArchiveError> {
        let name = self.table.name;
        let failed = |error| ArchiveError::file(name, error);
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for values in &mut self.columns {
            let column = group.next_column().map_err(failed)?;
            let column = column.ok_or_else(|| ArchiveError::file(name, "a column too many"))?;
            values.write(column).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        (self.held_bytes, self.held_rows) = (0, 0);
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`ArchiveError::File`] if a column cannot be written.
    pub(crate) fn finish(mut self) -> Result<Finished, ArchiveError> {
        if self.held_rows > 0 {
            self.write_group()?;
        }
        let name = self.table.name;
        let failed = |error| ArchiveError::file(name, error);
        let bytes = self.writer.into_inner().map_err(failed)?;
        Ok(Finished { bytes, rows: self.rows, sums: self.sums })
    }
}

/// The parts of a row that columns are made of which the view does not have as they are.
struct Made<'row> {
    epoch: i64,
    /// The payload, and whether it is JSON: where the view has it as bytes, of which some are none.
    payload: Option<(&'row [u8], bool)>,
    /// Minor units and their currency, in a table of amounts.
    amount: Option<(i64, &'row str)>,
}

impl<'row> Made<'row> {
    fn of(table: &Table, epoch: i64, row: &'row Row) -> Result<Self, ArchiveError> {
        let has = |origin| table.columns.iter().any(|column| column.origin == origin);
        let payload = match has(Origin::OtherPayload) {
            true => {
                let bytes: &[u8] = row.read("payload")?;
                Some((bytes, is_json(bytes)))
            }
            false => None,
        };
        let amount = match has(Origin::MajorUnits) {
            true => Some((row.read("amount_minor")?, row.read("currency")?)),
            false => None,
        };
        Ok(Self { epoch, payload, amount })
    }

    fn value_of(
        &self,
        column: &Column,
        place: Option<usize>,
        row: &'row Row,
    ) -> Result<Value<'row>, ArchiveError> {
        match (column.origin, column.kind, self.payload) {
            (Origin::Epoch, ..) => Ok(Value::Int(self.epoch)),
            (Origin::MajorUnits, ..) => {
                let units = self.amount.and_then(|(minor, currency)| major_units(minor, currency));
                Ok(Value::or_null(units, Value::Decimal))
            }
            (Origin::OtherPayload, _, Some((bytes, false)))
            | (Origin::Itself, Kind::Json, Some((bytes, true))) => Ok(Value::Bytes(bytes)),
            (Origin::OtherPayload, ..) | (Origin::Itself, Kind::Json, Some(_)) => Ok(Value::Null),
            (Origin::Itself, kind, _) => stored(column.name, kind, place, row),
        }
    }
}

/// The value of a column that the view has as it is.
fn stored<'row>(
    name: &'static str,
    kind: Kind,
    place: Option<usize>,
    row: &'row Row,
) -> Result<Value<'row>, ArchiveError> {
    let Some(at) = place else {
        return Err(ArchiveError::file(name, "the view has no such column"));
    };
    Ok(match kind {
        Kind::Text | Kind::Json => {
            Value::or_null(row.read_at::<Option<&str>>(at, name)?, Value::text)
        }
        Kind::Bytes => Value::or_null(row.read_at::<Option<&[u8]>>(at, name)?, Value::Bytes),
        Kind::Int => Value::or_null(row.read_at(at, name)?, Value::Int),
        Kind::Bool => Value::or_null(row.read_at(at, name)?, Value::Bool),
        Kind::Instant => Value::or_null(row.read_at(at, name)?, Value::instant),
        Kind::Day => Value::or_null(row.read_at(at, name)?, Value::day),
        Kind::Decimal => Value::Null,
    })
}

/// Whether bytes are JSON that any reader takes: UTF-8, and no deeper than what comes in.
fn is_json(bytes: &[u8]) -> bool {
    let read = |text| too_deep(text).is_none() && serde_json::from_str::<IgnoredAny>(text).is_ok();
    std::str::from_utf8(bytes).is_ok_and(read)
}

/// Returns an amount of minor units as a decimal without its point; `None` if the decimals of the
/// currency are not known.
fn major_units(minor: i64, currency: &str) -> Option<i128> {
    let currency: Currency = currency.parse().ok()?;
    let decimals = SCALE.checked_sub(exponent(currency))?;
    i128::from(minor).checked_mul(10_i128.checked_pow(decimals)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        assert_eq!(major_units(1_234, "EUR"), Some(12_340_000_000));
        assert_eq!(major_units(1_234, "JPY"), Some(1_234_000_000_000));
        assert_eq!(major_units(1_234, "KWD"), Some(1_234_000_000));
        assert_eq!(major_units(i64::MAX, "JPY"), Some(i128::from(i64::MAX) * 1_000_000_000));
        assert_eq!(major_units(5, "XXX"), None);
    }

    #[test]
    fn json_is_what_any_reader_takes() {
        for good in ["{}", "[1,2]", " \"x\" ", "null", r#"{"a":"\u0000"}"#] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        for bad in ["", "a=1&b=2", "{} {}", "{", &deep] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
        assert!(!is_json(&[b'"', 0xff, b'"']));
    }
}
