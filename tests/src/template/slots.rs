//! The slots of a pattern: `<Name>` must be filled, `<Name?>` may be empty, and `<Name|text>` has
//! the default `text`.
//!
//! Comments on a value go above the line that it fills. A line whose optional slot is empty is left
//! out. So is a heading that then has nothing below it.

use std::collections::{BTreeMap, BTreeSet};

use super::text::{Text, indent, indented};

/// The values of slots, by name.
pub type Values = BTreeMap<String, Text>;

struct Slot<'a> {
    name: &'a str,
    optional: bool,
    default: Option<&'a str>,
}

/// Returns the first slot of a line, with the text before and behind it.
fn first(line: &str) -> Option<(&str, Slot<'_>, &str)> {
    for (start, _) in line.match_indices('<') {
        let rest = &line[start + 1..];
        let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(length);
        if name.is_empty() {
            continue;
        }
        let (optional, default, after) = if let Some(after) = behind.strip_prefix('>') {
            (false, None, after)
        } else if let Some(after) = behind.strip_prefix("?>") {
            (true, None, after)
        } else if let Some((default, after)) =
            behind.strip_prefix('|').and_then(|behind| behind.split_once('>'))
        {
            (false, Some(default), after)
        } else {
            continue;
        };
        return Some((&line[..start], Slot { name, optional, default }, after));
    }
    None
}

/// Fills all slots of `lines`.
///
/// # Errors
///
/// - A slot must be filled and has no value.
/// - A value has several lines, and there is room for one.
/// - No slot asks for a value, and its name is not in `spare`.
pub fn fill(lines: &[String], values: &Values, spare: &[&str]) -> Result<Vec<String>, String> {
    let mut filled = Vec::new();
    let mut used: BTreeSet<&str> = spare.iter().copied().collect();
    let mut emptied = Vec::new();
    for line in lines {
        match fill_line(line, values, &mut used)? {
            Some(more) => filled.extend(more),
            None => emptied.push((filled.len(), indent(line))),
        }
    }
    // From the bottom up, so that a heading whose last subheading went goes too.
    for (at, depth) in emptied.into_iter().rev() {
        drop_headings(&mut filled, at, depth);
    }
    match values.keys().find(|name| !used.contains(name.as_str())) {
        Some(name) => Err(format!("there is no room for {name}")),
        None => Ok(filled),
    }
}

/// Returns the line with its slots filled; `None` if an optional one is empty.
fn fill_line<'v>(
    line: &str,
    values: &'v Values,
    used: &mut BTreeSet<&'v str>,
) -> Result<Option<Vec<String>>, String> {
    let (mut done, mut rest) = (String::new(), line.to_owned());
    let mut filled = Vec::new();
    while let Some((before, slot, after)) = first(&rest) {
        let value = values.get_key_value(slot.name).map(|(name, value)| {
            // Comments are written at the first use of a value.
            if used.insert(name.as_str()) {
                filled.extend(indented(&value.comments, indent(line)));
            }
            value
        });
        let value = match (value.filter(|value| !value.is_empty()), slot.default) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => Text::inline(default),
            (None, None) if slot.optional => return Ok(None),
            (None, None) => return Err(format!("{} is not said", slot.name)),
        };
        done.push_str(before);
        if !value.below.is_empty() {
            if !after.is_empty() {
                return Err(format!("{} may have one line only", slot.name));
            }
            // A slot that is alone in its line is replaced by lines. Behind a key, the lines go
            // below it.
            let alone = done.trim().is_empty() && value.inline.is_empty();
            let depth = if alone { done.len() } else { indent(&done) + 2 };
            if !alone {
                filled.push(format!("{done}{}", value.inline).trim_end().to_owned());
            }
            filled.extend(indented(&value.below, depth));
            return Ok(Some(filled));
        }
        done.push_str(&value.inline);
        rest = after.to_owned();
    }
    filled.push(done + &rest);
    Ok(Some(filled))
}

/// Removes the headings above line `at` that have nothing below them. A line of depth `depth` was
/// there.
fn drop_headings(lines: &mut Vec<String>, at: usize, mut depth: usize) {
    let mut end = at;
    while let Some(heading) = end.checked_sub(1).and_then(|index| lines.get(index)) {
        let own = indent(heading);
        let has_more = lines.get(end).is_some_and(|next| indent(next) > own && !next.is_empty());
        if !heading.ends_with(':') || own >= depth || has_more {
            return;
        }
        depth = own;
        end -= 1;
        lines.remove(end);
    }
}

#[cfg(test)]
mod tests {
    use super::{Values, fill};
    use crate::template::text::{Text, lines};

    fn values(given: &[(&str, Text)]) -> Values {
        given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    const PATTERN: &str = "\
<Name>Role:
  Size: <Size?>
  Period: <Period|300>
  Environment:
    Variables:
      <Environment?>
  Policies: <Policies?>
  To: ${X}-<Name>";

    #[test]
    fn slots_are_filled_by_words_lines_and_defaults() {
        let below = |text: &str| Text::below(lines(text));
        let policies =
            Text { comments: lines("# which"), below: lines("- X"), ..Text::inline("!If") };
        let given = values(&[
            ("Name", Text::inline("Fetch")),
            ("Environment", below("A: !Ref A\n# why\nB: 1")),
            ("Policies", policies),
        ]);
        let wanted = "\
FetchRole:
  Period: 300
  Environment:
    Variables:
      A: !Ref A
      # why
      B: 1
  # which
  Policies: !If
    - X
  To: ${X}-Fetch";
        assert_eq!(fill(&lines(PATTERN), &given, &[]).unwrap(), lines(wanted));
    }

    #[test]
    fn a_heading_with_nothing_below_goes_and_one_with_something_stays() {
        let given = values(&[("Name", Text::inline("Bury")), ("Size", Text::inline("1"))]);
        let wanted = ["BuryRole:", "  Size: 1", "  Period: 300", "  To: ${X}-Bury"];
        assert_eq!(fill(&lines(PATTERN), &given, &[]).unwrap(), wanted);
    }

    #[test]
    fn a_slot_without_a_value_and_a_value_without_a_slot_are_errors() {
        assert!(fill(&lines("a: <B>"), &values(&[]), &[]).is_err());
        let given = values(&[("B", Text::inline("1")), ("C", Text::inline("2"))]);
        assert!(fill(&lines("a: <B>"), &given, &[]).is_err());
        assert_eq!(fill(&lines("a: <B>"), &given, &["C"]).unwrap(), ["a: 1"]);
        assert_eq!(fill(&lines("a < b <- <1>"), &values(&[]), &[]).unwrap(), ["a < b <- <1>"]);
    }
}
