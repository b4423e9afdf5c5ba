//! Amounts that vendors send as decimal text in whole units of the currency.

use super::{Currency, MoneyError, exponent};

/// Converts a decimal such as `1000.5` or `1.0E7` to minor units, exactly: no float is involved.
///
/// # Errors
/// [`MoneyError::Decimal`] if the text is no decimal, is negative, is not whole in minor units, or
/// leaves 64 bits.
pub fn from_decimal(text: &str, currency: Currency) -> Result<i64, MoneyError> {
    minor_units(text.trim(), exponent(currency)).map_err(|why| {
        let text = text.chars().take(40).collect();
        MoneyError::Decimal { text, currency, why }
    })
}

const NOT_A_DECIMAL: &str = "it is no decimal number";
const OUT_OF_RANGE: &str = "it is out of range";

fn minor_units(text: &str, exponent: u32) -> Result<i64, &'static str> {
    let (mantissa, shift) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i16>().map_err(|_| NOT_A_DECIMAL)?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (-1, mantissa.get(1..).unwrap_or_default()),
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
    if sign < 0 {
        return Err("an amount is not negative");
    }
    // digits × 10^power minor units
    let power = i64::from(shift) + i64::from(exponent)
        - i64::try_from(fraction.len()).map_err(|_| OUT_OF_RANGE)?;
    let kept = significant.trim_end_matches('0');
    let power = power + i64::try_from(significant.len() - kept.len()).map_err(|_| OUT_OF_RANGE)?;
    if power < 0 {
        return Err("it is not a whole number of minor units");
    }
    let digits: i64 = kept.parse().map_err(|_| OUT_OF_RANGE)?;
    let scale = u32::try_from(power)
        .ok()
        .and_then(|power| 10_i64.checked_pow(power))
        .ok_or(OUT_OF_RANGE)?;
    digits.checked_mul(scale).ok_or(OUT_OF_RANGE)
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
    fn trap_33_a_decimal_that_is_not_whole_in_minor_units_is_refused_not_rounded() {
        for (text, code) in [
            ("10.005", "USD"),
            ("1000.5", "JPY"),
            ("1e-3", "USD"),
            ("-1", "USD"),
            ("", "USD"),
            (".", "USD"),
            ("1,000", "USD"),
            ("1.2.3", "USD"),
            ("NaN", "USD"),
            ("0x10", "USD"),
            ("1e", "USD"),
            ("--1", "USD"),
            ("92233720368547758.08", "USD"),
            ("1e400", "USD"),
            ("1e99999", "USD"),
            ("\u{661}", "USD"),
        ] {
            assert!(matches!(minor(text, code), Err(MoneyError::Decimal { .. })), "{text} {code}");
        }
    }
}
