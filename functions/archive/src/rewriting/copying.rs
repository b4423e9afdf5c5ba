//! Copies a Parquet file row group by row group, with some rows left out and some values changed.
//! It reads the columns as the file itself describes them, so that files from before a column was
//! added are copied as they are.

use bytes::Bytes;
use parquet::basic::Type as Physical;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescriptor;
use penstock_domain::analytics::Table;
use penstock_domain::erasure::ErasedNames;

use super::judging::{Row, Verdict, judge};
use crate::schema::properties;

/// A file after a search.
#[derive(Debug)]
pub(crate) struct Searched {
    /// The file without people who were erased; `None` if it has nothing of them.
    pub rewritten: Option<Vec<u8>>,
    /// The rows of the result.
    pub rows: i64,
    /// The rows that were left out.
    pub dropped: i64,
    /// The rows of which a value was changed.
    pub changed: i64,
}

/// The values of a column in a row group, one for each row.
enum Column {
    Bool(Vec<Option<bool>>),
    Int32(Vec<Option<i32>>),
    Int64(Vec<Option<i64>>),
    Bytes(Vec<Option<ByteArray>>),
    Fixed(Vec<Option<FixedLenByteArray>>),
}

/// Searches a file of a table, and copies it without people who were erased if it names some.
///
/// # Errors
/// The bytes are no Parquet file as `archive` writes it.
pub(crate) fn search(table: &str, file: Bytes, names: &ErasedNames) -> Result<Searched> {
    let reader = SerializedFileReader::new(file)?;
    let mut outcome = Searched { rewritten: None, rows: 0, dropped: 0, changed: 0 };
    if !has_findings(table, &reader, names)? {
        outcome.rows = reader.metadata().file_metadata().num_rows();
        return Ok(outcome);
    }
    let metadata = reader.metadata().file_metadata();
    let known = Table::named(table)
        .ok_or_else(|| ParquetError::General(format!("{table} is not copied")))?;
    let schema = metadata.schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties(known)?)?;
    for at in 0..reader.num_row_groups() {
        let (names_of, mut columns) = read_group(&*reader.get_row_group(at)?)?;
        let verdicts = verdicts(table, &names_of, &columns, names);
        let kept: Vec<bool> = verdicts.iter().map(|verdict| *verdict != Verdict::Drop).collect();
        outcome.dropped += count(&verdicts, |verdict| *verdict == Verdict::Drop);
        outcome.changed += count(&verdicts, |verdict| matches!(verdict, Verdict::Change(_)));
        outcome.rows += count(&kept, |kept| *kept);
        if !kept.contains(&true) {
            continue;
        }
        change(&names_of, &mut columns, verdicts)?;
        for column in &mut columns {
            column.retain(&kept);
        }
        let mut group = writer.next_row_group()?;
        write_group(&mut group, &columns)?;
        group.close()?;
    }
    outcome.rewritten = Some(writer.into_inner()?);
    Ok(outcome)
}

fn count<T>(all: &[T], is_it: impl Fn(&T) -> bool) -> i64 {
    i64::try_from(all.iter().filter(|one| is_it(one)).count()).unwrap_or(i64::MAX)
}

/// Whether a row of the file names somebody. Most files name nobody, and are only read.
fn has_findings(
    table: &str,
    reader: &SerializedFileReader<Bytes>,
    names: &ErasedNames,
) -> Result<bool> {
    for at in 0..reader.num_row_groups() {
        let (names_of, columns) = read_group(&*reader.get_row_group(at)?)?;
        let found = verdicts(table, &names_of, &columns, names);
        if found.iter().any(|verdict| *verdict != Verdict::Keep) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Decides about each row of a row group.
fn verdicts(
    table: &str,
    names_of: &[String],
    columns: &[Column],
    names: &ErasedNames,
) -> Vec<Verdict> {
    let texts: Vec<(&str, &[Option<ByteArray>])> = names_of
        .iter()
        .zip(columns)
        .filter_map(|(name, column)| match column {
            Column::Bytes(values) => Some((name.as_str(), values.as_slice())),
            _ => None,
        })
        .collect();
    let rows = columns.first().map_or(0, Column::len);
    let row = |at: usize| -> Row<'_> {
        let values = texts
            .iter()
            .filter_map(|(name, values)| Some((*name, values.get(at)?.as_ref()?.data())));
        values.collect()
    };
    (0..rows).map(|at| judge(table, &row(at), names)).collect()
}

/// Puts the new values into their columns.
fn change(names_of: &[String], columns: &mut [Column], verdicts: Vec<Verdict>) -> Result<()> {
    for (at, verdict) in verdicts.into_iter().enumerate() {
        let Verdict::Change(changed) = verdict else { continue };
        for (name, value) in changed {
            let place = names_of.iter().position(|column| *column == name);
            let column = place.and_then(|place| columns.get_mut(place));
            let Some(Column::Bytes(values)) = column else {
                return Err(ParquetError::General(format!("{name} is no column of text")));
            };
            if let Some(cell) = values.get_mut(at) {
                *cell = value.map(ByteArray::from);
            }
        }
    }
    Ok(())
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Fixed(values) => values.len(),
        }
    }

    fn retain(&mut self, kept: &[bool]) {
        fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
            let mut kept = kept.iter();
            values.retain(|_| kept.next().copied().unwrap_or(true));
        }
        match self {
            Self::Bool(values) => retain(values, kept),
            Self::Int32(values) => retain(values, kept),
            Self::Int64(values) => retain(values, kept),
            Self::Bytes(values) => retain(values, kept),
            Self::Fixed(values) => retain(values, kept),
        }
    }
}

