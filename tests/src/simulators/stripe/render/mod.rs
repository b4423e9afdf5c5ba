//! Renders objects as the JSON that Stripe sends: indented by two, in Stripe's order of fields.

mod charge;
mod dispute;
mod event;
mod refund;
mod template;

pub(crate) use charge::charge;
pub(crate) use dispute::{dispute, variant as dispute_variant};
pub(crate) use event::{event, snapshot_id};
pub(crate) use refund::refund;
pub(crate) use template::Shape;

use super::id::{self, Kind};

/// Appends a number.
fn number(out: &mut String, n: i64) {
    use std::fmt::Write;
    write!(out, "{n}").unwrap_or_default();
}

fn boolean(out: &mut String, value: bool) {
    out.push_str(if value { "true" } else { "false" });
}

/// Appends a string in quotes, or null. The text must need no escaping.
fn text_or_null(out: &mut String, value: Option<&str>) {
    match value {
        Some(text) => {
            out.push('"');
            out.push_str(text);
            out.push('"');
        }
        None => out.push_str("null"),
    }
}

/// Appends an id in quotes.
fn quoted_id(out: &mut String, kind: Kind, index: u64) {
    out.push('"');
    id::write(out, kind, false, index);
    out.push('"');
}

/// Appends a newline and `indent` spaces.
fn line(out: &mut String, indent: usize) {
    const SPACES: &str = "                                                ";
    out.push('\n');
    out.push_str(SPACES.get(..indent).unwrap_or(SPACES));
}

/// Appends metadata. Two objects in three have an order number; a changed object has a note.
fn metadata(out: &mut String, index: u32, notes: u16, indent: usize) {
    let has_order = !index.is_multiple_of(3);
    if notes == 0 && !has_order {
        return out.push_str("{}");
    }
    out.push('{');
    if notes > 0 {
        line(out, indent + 2);
        out.push_str("\"note\": \"");
        number(out, i64::from(notes));
        out.push_str(if has_order { "\"," } else { "\"" });
    }
    if has_order {
        line(out, indent + 2);
        out.push_str("\"order_id\": \"");
        number(out, 6_000 + i64::from(index));
        out.push('"');
    }
    line(out, indent);
    out.push('}');
}

/// Appends the metadata keys that changed, with their old values, in the form of
/// `previous_attributes`.
fn metadata_before(out: &mut String, notes: u16, indent: usize) {
    out.push('{');
    line(out, indent + 2);
    out.push_str("\"note\": ");
    if notes == 0 {
        out.push_str("null");
    } else {
        out.push('"');
        number(out, i64::from(notes));
        out.push('"');
    }
    line(out, indent);
    out.push('}');
}

/// Appends the fields of `names` whose rendering differs, as members of an open object. Returns
/// whether any differs. `before` and `after` write one field's value.
fn differences(
    out: &mut String,
    indent: usize,
    names: &[&'static str],
    mut before: impl FnMut(&mut String, &'static str),
    mut after: impl FnMut(&mut String, &'static str),
) -> bool {
    let mut any = false;
    let (mut was, mut is) = (String::new(), String::new());
    for &name in names {
        was.clear();
        is.clear();
        before(&mut was, name);
        after(&mut is, name);
        if was != is {
            if any {
                out.push(',');
            }
            any = true;
            line(out, indent);
            out.push('"');
            out.push_str(name);
            out.push_str("\": ");
            out.push_str(&was);
        }
    }
    any
}

/// Customer names, already escaped for JSON.
const NAMES: [&str; 6] = [
    "Jenny Rosen",
    "Zoë Müller-Groß",
    "Shaun \\\"Ace\\\" O'Neil",
    "山田 太郎",
    "Þórdís Ægisdóttir 🚰",
    "Rakoto \\\\ Andria",
];

/// Returns the name of the customer of the `index`-th charge, escaped.
fn name(index: u32) -> &'static str {
    usize::try_from(index % 6).ok().and_then(|i| NAMES.get(i)).copied().unwrap_or("Jenny Rosen")
}

/// The number of customers: charges share them.
const CUSTOMERS: u32 = 997;

/// Returns the customer of the `index`-th charge. Every fourth charge has none.
pub(crate) fn customer(index: u32) -> Option<u64> {
    (!index.is_multiple_of(4)).then_some(u64::from(index % CUSTOMERS))
}
