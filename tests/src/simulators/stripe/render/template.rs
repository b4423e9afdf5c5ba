//! Templates of objects: Stripe's own layout with slots, cut into pieces once for each shape and
//! indent.
//!
//! `@name@` is a slot. A line that starts with `~old `, `~new ` or `~refunds ` belongs to some
//! shapes only. A slot that holds an object gets the indent of its line.

use std::sync::OnceLock;

/// The shape in which an object is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Before 2022-11-15.
    Old,
    /// The present version.
    New,
    /// The present version with a charge's refunds expanded on request.
    Expanded,
}

/// The number of cached indents, in steps of two spaces.
const INDENTS: usize = 16;

enum Piece {
    Text(String),
    Slot(&'static str, usize),
}

pub(crate) struct Template {
    text: &'static str,
    cut: [OnceLock<Vec<Piece>>; INDENTS * 3],
}

impl Template {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, cut: [const { OnceLock::new() }; INDENTS * 3] }
    }

    /// Writes the object `indent` spaces deep, with its first brace at the end of `out`. It calls
    /// `fill` once for every slot, in order, with the slot's name and indent.
    pub(crate) fn render(
        &self,
        out: &mut String,
        shape: Shape,
        indent: usize,
        mut fill: impl FnMut(&mut String, &'static str, usize),
    ) {
        let slot = (indent / 2).min(INDENTS - 1) * 3 + shape as usize;
        let Some(cell) = self.cut.get(slot) else { return };
        for piece in cell.get_or_init(|| cut(self.text, shape, indent)) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Slot(name, depth) => fill(out, name, *depth),
            }
        }
    }
}

fn cut(text: &'static str, shape: Shape, indent: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut run = String::new();
    let lines = text.trim_end().lines().filter_map(|line| belongs(line, shape));
    for (number, line) in lines.enumerate() {
        if number > 0 {
            run.push('\n');
            run.extend(std::iter::repeat_n(' ', indent));
        }
        let depth = indent + line.len() - line.trim_start().len();
        for (place, part) in line.split('@').enumerate() {
            if place % 2 == 0 {
                run.push_str(part);
            } else {
                pieces.push(Piece::Text(std::mem::take(&mut run)));
                pieces.push(Piece::Slot(part, depth));
            }
        }
    }
    pieces.push(Piece::Text(run));
    pieces
}

/// Returns the line without its marker; `None` if it belongs to another shape.
fn belongs(line: &'static str, shape: Shape) -> Option<&'static str> {
    let Some(marked) = line.strip_prefix('~') else { return Some(line) };
    let (marker, rest) = marked.split_once(' ')?;
    let wanted = match marker {
        "old" => shape == Shape::Old,
        "new" => shape != Shape::Old,
        _ => shape != Shape::New,
    };
    wanted.then_some(rest)
}
