//! The values of a column between two row groups.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;
use penstock_domain::analytics::Kind;

/// The values of a column, with one level a row that says whether it has one.
pub(crate) struct Values {
    held: Held,
    levels: Vec<i16>,
    is_nullable: bool,
}

/// Values by their physical type.
enum Held {
    /// Bytes one after the other, and where each value ends.
    Bytes(Vec<u8>, Vec<usize>),
    Ints(Vec<i64>),
    Days(Vec<i32>),
    Bools(Vec<bool>),
    /// Amounts of 16 bytes, one after the other.
    Decimals(Vec<u8>),
}

impl Values {
    /// Creates the column of a kind, without values.
    pub(crate) fn new(kind: Kind, is_nullable: bool) -> Self {
        let held = match kind {
            Kind::Text | Kind::Json | Kind::Bytes => Held::Bytes(Vec::new(), Vec::new()),
            Kind::Int | Kind::Instant => Held::Ints(Vec::new()),
            Kind::Day => Held::Days(Vec::new()),
            Kind::Bool => Held::Bools(Vec::new()),
            Kind::Decimal => Held::Decimals(Vec::new()),
        };
        Self { held, levels: Vec::new(), is_nullable }
    }

    /// Adds a value. Returns about how many bytes it takes; `None` if the column is of another
    /// type.
    pub(crate) fn push(&mut self, value: Value<'_>) -> Option<usize> {
        self.levels.push(i16::from(!matches!(value, Value::Null)));
        match (&mut self.held, value) {
            (_, Value::Null) if self.is_nullable => return Some(2),
            (Held::Bytes(all, ends), Value::Bytes(bytes)) => {
                all.extend_from_slice(bytes);
                ends.push(all.len());
                return Some(bytes.len() + 8);
            }
            (Held::Ints(ints), Value::Int(int)) => ints.push(int),
            (Held::Days(days), Value::Day(day)) => days.push(day),
            (Held::Bools(bools), Value::Bool(bool)) => bools.push(bool),
            (Held::Decimals(decimals), Value::Decimal(unscaled)) => {
                decimals.extend_from_slice(&unscaled.to_be_bytes());
            }
            _ => return None,
        }
        Some(8)
    }

    /// Writes all values as one column of a row group, and forgets them.
    ///
    /// # Errors
    /// If the writer's column is of another type.
    pub(crate) fn write(
        &mut self,
        mut writer: SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        match &mut self.held {
            Held::Bytes(all, ends) => {
                let all = Bytes::from(std::mem::take(all));
                let mut from = 0;
                let cut = |end: usize| {
                    let value = ByteArray::from(all.slice(from..end));
                    from = end;
                    value
                };
                let values: Vec<ByteArray> = std::mem::take(ends).into_iter().map(cut).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
            }
            Held::Ints(values) => {
                writer.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Held::Days(values) => {
                writer.typed::<Int32Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Held::Bools(values) => {
                writer.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Held::Decimals(all) => {
                let all = Bytes::from(std::mem::take(all));
                let cut = |at: usize| ByteArray::from(all.slice(at..at + size_of::<i128>())).into();
                let values: Vec<FixedLenByteArray> =
                    (0..all.len()).step_by(size_of::<i128>()).map(cut).collect();
                writer.typed::<FixedLenByteArrayType>().write_batch(&values, levels, None)?;
            }
        }
        self.levels.clear();
        writer.close()
    }
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Bytes(&'a [u8]),
    Int(i64),
    Day(i32),
    Bool(bool),
    /// The amount without its point.
    Decimal(i128),
}

impl<'a> Value<'a> {
    /// Returns `value` of the type that `make` gives it, or null.
    pub(crate) fn or_null<T>(value: Option<T>, make: impl Fn(T) -> Self) -> Self {
        value.map_or(Self::Null, make)
    }

    /// Returns a text.
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }

    /// Returns an instant, to the microsecond.
    pub(crate) fn instant(at: Timestamp) -> Self {
        Self::Int(at.as_microsecond())
    }

    /// Returns a day; null if it is out of range.
    pub(crate) fn day(day: Date) -> Self {
        const SECONDS: i64 = 86_400;
        let midnight = day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
        let days = midnight.ok().and_then(|s| i32::try_from(s.div_euclid(SECONDS)).ok());
        Self::or_null(days, Value::Day)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_count_from_1970_in_both_directions() {
        assert_eq!(Value::day(date(1970, 1, 1)), Value::Day(0));
        assert_eq!(Value::day(date(1969, 12, 31)), Value::Day(-1));
        assert_eq!(Value::day(date(2026, 11, 29)), Value::Day(20_786));
    }

    #[test]
    fn a_value_of_another_type_is_refused_and_so_is_null_where_it_cannot_be() {
        let mut ints = Values::new(Kind::Int, false);
        assert_eq!(ints.push(Value::Int(1)), Some(8));
        assert_eq!(ints.push(Value::text("1")), None);
        assert_eq!(ints.push(Value::Null), None);
        let mut texts = Values::new(Kind::Text, true);
        assert!(texts.push(Value::Null).is_some());
        assert!(texts.push(Value::text("")).is_some());
        assert_eq!(texts.push(Value::Bool(true)), None);
    }
}
