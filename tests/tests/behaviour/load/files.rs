//! Parquet files as `archive` writes them, as far as BigQuery looks at them.

use std::sync::Arc;

use jiff::Timestamp;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use penstock_domain::analytics::{Column, Kind, Table};

/// A row of a file. All its other columns are null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub epoch: i64,
    pub tx: i64,
    pub arrived_at: Timestamp,
    /// Makes the file large: the payload, which is not to be compressed.
    pub payload: String,
}

/// Returns a file with these rows, and without the columns that `lacks` names.
pub fn parquet(table: &Table, rows: &[Row], lacks: &[&str]) -> Vec<u8> {
    let columns: Vec<&Column> =
        table.columns.iter().filter(|column| !lacks.contains(&column.name)).collect();
    let fields = columns.iter().map(|column| Arc::new(field(column))).collect();
    let schema = Type::group_type_builder("rows").with_fields(fields).build().unwrap();
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), properties).unwrap();
    // A file without rows has no row group.
    if !rows.is_empty() {
        let mut group = file.next_row_group().unwrap();
        for column in columns {
            let mut writer = group.next_column().unwrap().unwrap();
            write(&mut writer, column, rows);
            writer.close().unwrap();
        }
        group.close().unwrap();
    }
    file.close().unwrap();
    bytes
}

fn field(column: &Column) -> Type {
    let (physical, logical) = match column.kind {
        Kind::Text | Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Bytes => (Physical::BYTE_ARRAY, None),
        Kind::Int => (Physical::INT64, None),
        Kind::Decimal => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(9, 38))),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Instant => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Day => (Physical::INT32, Some(LogicalType::Date)),
    };
    let mut field = Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    if column.kind == Kind::Decimal {
        field = field.with_length(16).with_precision(38).with_scale(9);
    }
    field.build().unwrap()
}

fn write(writer: &mut SerializedColumnWriter<'_>, column: &Column, rows: &[Row]) {
    let texts = |of: &dyn Fn(&Row) -> &str| -> Vec<ByteArray> {
        rows.iter().map(|row| ByteArray::from(of(row))).collect()
    };
    let numbers = |of: &dyn Fn(&Row) -> i64| -> Vec<i64> { rows.iter().map(of).collect() };
    let (there, none) = (vec![1_i16; rows.len()], vec![0_i16; rows.len()]);
    let text = |writer: &mut SerializedColumnWriter<'_>, values: &[ByteArray]| {
        writer.typed::<ByteArrayType>().write_batch(values, Some(&there), None).unwrap();
    };
    let number = |writer: &mut SerializedColumnWriter<'_>, values: &[i64]| {
        writer.typed::<Int64Type>().write_batch(values, Some(&there), None).unwrap();
    };
    match (column.name, column.kind) {
        ("row_key", _) => text(writer, &texts(&|row| &row.key)),
        ("payload", Kind::Json) => text(writer, &texts(&|row| &row.payload)),
        ("archive_epoch", _) => number(writer, &numbers(&|row| row.epoch)),
        ("tx", _) => number(writer, &numbers(&|row| row.tx)),
        ("arrived_at", _) => number(writer, &numbers(&|row| row.arrived_at.as_microsecond())),
        (_, Kind::Text | Kind::Json | Kind::Bytes) => {
            writer.typed::<ByteArrayType>().write_batch(&[], Some(&none), None).map(drop).unwrap();
        }
        (_, Kind::Int | Kind::Instant) => {
            writer.typed::<Int64Type>().write_batch(&[], Some(&none), None).map(drop).unwrap();
        }
        (_, Kind::Day) => {
            writer.typed::<Int32Type>().write_batch(&[], Some(&none), None).map(drop).unwrap();
        }
        (_, Kind::Bool) => {
            writer.typed::<BoolType>().write_batch(&[], Some(&none), None).map(drop).unwrap();
        }
        (_, Kind::Decimal) => {
            let writer = writer.typed::<FixedLenByteArrayType>();
            writer.write_batch(&[], Some(&none), None).map(drop).unwrap();
        }
    }
}
