//! Values as a page shows them. Each function returns [`Markup`]: templates write it as it is, and
//! escape everything else.
//!
//! Senders and vendors wrote most of these texts. They are hostile until they went through
//! [`text`] (trap 59).

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use penstock_domain::money::{self, Currency};
use penstock_domain::revenue::Zone;

/// HTML that is safe to write as it is. Only this module makes it from text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Takes HTML that the caller has escaped.
    #[must_use]
    pub(crate) const fn of(html: String) -> Self {
        Self(html)
    }

    /// Returns the HTML, to be written as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

/// Bytes of a value in a list. A longer one is cut, and says so.
pub const SHORT: usize = 200;

/// Bytes of a value on a page of its own.
pub const LONG: usize = 4_000;

/// The sign of a value that is not there.
const NONE: &str = "<span class=\"none\">\u{2013}</span>";

/// Writes a text that others wrote, all of it. Characters that a browser would hide, or that turn
/// the direction of writing, are shown as escapes.
#[must_use]
pub fn text(value: &str) -> Markup {
    let mut html = String::with_capacity(value.len() + value.len() / 8);
    escape(&mut html, value);
    Markup(html)
}

/// Writes a text that others wrote, up to about `most` bytes, and how many are left out. `all` is
/// the address at which all of it is shown.
#[must_use]
pub fn cut(value: &str, most: usize, all: Option<&str>) -> Markup {
    if value.len() <= most {
        return text(value);
    }
    let shown = &value[..value.floor_char_boundary(most)];
    let mut html = String::with_capacity(most + most / 8);
    escape(&mut html, shown);
    let left = value.len() - shown.len();
    let _ = write!(html, "<span class=\"cut\">\u{2026} {} more {}", grouped(left), bytes(left));
    if let Some(all) = all {
        html.push_str(", <a href=\"");
        escape(&mut html, all);
        html.push_str("\">show all</a>");
    }
    html.push_str("</span>");
    Markup(html)
}

const fn bytes(count: usize) -> &'static str {
    if count == 1 { "byte" } else { "bytes" }
}

/// Writes a short text that may not be there.
#[must_use]
pub fn maybe(value: Option<&str>) -> Markup {
    value.map_or_else(|| Markup(NONE.to_owned()), |value| cut(value, SHORT, None))
}

/// Writes a time in the reader's zone, with UTC beside it.
#[must_use]
pub fn time(at: Timestamp, zone: &Zone) -> Markup {
    let (local, utc) = (zone.local(at), Zone::utc().local(at));
    let shown = local.strftime("%Y-%m-%d %H:%M:%S");
    let beside = match (utc == local, utc.date() == local.date()) {
        (true, _) => "UTC".to_owned(),
        (false, true) => utc.strftime("%H:%M:%S UTC").to_string(),
        (false, false) => utc.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    };
    Markup(format!("<time datetime=\"{at}\">{shown} <small>{beside}</small></time>"))
}

/// Writes a time that may not be there.
#[must_use]
pub fn maybe_time(at: Option<Timestamp>, zone: &Zone) -> Markup {
    at.map_or_else(|| Markup(NONE.to_owned()), |at| time(at, zone))
}

/// Writes a length of time in seconds in its two largest units.
#[must_use]
pub fn seconds(value: u64, place: &str) -> Markup {
    data(&value.to_string(), place, &span(value))
}

/// Returns a length of time in its two largest units.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (_, _, _) => format!("{days} d {} h", hours % 24),
    }
}

/// Writes a number with its digits in groups. `place` says which number it is, so that a test finds
/// it in the reply of the API.
#[must_use]
pub fn number(value: i64, place: &str) -> Markup {
    let sign = if value < 0 { "\u{2212}" } else { "" };
    let digits = grouped(value.unsigned_abs());
    data(&value.to_string(), place, &format!("{sign}{digits}"))
}

/// Writes a number of which there may be more: counting has stopped there.
#[must_use]
pub fn at_least(value: i64, is_capped: bool, place: &str) -> Markup {
    if !is_capped {
        return number(value, place);
    }
    data(&value.to_string(), place, &format!("more than {}", grouped(value.unsigned_abs())))
}

/// Writes an amount of minor units exactly: with the decimals of its currency, or in minor units if
/// the currency is not known.
#[must_use]
pub fn sum(minor: i128, currency: &str, place: &str) -> Markup {
    let mut code = String::new();
    escape(&mut code, currency);
    let shown = format!("{} <abbr>{code}</abbr>", amount(minor, currency));
    data(&minor.to_string(), place, &shown)
}

