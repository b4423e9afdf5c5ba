//! Tables as CSV (RFC 4180).

use penstock_edge::http::{HeaderMap, HeaderValue, Reply, StatusCode, header};

/// Writes a table: the line of names, and a line for each row. `file` is the name of the file that
/// a browser makes of it.
#[must_use]
pub fn reply(file: &str, names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Reply {
    let mut table = line(names.iter().copied());
    for row in rows {
        table.push_str(&line(row.iter().map(String::as_str)));
    }
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    Reply::new(StatusCode::OK, headers, table.into_bytes())
        .with_header(header::CONTENT_DISPOSITION, &format!("attachment; filename={file}"))
}

fn line<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = values.map(cell).collect();
    cells.join(",") + "\r\n"
}

/// Writes a value. One that a spreadsheet would take for a formula gets an apostrophe before it: a
/// sender wrote it (trap 59). A number such as `-12.50` or a telephone number such as
/// `+49 30 901820` is none, and stays as it is.
#[must_use]
pub fn cell(text: &str) -> String {
    let begins_a_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let is_number = text.len() > 1
        && text.starts_with(['+', '-'])
        && text[1..].chars().all(|c| c.is_ascii_digit() || c == '.' || c == ' ' || c == '\u{a0}');
    let guard = if begins_a_formula && !is_number { "'" } else { "" };
    let is_plain = !text.contains(['"', ',', '\r', '\n']) && guard.is_empty();
    if is_plain { text.to_owned() } else { format!("\"{guard}{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_59_a_cell_is_never_a_formula() {
        for (value, written) in [
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("-1+1", "\"'-1+1\""),
            ("+1+cmd|' /C calc'!A0", "\"'+1+cmd|' /C calc'!A0\""),
            ("-", "\"'-\""),
            ("\t=1", "\"'\t=1\""),
            ("\r\n=1", "\"'\r\n=1\""),
            ("-12.50", "-12.50"),
            ("+49 30 901820", "+49 30 901820"),
            ("Ada, \"L\"", "\"Ada, \"\"L\"\"\""),
            ("", ""),
        ] {
            assert_eq!(cell(value), written);
        }
    }

    #[test]
    fn a_table_is_a_file_of_lines_that_no_browser_shows_as_a_page() {
        let rows = [vec!["1".to_owned(), "a,b".to_owned()]].into_iter();
        let reply = reply("leads.csv", &["id", "name"], rows);
        assert_eq!(reply.text(), "id,name\r\n1,\"a,b\"\r\n");
        assert_eq!(reply.headers[header::CONTENT_DISPOSITION], "attachment; filename=leads.csv");
        assert_eq!(reply.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
