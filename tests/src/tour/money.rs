//! Formats amounts for people.

/// Returns the decimals of a currency, by ISO 4217.
const fn exponent(currency: &str) -> usize {
    match currency.as_bytes() {
        b"JPY" | b"ISK" | b"UGX" | b"KRW" | b"VND" | b"CLP" | b"PYG" | b"XAF" | b"XOF" | b"XPF" => {
            0
        }
        b"KWD" | b"BHD" | b"JOD" | b"OMR" | b"TND" => 3,
        _ => 2,
    }
}

/// Formats `1234567` of USD as `12,345.67`.
pub(super) fn readable(minor_units: i128, currency: &str) -> String {
    let exponent = exponent(currency);
    let digits = format!("{:0>width$}", minor_units.unsigned_abs(), width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    let sign = if minor_units < 0 { "-" } else { "" };
    let point = if exponent == 0 { "" } else { "." };
    format!("{sign}{}{point}{fraction}", grouped(whole))
}

/// Formats `1234567` as `1,234,567`.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats 1,200 of `["deal", "deals"]` as `1,200 deals`.
pub(super) fn counted(count: usize, [one, more]: [&str; 2]) -> String {
    let word = if count == 1 { one } else { more };
    format!("{} {word}", grouped(&count.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        assert_eq!(readable(1_234_567, "USD"), "12,345.67");
        assert_eq!(readable(-5, "EUR"), "-0.05");
        assert_eq!(readable(1_000, "JPY"), "1,000");
        assert_eq!(readable(12, "KWD"), "0.012");
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!(counted(1, ["currency", "currencies"]), "1 currency");
        assert_eq!(counted(1_200, ["deal", "deals"]), "1,200 deals");
    }
}
