//! Which type of Postgres a parameter has, by its type in Rust.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use postgres_types::Type;
use uuid::Uuid;

/// A type of a parameter.
pub trait Typed {
    /// The type that the statement names to Postgres.
    const TYPE: Type;
}

/// A type of an array's elements, such as a column of many rows.
pub trait Element: Typed {
    /// The type of the array that the statement names to Postgres.
    const ARRAY: Type;
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = T::TYPE;
}

impl<T: Element> Element for Option<T> {
    const ARRAY: Type = T::ARRAY;
}

impl Typed for Cow<'_, str> {
    const TYPE: Type = Type::TEXT;
}

impl Element for Cow<'_, str> {
    const ARRAY: Type = Type::TEXT_ARRAY;
}

impl<T: Element> Typed for &[T] {
    const TYPE: Type = T::ARRAY;
}

impl<T: Element> Typed for Vec<T> {
    const TYPE: Type = T::ARRAY;
}

macro_rules! types {
    ($($rust:ty: $one:ident, $array:ident;)*) => {
        $(
            impl Typed for $rust {
                const TYPE: Type = Type::$one;
            }
            impl Element for $rust {
                const ARRAY: Type = Type::$array;
            }
        )*
    };
}

types! {
    &str: TEXT, TEXT_ARRAY;
    String: TEXT, TEXT_ARRAY;
    &[u8]: BYTEA, BYTEA_ARRAY;
    Uuid: UUID, UUID_ARRAY;
    Timestamp: TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    DateTime: TIMESTAMP, TIMESTAMP_ARRAY;
    Date: DATE, DATE_ARRAY;
    bool: BOOL, BOOL_ARRAY;
    i16: INT2, INT2_ARRAY;
    i32: INT4, INT4_ARRAY;
    i64: INT8, INT8_ARRAY;
    f64: FLOAT8, FLOAT8_ARRAY;
}
