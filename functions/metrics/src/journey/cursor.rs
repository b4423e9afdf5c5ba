//! The end of a page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use penstock_domain::text::LONGEST_ID;

/// The bounds of all pages, and the last event of one: the next page begins after it, even if
/// events have come meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Earlier events are left out.
    pub from: Timestamp,
    /// Events of this time or later are left out.
    pub to: Timestamp,
    /// When the last event occurred.
    pub at: Timestamp,
    /// Its id.
    pub event_id: String,
    /// The name of its sender.
    pub sender: String,
}

/// The seconds in which years of four digits begin and end: those of RFC 3339.
const YEARS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// Whether a time is of a year with four digits. jiff and Postgres go further, each in its own way.
pub(super) fn is_kept(time: &Timestamp) -> bool {
    YEARS.contains(&time.as_second())
}

impl Cursor {
    /// Returns the last event of the page by time, id and sender.
    pub(super) fn end(&self) -> (Timestamp, &str, &str) {
        (self.at, &self.event_id, &self.sender)
    }

    /// Three times in microseconds, the id, which may be any text without NUL, and after a NUL the
    /// sender. Cursors of a release before 0.2 have no sender, as its events have none.
    pub(super) fn text(&self) -> String {
        let times = [self.from, self.to, self.at].map(|time| time.as_microsecond().to_be_bytes());
        let nul: &[u8] = if self.sender.is_empty() { b"" } else { b"\0" };
        let (id, sender) = (self.event_id.as_bytes(), self.sender.as_bytes());
        URL_SAFE_NO_PAD.encode([times.as_flattened(), id, nul, sender].concat())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (times, names) = bytes.split_at_checked(24)?;
        let (times, []) = times.as_chunks::<8>() else { return None };
        let time = |bytes: &[u8; 8]| {
            Timestamp::from_microsecond(i64::from_be_bytes(*bytes)).ok().filter(is_kept)
        };
        let [from, to, at] = times else { return None };
        let (from, to, at) = (time(from)?, time(to)?, time(at)?);
        let names = std::str::from_utf8(names).ok()?;
        let (event_id, sender) = match names.split_once('\0') {
            Some((event_id, sender)) if !sender.is_empty() => (event_id, sender),
            Some(_) => return None,
            None => (names, ""),
        };
        let is_id = (1..=LONGEST_ID).contains(&event_id.chars().count()) && !sender.contains('\0');
        let (event_id, sender) = (event_id.to_owned(), sender.to_owned());
        (is_id && from <= at && at < to).then_some(Self { from, to, at, event_id, sender })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_own_text(at in -62_167_219_200_000_000..253_402_207_200_999_998_i64, event_id in "[^\0]{1,255}", sender in "[^\0]{0,9}") {
            let time = |micros| Timestamp::from_microsecond(micros).unwrap();
            let cursor = Cursor { from: time(at), to: time(at + 1), at: time(at), event_id, sender };
            prop_assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }

        #[test]
        fn nothing_that_a_caller_can_send_makes_it_panic(bytes: Vec<u8>, text: String) {
            prop_assert_eq!(Cursor::parse(&text).filter(|cursor| cursor.text() != text), None);
            let text = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(Cursor::parse(&text).filter(|cursor| cursor.text() != text), None);
        }
    }

    #[test]
    fn nonsense_is_no_cursor() {
        let time = |micros| Timestamp::from_microsecond(micros).unwrap();
        let (event_id, sender) = ("e".to_owned(), "shop".to_owned());
        let good = Cursor { from: time(1), to: time(9), at: time(5), event_id, sender };
        assert!(Cursor::parse(&good.text()).is_some());
        for bad in [
            Cursor { at: time(0), ..good.clone() },
            Cursor { at: time(9), ..good.clone() },
            Cursor { event_id: String::new(), ..good.clone() },
            Cursor { event_id: "a\0".to_owned(), ..good.clone() },
            Cursor { event_id: "e".repeat(256), ..good.clone() },
            Cursor { event_id: "a\0".to_owned(), sender: String::new(), ..good.clone() },
            Cursor { from: Timestamp::MIN, ..good.clone() },
            Cursor { to: Timestamp::MAX, ..good.clone() },
        ] {
            assert_eq!(Cursor::parse(&bad.text()), None, "{bad:?}");
        }
        for bad in ["", "x", "\u{e9}", &"_".repeat(64), &"A".repeat(31), &(good.text() + "=")] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
