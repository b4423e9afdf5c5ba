//! A column of the copy.

/// The type of a column, in the words of Parquet and of those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// UTF-8 text that is JSON.
    Json,
    /// Bytes that are no JSON.
    Bytes,
    /// A whole number of 64 bits.
    Int,
    /// An amount in major units, with 38 digits of which 9 are decimals.
    Decimal,
    Bool,
    /// Microseconds since 1970 in UTC.
    Instant,
    /// A day of the calendar.
    Day,
}

impl Kind {
    /// Returns the type of a column in Glue and Athena.
    #[must_use]
    pub const fn in_athena(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "string",
            Self::Bytes => "binary",
            Self::Int => "bigint",
            Self::Decimal => "decimal(38,9)",
            Self::Bool => "boolean",
            Self::Instant => "timestamp",
            Self::Day => "date",
        }
    }

    /// Returns the type of a column in BigQuery.
    #[must_use]
    pub const fn in_bigquery(self) -> &'static str {
        match self {
            // Loads of Parquet take no columns of the type JSON.
            Self::Text | Self::Json => "STRING",
            Self::Bytes => "BYTES",
            Self::Int => "INT64",
            Self::Decimal => "NUMERIC",
            Self::Bool => "BOOL",
            Self::Instant => "TIMESTAMP",
            Self::Day => "DATE",
        }
    }

    /// Returns the type of a column in DuckDB.
    #[must_use]
    pub const fn in_duckdb(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "VARCHAR",
            Self::Bytes => "BLOB",
            Self::Int => "BIGINT",
            Self::Decimal => "DECIMAL(38,9)",
            Self::Bool => "BOOLEAN",
            Self::Instant => "TIMESTAMP WITH TIME ZONE",
            Self::Day => "DATE",
        }
    }
}

/// How the value of a column comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the column of the same name in the view of the table.
    Itself,
    /// The epoch of the batch.
    Epoch,
    /// The bytes in the view's column `payload`, if they are no JSON. That column itself has them
    /// if they are.
    OtherPayload,
    /// `amount_minor` by the decimals of `currency`; null if the currency has none that are known.
    MajorUnits,
}

/// A column of a table of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name, which no reader has to quote.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Whether it can be null. Columns that may be left out always can.
    pub is_nullable: bool,
    /// Whether its values can identify a person.
    pub is_personal: bool,
    /// How its value comes about.
    pub origin: Origin,
    /// Its contents, as a phrase.
    pub meaning: &'static str,
}

impl Column {
    /// Describes a column that has a value in every row and identifies no person.
    pub(super) const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self { name, kind, is_nullable: false, is_personal: false, origin: Origin::Itself, meaning }
    }

    /// Makes it nullable.
    pub(super) const fn or_null(mut self) -> Self {
        self.is_nullable = true;
        self
    }

    /// Makes it personal, and so nullable.
    pub(super) const fn personal(mut self) -> Self {
        self.is_personal = true;
        self.is_nullable = true;
        self
    }

    /// Sets how its value comes about.
    pub(super) const fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }
}
