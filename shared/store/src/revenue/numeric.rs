//! Postgres' numeric without a fraction, as an integer.

use std::error::Error;

use postgres_types::{FromSql, Type, accepts};

/// A numeric that is a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub i128);

impl<'a> FromSql<'a> for Whole {
    /// The wire format: how many digits, the first one's weight, sign, scale; then digits of base 10,000.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let words: Vec<u16> =
            raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        let [_, weight, sign, _, digits @ ..] = words.as_slice() else {
            return Err("numeric cut short".into());
        };
        let negative = match sign {
            0 => false,
            0x4000 => true,
            _ => return Err("not a number".into()),
        };
        let whole_digits = usize::try_from(i32::from(weight.cast_signed()) + 1).unwrap_or(0);
        if digits.iter().skip(whole_digits).any(|digit| *digit != 0) {
            return Err("not a whole number".into());
        }
        let mut value: i128 = 0;
        for digit in digits.iter().copied().chain(std::iter::repeat(0)).take(whole_digits) {
            value = value
                .checked_mul(10_000)
                .and_then(|v| v.checked_add(i128::from(digit)))
                .ok_or("beyond 128 bits")?;
        }
        Ok(Self(if negative { -value } else { value }))
    }

    accepts!(NUMERIC);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(words: &[u16]) -> Option<i128> {
        let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        Whole::from_sql(&Type::NUMERIC, &raw).ok().map(|Whole(value)| value)
    }

    #[test]
    fn whole_numbers_of_any_size_are_read_exactly() {
        assert_eq!(decode(&[0, 0, 0, 0]), Some(0));
        assert_eq!(decode(&[1, 0, 0x4000, 0, 42]), Some(-42));
        assert_eq!(decode(&[1, 2, 0, 0, 7]), Some(700_000_000));
        assert_eq!(
            decode(&[5, 4, 0, 0, 1844, 6744, 737, 955, 1616]),
            Some(18_446_744_073_709_551_616)
        );
    }

    #[test]
    fn fractions_and_what_is_no_number_are_refused() {
        assert_eq!(decode(&[1, 0xffff, 0, 2, 5000]), None);
        assert_eq!(decode(&[0, 0, 0xc000, 0]), None);
        assert_eq!(decode(&[1, 30, 0, 0, 1]), None);
    }
}
