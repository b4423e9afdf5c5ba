//! The page of a mail: tables and inline styles, which every reader of mail shows.
//!
//! There is no script, picture or link in it. Markup is `'static`, so it is ours; every other text
//! goes through [`Page::text`].

use super::clean::clean;
use super::document::{Bar, Content, Document};

/// A page that is being written.
struct Page(String);

impl Page {
    /// Adds markup of our own.
    fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds a text, escaped.
    fn text(&mut self, text: &str) -> &mut Self {
        for character in clean(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(character),
            }
        }
        self
    }

    /// Adds a number as it is.
    fn number(&mut self, number: u8) -> &mut Self {
        self.0.push_str(&number.to_string());
        self
    }

    fn table(&mut self, head: &[&'static str], rows: &[Vec<String>]) {
        self.markup(
            "<table cellpadding=\"4\" cellspacing=\"0\" style=\"border-collapse:collapse\">\n<tr>",
        );
        for name in head {
            self.markup("<th align=\"left\" style=\"border-bottom:1px solid #999\">");
            self.text(name).markup("</th>");
        }
        self.markup("</tr>\n");
        for row in rows {
            self.markup("<tr>");
            for cell in row {
                self.markup("<td style=\"border-bottom:1px solid #ddd\">");
                self.text(cell).markup("</td>");
            }
            self.markup("</tr>\n");
        }
        self.markup("</table>\n");
    }

    /// Adds a row a bar. The bar is a cell with a width, and a second one fills the rest.
    fn bars(&mut self, label: &str, bars: &[Bar]) {
        self.markup("<p><b>").text(label).markup("</b></p>\n");
        self.markup("<table cellpadding=\"2\" cellspacing=\"0\">\n");
        for Bar { name, value, percent } in bars {
            self.markup("<tr><td>").text(name).markup("</td><td width=\"200\">");
            self.markup("<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\"><tr>");
            if *percent > 0 {
                self.markup("<td bgcolor=\"#2a7ab0\" width=\"").number(*percent);
                self.markup("%\" style=\"font-size:10px\">&nbsp;</td>");
            }
            if *percent < 100 {
                self.markup("<td style=\"font-size:10px\">&nbsp;</td>");
            }
            self.markup("</tr></table></td><td align=\"right\">").text(value);
            self.markup("</td></tr>\n");
        }
        self.markup("</table>\n");
    }
}

/// Renders the page.
pub(super) fn render(document: &Document) -> String {
    let mut page = Page(String::new());
    page.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .markup("<meta name=\"viewport\" content=\"width=device-width\">\n<title>")
        .text(&document.title)
        .markup("</title>\n</head>\n<body style=\"font-family:sans-serif;font-size:14px;color:#222\">\n")
        .markup("<h1 style=\"font-size:18px\">")
        .text(&document.title)
        .markup("</h1>\n<p><b>")
        .text(&document.verdict)
        .markup("</b></p>\n");
    for section in &document.sections {
        page.markup("<h2 style=\"font-size:15px\">").text(&section.heading).markup("</h2>\n");
        for content in &section.content {
            match content {
                Content::Line(line) => {
                    page.markup("<p>").text(line).markup("</p>\n");
                }
                Content::Table { head, rows } => page.table(head, rows),
                Content::Bars { label, bars } => page.bars(label, bars),
            }
        }
    }
    page.markup("<p style=\"color:#666\">").text(&document.note);
    page.markup("</p>\n</body>\n</html>\n");
    page.0
}
