//! Fits the picture into a terminal.

/// A part of the picture.
pub(super) struct Part {
    /// Parts with a higher rank leave the picture first if it is too high.
    rank: u8,
    kind: Kind,
    lines: Vec<String>,
}

/// How a line that is longer than the terminal is wide is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It ends at the right edge.
    Cut,
    /// It goes on in the next row, as one line, so that it can be marked as a whole.
    Whole,
}

/// A line of the fitted picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// The rows that it takes.
    pub(super) rows: usize,
}

/// A terminal's size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Part {
    /// Returns a part whose lines end at the right edge.
    pub(super) const fn cut(rank: u8, lines: Vec<String>) -> Self {
        Self { rank, kind: Kind::Cut, lines }
    }

    /// Returns a part whose lines stay whole.
    pub(super) const fn whole(rank: u8, lines: Vec<String>) -> Self {
        Self { rank, kind: Kind::Whole, lines }
    }

    fn fitted(&self, columns: usize) -> impl Iterator<Item = Line> {
        self.lines.iter().map(move |line| match self.kind {
            Kind::Cut => Line { text: cut(line, columns), rows: 1 },
            Kind::Whole => {
                let rows = line.chars().count().div_ceil(columns.max(1)).max(1);
                Line { text: line.clone(), rows }
            }
        })
    }
}

/// Returns the lines of the parts that fit, with an empty line before each part if there is room.
/// Parts lose their last lines, or leave.
/// The last row stays free for the cursor.
pub(super) fn fit(mut parts: Vec<Part>, size: Size) -> Vec<Line> {
    parts.retain(|part| !part.lines.is_empty());
    let room = size.rows.saturating_sub(1);
    let height = |parts: &[Part]| -> usize {
        parts.iter().flat_map(|part| part.fitted(size.columns)).map(|line| line.rows).sum()
    };
    while height(&parts) > room {
        // Of two that matter as little, the lower one.
        let last = parts.iter_mut().enumerate().max_by_key(|(_, part)| part.rank);
        let Some((last, part)) = last.filter(|(_, part)| part.rank > 0) else { break };
        // The first line alone is often a heading.
        if part.lines.len() > 2 {
            part.lines.pop();
        } else {
            parts.remove(last);
        }
    }
    let gaps = height(&parts) + parts.len() <= room;
    let mut lines = Vec::new();
    for part in &parts {
        if gaps {
            lines.push(Line { text: String::new(), rows: 1 });
        }
        lines.extend(part.fitted(size.columns));
    }
    lines
}

/// Cuts a line at the right edge. Escape sequences take no cell, and those after the edge stay, so
/// that a colour ends.
fn cut(line: &str, columns: usize) -> String {
    let (mut kept, mut cells, mut escape) = (String::new(), 0, false);
    for character in line.chars() {
        if character == '\x1b' {
            escape = true;
        } else if !escape {
            cells += 1;
        }
        if escape || cells <= columns {
            kept.push(character);
        }
        if escape && character.is_ascii_alphabetic() {
            escape = false;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, text: &str) -> Vec<String> {
        vec![text.to_owned(); count]
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn what_matters_least_leaves_a_picture_that_is_too_high_from_its_end() {
        let parts = || {
            vec![
                Part::cut(0, lines(1, "head")),
                Part::cut(2, lines(3, "chart")),
                Part::cut(1, lines(2, "rows")),
            ]
        };
        let at = |rows| fit(parts(), Size { columns: 80, rows });
        let whole = ["", "head", "", "chart", "chart", "chart", "", "rows", "rows"];
        assert_eq!(texts(&at(10)), whole);
        let close = ["head", "chart", "chart", "chart", "rows", "rows"];
        assert_eq!(texts(&at(9)), close);
        assert_eq!(texts(&at(7)), close);
        assert_eq!(texts(&at(6)), ["head", "chart", "chart", "rows", "rows"]);
        assert_eq!(texts(&at(5)), ["head", "rows", "rows"]);
        assert_eq!(texts(&at(2)), ["head"]);
        assert_eq!(texts(&at(1)), ["head"]);
    }

    #[test]
    fn a_long_line_is_cut_or_stays_whole_over_several_rows() {
        let parts = vec![
            Part::cut(0, vec!["\x1b[1m123456\x1b[0m".to_owned()]),
            Part::whole(0, vec!["123456".to_owned(), "1234".to_owned(), String::new()]),
        ];
        let fitted = fit(parts, Size { columns: 4, rows: 24 });
        let whole = |text: &str, rows| Line { text: text.to_owned(), rows };
        assert_eq!(fitted[1].text, "\x1b[1m1234\x1b[0m");
        assert_eq!(fitted[3..], [whole("123456", 2), whole("1234", 1), whole("", 1)]);
    }
}
