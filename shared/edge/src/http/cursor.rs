//! Pages of a list that is ordered by a time and an id, the newest first.

use jiff::Timestamp;
use uuid::Uuid;

use super::query::Query;

/// The last row of a page: the next one begins behind it, whatever rows come meanwhile (trap 25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The time that the list is ordered by.
    pub at: Timestamp,
    /// Tells rows of the same time apart.
    pub id: Uuid,
}

impl Cursor {
    /// Returns its text: microseconds, as Postgres keeps them, and the id, both in hexadecimal.
    #[must_use]
    pub fn text(self) -> String {
        format!("{:016x}{}", self.at.as_microsecond(), self.id.simple())
    }

    /// Reads the text of a cursor; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, id) = text.split_at_checked(16)?;
        let micros = u64::from_str_radix(micros, 16).ok()?.cast_signed();
        let id = if id.len() == 32 { Uuid::try_parse(id).ok()? } else { return None };
        Some(Self { at: Timestamp::from_microsecond(micros).ok()?, id })
    }

    /// Takes `cursor`, if `is_sound` holds for it.
    pub fn take(query: &mut Query, is_sound: impl FnOnce(&Self) -> bool) -> Option<Self> {
        query.take_as("cursor", |text| {
            Self::parse(text).filter(is_sound).ok_or("must be a nextCursor".to_owned())
        })
    }

    /// Cuts `rows` to a page of `limit`, and returns the text of its cursor if there were more.
    /// `of` returns the cursor of a row.
    pub fn cut<T>(rows: &mut Vec<T>, limit: i64, of: impl FnOnce(&T) -> Self) -> Option<String> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = rows.len() <= limit;
        rows.truncate(limit);
        rows.last().filter(|_| !is_last).map(|last| of(last).text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_own_text_and_nothing_else_is_one() {
        let at = Timestamp::from_microsecond(1_767_225_600_123_456).unwrap();
        let cursor = Cursor { at, id: Uuid::from_u128(7) };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for bad in [
            "",
            "x",
            "é",
            &"é".repeat(24),
            &"0".repeat(47),
            &"f".repeat(49),
            &format!("7{}", "f".repeat(47)),
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_page_has_a_cursor_if_there_are_more_rows_than_it_takes() {
        let of = |id: &u128| Cursor { at: Timestamp::UNIX_EPOCH, id: Uuid::from_u128(*id) };
        let mut rows = vec![3, 2, 1];
        assert_eq!(Cursor::cut(&mut rows, 3, of), None);
        assert_eq!(Cursor::cut(&mut rows, 2, of), Some(of(&2).text()));
        assert_eq!(rows, [3, 2]);
        assert_eq!(Cursor::cut(&mut Vec::new(), 2, of), None);
    }
}
