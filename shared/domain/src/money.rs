//! Money is integers: ISO 4217 minor units with their currency.

use std::fmt;
use std::str::FromStr;

mod decimal;
mod iso;

pub use decimal::from_decimal;
pub(crate) use decimal::scaled_decimal;
pub use iso::exponent;

/// A currency's code: three upper-case letters that ISO 4217 knows, or [`Currency::NONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount or a currency that cannot be what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not three letters.
    #[error("a currency is three letters, this is {0:?}")]
    Currency(String),
    /// ISO 4217 does not know the code, or gives it no minor unit: it is not known how many
    /// decimals an amount has.
    #[error("{0} is no currency of ISO 4217 in which amounts are counted")]
    Unknown(String),
    /// The amount is negative. The kind of Stripe's objects says the direction, not their sign.
    #[error("an amount is not negative, this is {0}")]
    Negative(i64),
    /// The text is not a decimal, or does not fit into 64 bits.
    #[error("the decimal {text:?} {currency}: {why}")]
    Decimal {
        /// As the vendor sent it, at most 40 characters.
        text: String,
        /// Its currency.
        currency: Currency,
        why: &'static str,
    },
    /// The amount does not fit into 64 bits.
    #[error("{amount} {currency} is out of range")]
    Range {
        /// As the vendor sent it.
        amount: i64,
        /// Its currency.
        currency: Currency,
    },
}

impl Currency {
    /// ISO 4217's code for no currency, of an amount that is nothing or that cannot be counted.
    /// No vendor's text is ever read as it.
    pub const NONE: Self = Self(*b"XXX");

    /// Returns `text` as a code in upper case, known to ISO 4217 or not; `None` if it is not three
    /// letters.
    pub fn code(text: &str) -> Option<String> {
        letters(text).map(|letters| Self(letters).to_string())
    }

    /// Returns the three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        let letters = letters(code).ok_or_else(|| MoneyError::Currency(code.to_owned()))?;
        let currency = Self(letters);
        match iso::decimals(currency.as_str()) {
            Some(_) => Ok(currency),
            None => Err(MoneyError::Unknown(currency.to_string())),
        }
    }
}

fn letters(code: &str) -> Option<[u8; 3]> {
    let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_alphabetic).then(|| letters.map(|x| x.to_ascii_uppercase()))
}

/// Converts Stripe's amount to ISO 4217 minor units.
///
/// Stripe counts in the currency's smallest unit, with exceptions (docs.stripe.com/currencies). ISK
/// and UGX have no minor unit any more but keep two decimals for compatibility. MGA, whose ISO
/// exponent is 2, is zero-decimal there. In every other currency the two agree. A fraction of ISO's
/// unit is rounded, a half to the even unit.
///
/// # Errors
/// [`MoneyError`] if the amount is negative or leaves 64 bits.
pub fn from_stripe(amount: i64, currency: Currency) -> Result<i64, MoneyError> {
    if amount < 0 {
        return Err(MoneyError::Negative(amount));
    }
    match currency.as_str() {
        "ISK" | "UGX" => {
            let (whole, rest) = (amount / 100, amount % 100);
            Ok(whole + i64::from(rest > 50 || rest == 50 && whole % 2 != 0))
        }
        "MGA" => amount.checked_mul(100).ok_or(MoneyError::Range { amount, currency }),
        _ => Ok(amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripe(amount: i64, code: &str) -> Result<i64, MoneyError> {
        from_stripe(amount, code.parse().unwrap())
    }

    #[test]
    fn trap_33_stripes_exceptions_become_iso_minor_units() {
        assert_eq!(stripe(1099, "usd"), Ok(1099));
        assert_eq!(stripe(500, "jpy"), Ok(500), "no decimals at either");
        assert_eq!(stripe(5120, "kwd"), Ok(5120), "three decimals at both");
        assert_eq!(stripe(500, "isk"), Ok(5), "two decimals at Stripe, none in ISO");
        assert_eq!(stripe(500, "ugx"), Ok(5), "two decimals at Stripe, none in ISO");
        assert_eq!(stripe(5, "mga"), Ok(500), "none at Stripe, two in ISO");
        assert_eq!(stripe(1050, "huf"), Ok(1050), "payout rules do not touch charges");
        assert_eq!(stripe(80_045, "twd"), Ok(80_045), "payout rules do not touch charges");
    }

    #[test]
    fn trap_78_a_fraction_of_isos_unit_is_rounded_half_to_even_and_the_impossible_refused() {
        for (at_stripe, expected) in [(501, 5), (549, 5), (450, 4), (550, 6), (551, 6), (50, 0)] {
            assert_eq!(stripe(at_stripe, "isk"), Ok(expected), "{at_stripe}");
            assert_eq!(stripe(at_stripe, "ugx"), Ok(expected), "{at_stripe}");
        }
        assert!(matches!(stripe(i64::MAX, "mga"), Err(MoneyError::Range { .. })));
        assert!(matches!(stripe(-1, "usd"), Err(MoneyError::Negative(-1))));
    }

    #[test]
    fn a_currency_is_three_letters_in_any_case() {
        assert_eq!("Usd".parse::<Currency>().unwrap().as_str(), "USD");
        for bad in ["", "us", "usdt", "u$d", "ÄBC", "ab\u{0}"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn trap_33_a_currency_that_iso_4217_does_not_know_has_no_decimals_to_guess() {
        for unknown in ["xbt", "BTC", "zzz", "xau", "xxx"] {
            let error = unknown.parse::<Currency>().unwrap_err();
            assert_eq!(error, MoneyError::Unknown(unknown.to_ascii_uppercase()));
        }
        for withdrawn in ["std", "HRK", "ltl", "mro"] {
            assert!(withdrawn.parse::<Currency>().is_ok(), "{withdrawn}");
        }
    }
}
