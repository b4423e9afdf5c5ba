//! Sums as integers. A sum may exceed 64 bits, so Postgres sends its `numeric` as text.

use std::error::Error;

use postgres_types::{FromSql, Type, accepts};

/// A sum without a fraction, in minor units or as a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub i128);

impl<'a> FromSql<'a> for Whole {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(str::from_utf8(raw)?.parse()?))
    }

    accepts!(TEXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<i128> {
        Whole::from_sql(&Type::TEXT, text.as_bytes()).ok().map(|Whole(value)| value)
    }

    #[test]
    fn whole_numbers_of_any_size_are_read_exactly() {
        assert_eq!(decode("0"), Some(0));
        assert_eq!(decode("-42"), Some(-42));
        assert_eq!(decode("700000000"), Some(700_000_000));
        assert_eq!(decode("18446744073709551616"), Some(18_446_744_073_709_551_616));
    }

    #[test]
    fn fractions_and_what_is_no_number_are_refused() {
        assert_eq!(decode("0.5000"), None);
        assert_eq!(decode("NaN"), None);
        assert_eq!(decode(&format!("1{}", "0".repeat(120))), None);
    }
}