/// Reads all columns of a row group, with their names.
fn read_group(group: &dyn RowGroupReader) -> Result<(Vec<String>, Vec<Column>)> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for at in 0..group.num_columns() {
        let descriptor = group.metadata().column(at).column_descr_ptr();
        names.push(descriptor.name().to_owned());
        columns.push(match group.get_column_reader(at)? {
            ColumnReader::BoolColumnReader(of) => Column::Bool(values(of, &descriptor, rows)?),
            ColumnReader::Int32ColumnReader(of) => Column::Int32(values(of, &descriptor, rows)?),
            ColumnReader::Int64ColumnReader(of) => Column::Int64(values(of, &descriptor, rows)?),
            ColumnReader::ByteArrayColumnReader(of) => {
                Column::Bytes(values(of, &descriptor, rows)?)
            }
            ColumnReader::FixedLenByteArrayColumnReader(of) => {
                Column::Fixed(values(of, &descriptor, rows)?)
            }
            _ => return Err(unknown(descriptor.physical_type())),
        });
    }
    Ok((names, columns))
}

fn unknown(kind: Physical) -> ParquetError {
    ParquetError::General(format!("no column of the copy is {kind}"))
}

/// Reads the values of a column: its levels say which rows have one.
fn values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    descriptor: &ColumnDescriptor,
    rows: usize,
) -> Result<Vec<Option<T::T>>> {
    let (mut levels, mut read) = (Vec::new(), Vec::new());
    let mut records = 0;
    while records < rows {
        let (more, _, _) =
            reader.read_records(rows - records, Some(&mut levels), None, &mut read)?;
        if more == 0 {
            return Err(ParquetError::EOF(format!("{} ends early", descriptor.name())));
        }
        records += more;
    }
    let mut present = read.into_iter();
    Ok(levels.into_iter().map(|level| if level > 0 { present.next() } else { None }).collect())
}

fn write_group(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    columns: &[Column],
) -> Result<()> {
    for column in columns {
        let Some(mut to) = group.next_column()? else {
            return Err(ParquetError::General("the schema has fewer columns".to_owned()));
        };
        match (to.untyped(), column) {
            (ColumnWriter::BoolColumnWriter(to), Column::Bool(values)) => {
                let (values, levels) = parted(values);
                to.write_batch(&values, Some(&levels), None)?;
            }
            (ColumnWriter::Int32ColumnWriter(to), Column::Int32(values)) => {
                let (values, levels) = parted(values);
                to.write_batch(&values, Some(&levels), None)?;
            }
            (ColumnWriter::Int64ColumnWriter(to), Column::Int64(values)) => {
                let (values, levels) = parted(values);
                to.write_batch(&values, Some(&levels), None)?;
            }
            (ColumnWriter::ByteArrayColumnWriter(to), Column::Bytes(values)) => {
                let (values, levels) = parted(values);
                to.write_batch(&values, Some(&levels), None)?;
            }
            (ColumnWriter::FixedLenByteArrayColumnWriter(to), Column::Fixed(values)) => {
                let (values, levels) = parted(values);
                to.write_batch(&values, Some(&levels), None)?;
            }
            _ => return Err(ParquetError::General("a column has another type".to_owned())),
        }
        to.close()?;
    }
    Ok(())
}

/// Parts values from the levels that say which rows have one.
fn parted<T: Clone>(all: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
    let levels = all.iter().map(|value| i16::from(value.is_some())).collect();
    (all.iter().flatten().cloned().collect(), levels)
}