/// Returns an amount of minor units as digits, without its currency.
#[must_use]
pub fn amount(minor: i128, currency: &str) -> String {
    let sign = if minor < 0 { "\u{2212}" } else { "" };
    let Some(decimals) = decimals(currency) else {
        return format!("{sign}{} minor units", grouped(minor.unsigned_abs()));
    };
    let unit = 10_u128.pow(decimals);
    let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    match decimals {
        0 => format!("{sign}{}", grouped(whole)),
        _ => format!("{sign}{}.{rest:0width$}", grouped(whole), width = decimals as usize),
    }
}

fn decimals(currency: &str) -> Option<u32> {
    let currency: Currency = currency.parse().ok()?;
    Some(money::exponent(currency))
}

/// Returns digits in groups of three.
#[must_use]
pub fn grouped(value: impl fmt::Display) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value that machines read as it is. The script shows it as people read it.
fn data(value: &str, place: &str, shown: &str) -> Markup {
    let mut html = format!("<data value=\"{value}\"");
    if !place.is_empty() {
        html.push_str(" data-number=\"");
        escape(&mut html, place);
        html.push('"');
    }
    let _ = write!(html, ">{shown}</data>");
    Markup(html)
}

/// Writes text into HTML, in an element or in a quoted attribute.
pub(crate) fn escape(html: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(character),
            _ if is_hidden(character) => {
                let _ = write!(html, "\\u{{{:04X}}}", u32::from(character));
            }
            _ => html.push(character),
        }
    }
}

/// Whether a browser would not show a character, or would turn what stands around it.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_59_hostile_text_is_shown_as_text() {
        for (written, shown) in [
            ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
            ("\" onmouseover='x' &", "&quot; onmouseover=&#39;x&#39; &amp;"),
            ("a\u{0}b", "a\\u{0000}b"),
            ("pay\u{202e}gpj.exe", "pay\\u{202E}gpj.exe"),
            ("\u{feff}\u{200b}\u{7f}\u{85}", "\\u{FEFF}\\u{200B}\\u{007F}\\u{0085}"),
            ("two\nlines\tand\r", "two\nlines\tand\\u{000D}"),
            ("\u{1f468}\u{200d}\u{1f469} \u{e4}", "\u{1f468}\u{200d}\u{1f469} \u{e4}"),
        ] {
            assert_eq!(text(written).as_str(), shown, "{written:?}");
        }
    }

    #[test]
    fn a_long_value_says_how_much_is_left_out_and_where_it_is() {
        let value = "\u{e4}".repeat(1_000);
        let html = cut(&value, 5, Some("/console/leads/1?all=body&x=\"")).to_string();
        let expected = "\u{e4}\u{e4}<span class=\"cut\">\u{2026} 1,996 more bytes, <a href=\"/console/leads/1?all=body&amp;x=&quot;\">show all</a></span>";
        assert_eq!(html, expected);
        assert_eq!(cut("abc", 3, None).as_str(), "abc");
        assert!(cut("abcd", 3, None).as_str().contains("1 more byte<"));
    }

    #[test]
    fn a_time_is_in_the_readers_zone_with_utc_beside_it() {
        let at: Timestamp = "2026-06-30T22:30:05.9Z".parse().unwrap();
        let shown = |zone| time(at, &Zone::parse(zone).unwrap()).to_string();
        let berlin = shown("Europe/Berlin");
        let expected = ">2026-07-01 00:30:05 <small>2026-06-30 22:30:05 UTC</small></time>";
        assert!(berlin.ends_with(expected), "{berlin}");
        let lisbon = shown("Europe/Lisbon");
        assert!(lisbon.ends_with(">2026-06-30 23:30:05 <small>22:30:05 UTC</small></time>"));
        assert!(shown("UTC").ends_with(">2026-06-30 22:30:05 <small>UTC</small></time>"));
    }

    #[test]
    fn an_amount_has_the_decimals_of_its_currency_and_no_rounding() {
        for (minor, currency, shown) in [
            (123_456_789, "EUR", "1,234,567.89"),
            (-5, "USD", "\u{2212}0.05"),
            (1_000, "JPY", "1,000"),
            (5_120, "KWD", "5.120"),
            (7, "XBT", "7 minor units"),
            (i128::MAX, "EUR", "1,701,411,834,604,692,317,316,873,037,158,841,057.27"),
        ] {
            assert_eq!(amount(minor, currency), shown, "{minor} {currency}");
        }
    }

    #[test]
    fn a_number_keeps_its_exact_value_beside_what_is_shown() {
        let html = number(-1_234_567, "pending").to_string();
        let expected = "<data value=\"-1234567\" data-number=\"pending\">\u{2212}1,234,567</data>";
        assert_eq!(html, expected);
        let capped = at_least(10_000, true, "").to_string();
        assert_eq!(capped, "<data value=\"10000\">more than 10,000</data>");
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, shown) in
            [(59, "59 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min"), (180_000, "2 d 2 h")]
        {
            assert_eq!(span(seconds), shown);
        }
    }
}
