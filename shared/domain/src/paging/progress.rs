//! Tells a list that is long from one that never ends.

use super::{Next, Page, PageError, Position};

/// Pages in a row that show nothing and promise more, after which a run stops. It keeps its cursor,
/// so the next invocation goes on from the last of them.
pub const EMPTY_PAGES: u32 = 100;

/// The progress of one invocation through one window.
///
/// A position that comes again is a loop, however long, because the reply to a request follows from
/// its position. One earlier position is kept, and replaced after 1, 2, 4, 8, … pages (Brent's
/// algorithm). So any loop is found within three times its length, and nothing grows.
#[derive(Debug, Default)]
pub struct Progress {
    empty: u32,
    kept: Option<Position>,
    pages: u32,
    kept_for: u32,
}

impl Progress {
    /// Notes a page that was asked for at `position`.
    ///
    /// # Errors
    /// [`PageError::Loop`] if going on would never end. Nothing is noted then.
    pub fn note(&mut self, position: &Position, page: &Page<'_>) -> Result<(), PageError> {
        let Next::Continue(next) = &page.next else {
            *self = Self::default();
            return Ok(());
        };
        let empty = if page.doubt.is_some() { self.empty + 1 } else { 0 };
        if empty > EMPTY_PAGES {
            return Err(PageError::Loop("100 pages in a row show nothing and promise more"));
        }
        let kept = self.kept.as_ref().unwrap_or(position);
        if next == kept || next == position {
            return Err(PageError::Loop("the page leads back to where the run has been"));
        }
        if self.pages >= self.kept_for {
            *self = Self {
                kept: Some(next.clone()),
                pages: 0,
                kept_for: self.kept_for.max(1) * 2,
                ..*self
            };
        } else {
            self.pages += 1;
        }
        self.empty = empty;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::record::Item;

    fn position(token: u32) -> Position {
        Position { from: None, to: Timestamp::UNIX_EPOCH, token: Some(token.to_string()) }
    }

    fn item() -> Item<'static> {
        Item {
            entity: "contact".to_owned(),
            external_id: "1".to_owned(),
            version_key: "1".to_owned(),
            version_at: Timestamp::UNIX_EPOCH,
            api_version: None,
            payload: b"{}",
        }
    }

    /// The number of pages until a walk is found to be a loop, within `most` pages.
    fn walk(most: u32, next: impl Fn(u32) -> u32) -> Option<u32> {
        let (mut progress, mut at) = (Progress::default(), 0);
        (1..=most).find(|_| {
            let page = Page::new(vec![item()], Next::Continue(position(next(at))));
            let loops = progress.note(&position(at), &page).is_err();
            at = next(at);
            loops
        })
    }

    #[test]
    fn trap_16_a_loop_of_any_length_is_found_and_a_long_list_is_none() {
        for length in [1, 2, 3, 7, 50, 333] {
            for before in [0, 1, 20] {
                let next = |at| if at + 1 == before + length { before } else { at + 1 };
                let found = walk(10_000, next).expect("a loop");
                assert!(found <= 3 * (before + length) + 3, "{before} + {length}: {found}");
            }
        }
        assert_eq!(walk(20_000, |at| at + 1), None);
    }

    #[test]
    fn trap_16_empty_pages_are_counted_in_a_row_and_the_cursor_passes_the_last_one() {
        let mut progress = Progress::default();
        for round in 0..3 {
            for n in 0..EMPTY_PAGES {
                let at = round * 1_000 + n;
                let page = Page::empty(Next::Continue(position(at + 1)));
                assert_eq!(progress.note(&position(at), &page), Ok(()), "{at}");
            }
            let at = round * 1_000 + EMPTY_PAGES;
            let one_more = Page::empty(Next::Continue(position(at + 1)));
            for _ in 0..2 {
                let error = progress.note(&position(at), &one_more).expect_err("the bound");
                assert!(error.to_string().contains("100 pages in a row"), "{error}");
            }
            let full = Page::new(vec![item()], Next::Continue(position(at + 1)));
            assert_eq!(progress.note(&position(at), &full), Ok(()));
        }
    }
}
