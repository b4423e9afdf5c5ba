//! Amounts that vendors send as decimal text in whole units of the currency.

use super::{Currency, MoneyError, exponent};

/// Converts a decimal such as `1000.5` or `1.0E7` to minor units: no float is involved. A negative
/// one is a credit.
///
/// More decimals than the currency has are rounded to the nearest minor unit, a half to the even
/// one.
///
/// # Errors
/// [`MoneyError::Decimal`] if the text is no decimal or leaves 64 bits.
pub fn from_decimal(text: &str, currency: Currency) -> Result<i64, MoneyError> {
    minor_units(text.trim(), exponent(currency)).map_err(|why| {
        let text = text.chars().take(40).collect();
        MoneyError::Decimal { text, currency, why }
    })
}

/// Reads a decimal × 10^`exponent` as a whole number, rounded half to even; `None` if the text is
/// no decimal or leaves 64 bits.
pub(crate) fn scaled_decimal(text: &str, exponent: u32) -> Option<i64> {
    minor_units(text, exponent).ok()
}

const NOT_A_DECIMAL: &str = "it is no decimal number";
const OUT_OF_RANGE: &str = "it is out of range";

fn minor_units(text: &str, exponent: u32) -> Result<i64, &'static str> {
    let (mantissa, shift) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i16>().map_err(|_| NOT_A_DECIMAL)?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (-1_i64, mantissa.get(1..).unwrap_or_default()),
        Some(b'+') => (1, mantissa.get(1..).unwrap_or_default()),
        _ => (1, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if all().next().is_none() || !all().all(|b| b.is_ascii_digit()) {
        return Err(NOT_A_DECIMAL);
    }
    let significant: String = all().map(char::from).skip_while(|c| *c == '0').collect();
    if significant.is_empty() {
        return Ok(0);
    }
    // digits × 10^power minor units
    let power = i64::from(shift) + i64::from(exponent)
        - i64::try_from(fraction.len()).map_err(|_| OUT_OF_RANGE)?;
    let kept = significant.trim_end_matches('0');
    let power = power + i64::try_from(significant.len() - kept.len()).map_err(|_| OUT_OF_RANGE)?;
    let units = if power < 0 { rounded(kept, power) } else { scaled(kept, power) };
    units.map(|units| sign * units).ok_or(OUT_OF_RANGE)
}

/// `digits` × 10^`power`, for a power that is not negative; `None` if it leaves 64 bits.
fn scaled(digits: &str, power: i64) -> Option<i64> {
    let scale = 10_i64.checked_pow(u32::try_from(power).ok()?)?;
    digits.parse::<i64>().ok()?.checked_mul(scale)
}

/// `digits` × 10^`power`, for a negative power, rounded half to even; `None` if it leaves 64 bits.
/// The digits end in one that is not zero.
fn rounded(digits: &str, power: i64) -> Option<i64> {
    let cut = i64::try_from(digits.len()).ok()?.checked_add(power)?;
    // Less than a tenth of a minor unit.
    let Ok(cut) = usize::try_from(cut) else { return Some(0) };
    let (whole, rest) = digits.split_at_checked(cut)?;
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let up = match rest.as_bytes() {
        [b'5'] => whole % 2 != 0,
        [first, ..] => *first >= b'5',
        [] => false,
    };
    whole.checked_add(i64::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(text: &str, code: &str) -> Result<i64, MoneyError> {
        from_decimal(text, code.parse().unwrap())
    }

    #[test]
    fn trap_10_amounts_as_text_become_exact_minor_units_of_their_currency() {
        for (text, code, expected) in [
            ("1000.5", "USD", 100_050),
            ("500", "usd", 50_000),
            ("0", "USD", 0),
            ("-0.00", "USD", 0),
            (".5", "EUR", 50),
            ("7.", "EUR", 700),
            (" 12.340000 ", "USD", 1_234),
            ("1000.5", "KWD", 1_000_500),
            ("1000", "JPY", 1_000),
            ("1000.0", "JPY", 1_000),
            ("1.0E7", "USD", 1_000_000_000),
            ("1.25e1", "USD", 1_250),
            ("5e-2", "USD", 5),
            ("0.1", "USD", 10),
            ("92233720368547758.07", "USD", i64::MAX),
            ("0000000000000000000000000000001.5", "USD", 150),
        ] {
            assert_eq!(minor(text, code), Ok(expected), "{text} {code}");
        }
    }

    #[test]
    fn trap_78_more_decimals_than_the_currency_has_are_rounded_half_to_even() {
        for (text, code, expected) in [
            ("1234.567", "USD", 123_457),
            ("33.333333333333336", "USD", 3_333),
            ("1234.5", "JPY", 1_234),
            ("1235.5", "JPY", 1_236),
            ("1235.50000000000000000000000001", "JPY", 1_236),
            ("1234.50000000000000000000000001", "JPY", 1_235),
            ("10.005", "USD", 1_000),
            ("10.015", "USD", 1_002),
            ("150.005", "USD", 15_000),
            ("0.005", "USD", 0),
            ("0.0051", "USD", 1),
            ("0.015", "USD", 2),
            ("0.0049", "USD", 0),
            ("1e-3", "USD", 0),
            ("5e-3", "USD", 0),
            ("6e-3", "USD", 1),
            ("1e-30000", "USD", 0),
            ("1.00050", "KWD", 1_000),
            ("1.00150", "KWD", 1_002),
            ("92233720368547758.074", "USD", i64::MAX),
        ] {
            assert_eq!(minor(text, code), Ok(expected), "{text} {code}");
        }
    }

    #[test]
    fn trap_78_a_negative_amount_is_a_credit_and_rounds_as_its_opposite() {
        for (text, code, expected) in [
            ("-50.00", "USD", -5_000),
            ("-1", "USD", -100),
            ("-0.005", "USD", 0),
            ("-0.015", "USD", -2),
            ("-1234.567", "USD", -123_457),
            ("-1.5e1", "JPY", -15),
            ("-92233720368547758.07", "USD", -i64::MAX),
        ] {
            assert_eq!(minor(text, code), Ok(expected), "{text} {code}");
        }
    }

    #[test]
    fn what_is_no_decimal_or_leaves_64_bits_is_refused() {
        for (text, code) in [
            ("", "USD"),
            (".", "USD"),
            ("-", "USD"),
            ("1,000", "USD"),
            ("1.2.3", "USD"),
            ("NaN", "USD"),
            ("0x10", "USD"),
            ("1e", "USD"),
            ("--1", "USD"),
            ("92233720368547758.08", "USD"),
            ("92233720368547758.075", "USD"),
            ("-92233720368547758.08", "USD"),
            ("1e400", "USD"),
            ("1e99999", "USD"),
            ("\u{661}", "USD"),
        ] {
            assert!(matches!(minor(text, code), Err(MoneyError::Decimal { .. })), "{text} {code}");
        }
    }
}
