//! The schema of a table's files, and how its columns are encoded.

use std::sync::Arc;

use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use penstock_domain::analytics::{Column, Kind, Table};

/// The digits of a decimal.
const PRECISION: i32 = 38;

/// The digits after its point.
pub(crate) const SCALE: u32 = 9;

/// The bytes of a decimal.
pub(crate) const DECIMAL_BYTES: i32 = 16;

/// Returns the schema of a table's files.
///
/// # Errors
/// If the description of the table is no schema.
pub(crate) fn schema(table: &Table) -> Result<TypePtr, ParquetError> {
    let columns = table.columns.iter().map(|column| field(column).map(Arc::new));
    let fields = columns.collect::<Result<Vec<TypePtr>, _>>()?;
    Ok(Arc::new(Type::group_type_builder(table.name).with_fields(fields).build()?))
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        // BigQuery loads no bytes of the logical type JSON (docs/adr/0068-bigquery.md).
        Kind::Text | Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Bytes => (Physical::BYTE_ARRAY, None),
        Kind::Int => (Physical::INT64, None),
        Kind::Decimal => {
            let decimal = LogicalType::decimal(SCALE.cast_signed(), PRECISION);
            (Physical::FIXED_LEN_BYTE_ARRAY, Some(decimal))
        }
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Instant => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Day => (Physical::INT32, Some(LogicalType::Date)),
    };
    // Also of columns that are never null: BigQuery refuses to append a required column to one of a
    // table that is nullable, and most writers know no other.
    let field = Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    match column.kind {
        Kind::Decimal => field
            .with_length(DECIMAL_BYTES)
            .with_precision(PRECISION)
            .with_scale(SCALE.cast_signed())
            .build(),
        _ => field.build(),
    }
}

/// Returns how the columns of a table are encoded. The same rows become the same bytes.
///
/// # Errors
/// If the level of compression is none.
pub(crate) fn properties(table: &Table) -> Result<WriterPropertiesPtr, ParquetError> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3)?);
    let mut properties = WriterProperties::builder()
        .set_compression(zstd)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for column in table.columns {
        let path = ColumnPath::from(column.name);
        properties = match column.kind {
            // Keys that are sorted, and mostly share their beginnings with their neighbours.
            _ if column.name == "row_key" || column.name == "outbox_id" => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY),
            // No two are alike, and their least and greatest say nothing.
            Kind::Json | Kind::Bytes => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path, EnabledStatistics::None),
            // What may name a person stands in its column only.
            _ if column.is_personal => {
                properties.set_column_statistics_enabled(path, EnabledStatistics::None)
            }
            Kind::Instant => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            _ => properties,
        };
    }
    Ok(Arc::new(properties.build()))
}
