//! The tour's output: steps line by line, and on a terminal a picture that is redrawn in place.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::layout::{Line, Part, Size, fit};

/// The time between two lines if the output is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// The size of a terminal that does not tell its own.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// Standard output, as a terminal or as a file.
pub(super) struct Screen {
    out: Box<dyn Write>,
    terminal: bool,
    started: Instant,
    drawn: Vec<Line>,
    size: Size,
    last_line: Option<Instant>,
}

/// A step whose line has begun.
pub(super) struct Step(Instant);

impl Screen {
    pub(super) fn new(terminal: bool) -> Self {
        Self {
            out: Box::new(io::stdout()),
            terminal,
            started: Instant::now(),
            drawn: Vec::new(),
            size: USUAL,
            last_line: None,
        }
    }

    /// Returns the time since the tour began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Begins a step's line; [`Self::done`] finishes it.
    pub(super) fn step(&mut self, what: &str) -> io::Result<Step> {
        write!(self.out, "{:5.1} s  {what} … ", self.elapsed().as_secs_f64())?;
        self.out.flush()?;
        Ok(Step(Instant::now()))
    }

    /// Finishes a step's line with its result and its time.
    pub(super) fn done(&mut self, step: Step, result: &str) -> io::Result<()> {
        let dash = if result.is_empty() { "" } else { ", " };
        writeln!(self.out, "{result}{dash}{:.1} s", step.0.elapsed().as_secs_f64())
    }

    /// Prints a line that is not redrawn.
    pub(super) fn say(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Draws the picture over the one before. If stdout is not a terminal, it prints `short` every
    /// 3 s.
    pub(super) fn draw(&mut self, picture: Vec<Part>, short: &str) -> io::Result<()> {
        if !self.terminal {
            if self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                self.last_line = Some(Instant::now());
                return self.say(&format!("{:5.1} s  {short}", self.elapsed().as_secs_f64()));
            }
            return Ok(());
        }
        let size = size();
        let lines = fit(picture, size);
        // After a change of the width nobody knows how far up the picture begins.
        let begin =
            if size == self.size { up(height(&self.drawn)) } else { clear(&mut self.drawn) };
        let body = redrawn(&self.drawn, &lines);
        write!(self.out, "\x1b[?25l{begin}{body}\x1b[?25h")?;
        (self.drawn, self.size) = (lines, size);
        self.out.flush()
    }

    /// Prints a line in place of the picture. The next picture is drawn below it.
    pub(super) fn say_above(&mut self, line: &str) -> io::Result<()> {
        if !self.drawn.is_empty() {
            write!(self.out, "{}\r\x1b[J", up(height(&self.drawn)))?;
        }
        self.keep();
        self.say(&format!("{:5.1} s  {line}", self.elapsed().as_secs_f64()))
    }

    /// Leaves the last picture on the screen. Later output goes below it.
    pub(super) fn keep(&mut self) {
        self.drawn.clear();
        self.last_line = None;
    }

    /// Returns whether pictures are drawn.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal
    }
}

/// Returns the size of the terminal.
fn size() -> Size {
    let told = rustix::termios::tcgetwinsize(io::stdout());
    let told = told.map(|size| Size { columns: size.ws_col.into(), rows: size.ws_row.into() });
    told.ok().filter(|size| size.columns > 0 && size.rows > 0).unwrap_or(USUAL)
}

fn height(lines: &[Line]) -> usize {
    lines.iter().map(|line| line.rows).sum()
}

fn up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

/// Forgets the picture and returns what clears the screen.
fn clear(drawn: &mut Vec<Line>) -> String {
    if std::mem::take(drawn).is_empty() { String::new() } else { "\x1b[2J\x1b[H".to_owned() }
}

/// Returns what turns the picture `before`, from whose first row it goes, into the picture `now`.
/// Lines that stay are not written: a terminal drops the mark of a line that is.
fn redrawn(before: &[Line], now: &[Line]) -> String {
    let (mut text, mut old) = (String::from("\r"), before.iter());
    let mut in_step = true;
    for line in now {
        let over = old.next();
        if in_step && over == Some(line) {
            // Writing to a String does not fail.
            write!(text, "\x1b[{}B", line.rows).unwrap_or_default();
            continue;
        }
        in_step &= over.is_some_and(|over| over.rows == line.rows);
        let erased = vec!["\x1b[2K"; line.rows].join("\n");
        write!(text, "{erased}{}\r{}\r\n", up(line.rows - 1), line.text).unwrap_or_default();
    }
    text + "\x1b[J"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        let line =
            |text: &&str| Line { text: (*text).to_owned(), rows: text.len().div_ceil(10).max(1) };
        texts.iter().map(line).collect()
    }

    /// The rows of a terminal of ten columns.
    fn rows(terminal: &vt100::Parser) -> Vec<String> {
        let rows = terminal.screen().rows(0, 10).map(|row| row.trim_end().to_owned());
        let mut rows: Vec<String> = rows.collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    #[test]
    fn each_picture_replaces_the_one_before_also_where_lines_take_several_rows() {
        let mut terminal = vt100::Parser::new(8, 10, 100);
        terminal.process(b"setting up\r\n");
        let mut drawn = Vec::new();
        for (picture, shown) in [
            (vec!["a", "b"], vec!["a", "b"]),
            (vec!["a", "c"], vec!["a", "c"]),
            (vec!["x", "0123456789abcde", "c"], vec!["x", "0123456789", "abcde", "c"]),
            (vec!["x", "0123456789abc", "c"], vec!["x", "0123456789", "abc", "c"]),
            (vec!["x", "0123456789", "d"], vec!["x", "0123456789", "d"]),
            (vec!["y"], vec!["y"]),
        ] {
            let picture = lines(&picture);
            let text = up(height(&drawn)) + &redrawn(&drawn, &picture);
            terminal.process(text.as_bytes());
            assert_eq!(rows(&terminal), [vec!["setting up"], shown].concat());
            drawn = picture;
        }
    }

    #[test]
    fn a_picture_that_fills_the_terminal_stays_in_place() {
        let mut terminal = vt100::Parser::new(4, 10, 100);
        terminal.process(b"setting up\r\nmore of it\r\n");
        let mut drawn = Vec::new();
        for n in 0..5 {
            let number = n.to_string();
            let picture = lines(&["head", &number, "last"]);
            let text = up(height(&drawn)) + &redrawn(&drawn, &picture);
            terminal.process(text.as_bytes());
            assert_eq!(rows(&terminal), ["head", &number, "last"]);
            drawn = picture;
        }
    }

    #[test]
    fn a_line_that_stays_is_not_written_again_so_that_its_mark_stays() {
        let (before, now) =
            (lines(&["1 s", "KEY=abc", "5 rows"]), lines(&["2 s", "KEY=abc", "5 rows"]));
        assert_eq!(redrawn(&before, &now), "\r\x1b[2K\r2 s\r\n\x1b[1B\x1b[1B\x1b[J");
        let moved = redrawn(&before, &lines(&["2 s", "new", "KEY=abc", "5 rows"]));
        assert!(moved.contains("KEY=abc"), "{moved:?}");
    }
}
