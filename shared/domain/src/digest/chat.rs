//! The body for an incoming webhook as Slack knows it, and others that take the same.
//!
//! Tables and charts are in code blocks: nothing in them is a mention, a link or a format. The
//! three characters that Slack reads even there are escaped.

use serde_json::{Value, json};

use super::clean::clean;
use super::document::{Content, Document};
use super::text::content_lines;

/// Slack refuses a section with more characters.
const LONGEST_SECTION: usize = 3_000;

/// Slack refuses a header with more characters.
const LONGEST_HEADER: usize = 150;

/// Slack refuses a message with more blocks.
const MOST_BLOCKS: usize = 50;

/// Begins and ends a block of code.
const FENCE: &str = "```";

/// Renders the body. `text` is for notifications, and for readers that know no blocks.
pub(super) fn render(document: &Document) -> Value {
    let title = clean(&document.title);
    let header: String = title.chars().take(LONGEST_HEADER).collect();
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": escaped(&header), "emoji": false}}),
        section(&format!("*{}*", escaped(&document.verdict))),
    ];
    for part in &document.sections {
        let heading = format!("*{}*", escaped(&part.heading));
        let mut lines = vec![heading];
        for content in &part.content {
            match content {
                Content::Line(line) => lines.push(escaped(line)),
                _ => blocks.extend(fenced(&mut lines, content)),
            }
        }
        if !lines.is_empty() {
            blocks.extend(sections(&lines, ""));
        }
    }
    blocks.push(section(&escaped(&document.note)));
    if blocks.len() > MOST_BLOCKS {
        blocks.truncate(MOST_BLOCKS - 1);
        blocks.push(section("There is more than a chat shows: the mail has all of it."));
    }
    let text = format!("{}: {}", escaped(&title), escaped(&document.verdict));
    json!({"text": text, "blocks": blocks})
}

/// Returns the blocks of the lines so far, and of a table or a chart in a block of code.
fn fenced(before: &mut Vec<String>, content: &Content) -> Vec<Value> {
    let mut blocks = sections(&std::mem::take(before), "");
    let code: Vec<String> = content_lines(content).iter().map(|line| escaped(line)).collect();
    blocks.extend(sections(&code, FENCE));
    blocks
}

/// Returns as many sections as the lines need. Each begins and ends with `fence`.
fn sections(lines: &[String], fence: &str) -> Vec<Value> {
    let most = LONGEST_SECTION - 2 * (fence.len() + 1);
    let (mut blocks, mut open) = (Vec::new(), String::new());
    let mut close = |open: &mut String| {
        let text = std::mem::take(open);
        if !text.is_empty() {
            let fenced = format!("{fence}\n{text}\n{fence}");
            blocks.push(section(if fence.is_empty() { &text } else { &fenced }));
        }
    };
    for line in lines {
        let line = shortened(line, most);
        if !open.is_empty() && open.chars().count() + line.chars().count() + 1 > most {
            close(&mut open);
        }
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(&line);
    }
    close(&mut open);
    blocks
}

/// Cuts an escaped line off, before an escape rather than within it.
fn shortened(line: &str, most: usize) -> String {
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let kept: String = line.chars().take(most - 1).collect();
    let whole = match kept.rfind('&') {
        Some(at) if kept.len() - at < 6 => kept.get(..at).unwrap_or_default().to_owned(),
        _ => kept,
    };
    format!("{whole}…")
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// Escapes what Slack reads everywhere, and breaks what readers like it take for a mention, a link,
/// or the end of a block of code.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in clean(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A space without width: `@channel` is a mention in some chats.
            '@' => escaped.push_str("@\u{200b}"),
            '`' => escaped.push('\''),
            '[' => escaped.push('('),
            ']' => escaped.push(')'),
            _ => escaped.push(character),
        }
    }
    escaped
}
