//! The tour's output: steps line by line, and on a terminal a picture that is redrawn in place.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The time between two lines if the output is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// Standard output, as a terminal or as a file.
pub(super) struct Screen {
    out: Box<dyn Write>,
    terminal: bool,
    started: Instant,
    drawn: usize,
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
            drawn: 0,
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
    pub(super) fn draw(&mut self, picture: &[String], short: &str) -> io::Result<()> {
        if !self.terminal {
            if self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                self.last_line = Some(Instant::now());
                return self.say(&format!("{:5.1} s  {short}", self.elapsed().as_secs_f64()));
            }
            return Ok(());
        }
        // Lines past the right edge are cut, not wrapped: the next picture must know how far up to
        // go.
        let up = if self.drawn == 0 { String::new() } else { format!("\x1b[{}A", self.drawn) };
        let lines: String = picture.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
        write!(self.out, "\x1b[?25l\x1b[?7l{up}\r{lines}\x1b[J\x1b[?7h\x1b[?25h")?;
        self.drawn = picture.len();
        self.out.flush()
    }

    /// Prints a line in place of the picture. The next picture is drawn below it.
    pub(super) fn say_above(&mut self, line: &str) -> io::Result<()> {
        if self.drawn > 0 {
            write!(self.out, "\x1b[{}A\r\x1b[J", self.drawn)?;
        }
        self.keep();
        self.say(&format!("{:5.1} s  {line}", self.elapsed().as_secs_f64()))
    }

    /// Leaves the last picture on the screen. Later output goes below it.
    pub(super) fn keep(&mut self) {
        self.drawn = 0;
        self.last_line = None;
    }

    /// Returns whether pictures are drawn.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal
    }
}
