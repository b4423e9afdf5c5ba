//! Where the tour shows itself: steps line by line, and a picture redrawn in place on a terminal.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Between two lines where nothing can be redrawn.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// Standard output, as a terminal or as a file.
pub(super) struct Screen {
    out: Box<dyn Write>,
    terminal: bool,
    started: Instant,
    drawn: usize,
    last_line: Option<Instant>,
}

/// A step that was announced.
pub(super) struct Step(Instant);

impl Screen {
    pub(super) fn new(terminal: bool) -> Self {
        Self {
            out: Box::new(io::stdout()),
            terminal,
            started: Instant::now(),
            drawn: 0,
            last_line: None,
        }
    }

    /// Since the tour began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Announces a step; its line is finished by [`Self::done`].
    pub(super) fn step(&mut self, what: &str) -> io::Result<Step> {
        write!(self.out, "{:5.1} s  {what} … ", self.elapsed().as_secs_f64())?;
        self.out.flush()?;
        Ok(Step(Instant::now()))
    }

    /// Finishes a step's line with what came of it.
    pub(super) fn done(&mut self, step: Step, result: &str) -> io::Result<()> {
        let dash = if result.is_empty() { "" } else { ", " };
        writeln!(self.out, "{result}{dash}{:.1} s", step.0.elapsed().as_secs_f64())
    }

    /// A line that stays.
    pub(super) fn say(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Draws the picture over the one before. Where that cannot be done, adds `short` every few seconds.
    pub(super) fn draw(&mut self, picture: &[String], short: &str) -> io::Result<()> {
        if !self.terminal {
            if self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                self.last_line = Some(Instant::now());
                return self.say(&format!("{:5.1} s  {short}", self.elapsed().as_secs_f64()));
            }
            return Ok(());
        }
        // Lines past the right edge are cut, not wrapped: the next picture must know how far up to go.
        let up = if self.drawn == 0 { String::new() } else { format!("\x1b[{}A", self.drawn) };
        let lines: String = picture.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
        write!(self.out, "\x1b[?25l\x1b[?7l{up}\r{lines}\x1b[J\x1b[?7h\x1b[?25h")?;
        self.drawn = picture.len();
        self.out.flush()
    }

    /// A line that stays, where the picture was: the next one is drawn below it.
    pub(super) fn say_above(&mut self, line: &str) -> io::Result<()> {
        if self.drawn > 0 {
            write!(self.out, "\x1b[{}A\r\x1b[J", self.drawn)?;
        }
        self.keep();
        self.say(&format!("{:5.1} s  {line}", self.elapsed().as_secs_f64()))
    }

    /// Leaves the last picture standing; what comes next stands below it.
    pub(super) fn keep(&mut self) {
        self.drawn = 0;
        self.last_line = None;
    }

    /// Whether pictures are drawn.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal
    }
}
