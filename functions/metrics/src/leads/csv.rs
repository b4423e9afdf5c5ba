//! Leads as a table: RFC 4180, in UTF-8, with a line of names.

use penstock_edge::http::{HeaderMap, HeaderValue, Reply, StatusCode, header};

use super::reply::LeadItem;

/// The name of a column, and its value in a line.
type Column = (&'static str, fn(&LeadItem) -> Option<String>);

/// The columns of the table, in their order.
const COLUMNS: [Column; 24] = [
    ("id", |lead| Some(lead.id.to_string())),
    ("receivedAt", |lead| Some(lead.received_at.to_string())),
    ("state", |lead| Some(lead.state.clone())),
    ("conflictsWith", |lead| lead.conflicts_with.map(|id| id.to_string())),
    ("status", |lead| lead.status.clone()),
    ("assignedTo", |lead| lead.assigned_to.clone()),
    ("firstName", |lead| lead.first_name.clone()),
    ("lastName", |lead| lead.last_name.clone()),
    ("name", |lead| lead.name.clone()),
    ("email", |lead| lead.email.clone()),
    ("phone", |lead| lead.phone.clone()),
    ("company", |lead| lead.company.clone()),
    ("country", |lead| lead.country.clone()),
    ("language", |lead| lead.language.clone()),
    ("ip", |lead| lead.ip.clone()),
    ("domain", |lead| lead.domain.clone()),
    ("offer", |lead| lead.offer.clone()),
    ("sourceType", |lead| lead.source_type.clone()),
    ("marker", |lead| lead.marker.clone()),
    ("creative", |lead| lead.creative.clone()),
    ("clickId", |lead| lead.click_id.clone()),
    ("description", |lead| lead.description.clone()),
    ("sender", |lead| lead.sender.clone()),
    ("contentType", |lead| Some(lead.content_type.clone())),
];

/// Whether the caller prefers CSV to JSON. A caller who names neither gets JSON.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(String, f32)> = all.flat_map(|text| text.split(',')).map(range).collect();
    let of = |names: &[&str]| {
        names.iter().find_map(|name| ranges.iter().find(|(range, _)| range == name)).map(|it| it.1)
    };
    let csv = of(&["text/csv"]).unwrap_or(0.0);
    csv > 0.0 && csv >= of(&["application/json", "application/*", "*/*"]).unwrap_or(0.0)
}

/// A media range in lower case and its weight.
fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
    (name, weight.unwrap_or(1.0))
}

/// Writes a reply of all leads of a page.
pub(super) fn reply(leads: &[LeadItem]) -> Reply {
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=leads.csv")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    Reply::new(StatusCode::OK, headers, table(leads).into_bytes())
}

/// Writes the line of names, and a line for each lead.
pub(super) fn table(leads: &[LeadItem]) -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut text = names.join(",") + "\r\n";
    for lead in leads {
        let values = COLUMNS.iter().map(|(_, column)| column(lead));
        let cells: Vec<String> =
            values.map(|value| value.as_deref().map(cell).unwrap_or_default()).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Writes a value. One that a spreadsheet would take for a formula gets an apostrophe before it: a
/// sender wrote it. A telephone number such as `+49 30 901820` is none, and stays as it is.
fn cell(text: &str) -> String {
    let begins_a_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let is_number = text.starts_with('+')
        && text[1..].chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '\u{a0}');
    let guard = if begins_a_formula && !is_number { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) || !guard.is_empty() {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_where_it_must_be_and_never_a_formula() {
        for (value, written) in [
            ("Ada", "Ada"),
            ("Ada, L", "\"Ada, L\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("-1+1", "\"'-1+1\""),
            ("+1+cmd|' /C calc'!A0", "\"'+1+cmd|' /C calc'!A0\""),
            ("\t=1", "\"'\t=1\""),
            ("+49 30 901820", "+49 30 901820"),
            ("", ""),
        ] {
            assert_eq!(cell(value), written);
        }
    }

    #[test]
    fn csv_is_written_for_those_who_ask_for_it_and_json_for_all_others() {
        for (accept, csv) in [
            (None, false),
            (Some("text/csv"), true),
            (Some("TEXT/CSV; header=present"), true),
            (Some("text/csv, */*;q=0.8"), true),
            (Some("application/json, text/csv;q=0.5"), false),
            (Some("text/csv;q=0"), false),
            (Some("*/*"), false),
            (Some("text/html"), false),
            (Some("text/csv, */*"), true),
        ] {
            let header = accept.map(|text| (header::ACCEPT, HeaderValue::from_static(text)));
            let headers = HeaderMap::from_iter(header);
            assert_eq!(is_wanted(&headers), csv, "{accept:?}");
        }
    }
}
