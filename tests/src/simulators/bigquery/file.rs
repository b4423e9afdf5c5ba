//! Reads a Parquet file as BigQuery does: its types (the guide on loading Parquet), and its rows as
//! far as they are counted.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::ColumnDescriptor;

/// A row that was loaded, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadedRow {
    pub row_key: String,
    pub archive_epoch: i64,
    pub tx: i64,
    pub arrived_at: Timestamp,
    /// The minor units and the currency, of tables with money.
    pub amount: Option<(i64, String)>,
}

impl LoadedRow {
    /// Returns the day of its partition.
    #[must_use]
    pub fn day(&self) -> Date {
        self.arrived_at.to_zoned(TimeZone::UTC).date()
    }
}

/// A file that was read.
pub(super) struct File {
    /// Its columns with their types and modes.
    pub(super) columns: Vec<(String, &'static str, &'static str)>,
    pub(super) rows: Vec<LoadedRow>,
}

/// Reads a whole file.
pub(super) fn read(bytes: Vec<u8>) -> Result<File, String> {
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|e| e.to_string())?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let described = |column: &ColumnDescriptor| {
        let mode = if column.max_def_level() == 0 { "REQUIRED" } else { "NULLABLE" };
        (column.name().to_owned(), kind(column), mode)
    };
    let columns = schema.columns().iter().map(|column| described(column)).collect();
    let rows = reader.get_row_iter(None).map_err(|e| e.to_string())?;
    let rows = rows.map(|row| row.map_err(|e| e.to_string()).and_then(|row| counted(&row)));
    Ok(File { columns, rows: rows.collect::<Result<_, _>>()? })
}

/// Returns BigQuery's type of a column.
fn kind(column: &ColumnDescriptor) -> &'static str {
    let converted = column.converted_type();
    match (column.physical_type(), column.logical_type_ref()) {
        (_, Some(LogicalType::Decimal(_))) => "NUMERIC",
        _ if converted == ConvertedType::DECIMAL => "NUMERIC",
        (Physical::INT64, Some(LogicalType::Timestamp(_))) => "TIMESTAMP",
        (Physical::INT32, Some(LogicalType::Date)) => "DATE",
        (Physical::INT32 | Physical::INT64, _) => "INTEGER",
        (Physical::BOOLEAN, _) => "BOOLEAN",
        (Physical::FLOAT | Physical::DOUBLE, _) => "FLOAT",
        (Physical::BYTE_ARRAY, Some(LogicalType::String)) => "STRING",
        // The table of conversions has no other logical type of bytes.
        _ => "BYTES",
    }
}

fn counted(row: &Row) -> Result<LoadedRow, String> {
    let field = |name: &str| {
        row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field)
    };
    let number = |name: &str| match field(name) {
        Some(Field::Long(number)) => Some(*number),
        _ => None,
    };
    let text = |name: &str| match field(name) {
        Some(Field::Str(text)) => Some(text.clone()),
        _ => None,
    };
    let arrived_at = match field("arrived_at") {
        Some(Field::TimestampMicros(micros)) => Timestamp::from_microsecond(*micros).ok(),
        _ => None,
    };
    let none = |name: &str| format!("no {name}");
    Ok(LoadedRow {
        row_key: text("row_key").ok_or_else(|| none("row_key"))?,
        archive_epoch: number("archive_epoch").ok_or_else(|| none("archive_epoch"))?,
        tx: number("tx").ok_or_else(|| none("tx"))?,
        arrived_at: arrived_at.ok_or_else(|| none("arrived_at"))?,
        amount: number("amount_minor").zip(text("currency")),
    })
}
