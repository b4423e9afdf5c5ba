//! The rest of a lead's columns: where the person comes from, and what they want.
//!
//! A column is read from the fields whose names or labels are one of its spellings. Unlike an
//! address, nothing is guessed by its look: a column without a spelling in the body is empty.

use std::net::IpAddr;

use super::spellings::{Column, rank, spellings};
use super::values::kept;
use super::walk::{Field, Fields};

/// Columns of a lead beside its [`Contact`](super::Contact). Text is as Postgres keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The country, as the sender names it.
    pub country: Option<String>,
    /// The language, as the sender names it.
    pub language: Option<String>,
    /// The person's IP address.
    pub ip: Option<String>,
    /// The domain of the page that the form is on.
    pub domain: Option<String>,
    /// The product or campaign that is offered.
    pub offer: Option<String>,
    /// The kind of traffic, such as `google` or `affiliate`.
    pub source_type: Option<String>,
    /// A tag of the advertiser's own, such as a sub-id or a search term.
    pub marker: Option<String>,
    /// The advertisement.
    pub creative: Option<String>,
    /// The id that an advertiser gave to the click.
    pub click_id: Option<String>,
    /// The person's own words.
    pub description: Option<String>,
}

/// Characters kept of a description; other columns keep fewer.
const LONGEST_DESCRIPTION: usize = 10_000;

impl Details {
    /// Chooses the values among all fields of a body. Fields of another person's object are left
    /// out.
    pub(super) fn among(fields: &Fields) -> Self {
        let found = Found(fields);
        let first = |column| found.first(column, |text| Some(kept(text)));
        Self {
            country: first(Column::Country),
            language: first(Column::Language),
            ip: found.first(Column::Ip, address),
            domain: found
                .first(Column::Domain, host)
                .or_else(|| found.first(Column::Page, |text| host(url(text)?))),
            offer: first(Column::Offer),
            source_type: first(Column::SourceType),
            marker: first(Column::Marker),
            creative: first(Column::Creative),
            click_id: first(Column::ClickId),
            description: found.first(Column::Description, |text| Some(description(text))),
        }
    }
}

/// The fields of a body.
struct Found<'f>(&'f Fields);

impl Found<'_> {
    /// Returns the first value that can be taken: by the best spelling, then the outermost field.
    fn first(&self, column: Column, take: impl Fn(&str) -> Option<String>) -> Option<String> {
        let spellings = spellings(column);
        let named = |field: &&Field| !self.0.groups[field.group].is_of_others;
        let fields = self.0.fields.iter().filter(named);
        let ranked = fields.filter_map(|field| {
            let best = field.names.iter().filter_map(|name| rank(name, spellings)).min()?;
            Some((best, take(field.value.trim()).filter(|text| !text.is_empty())?))
        });
        // The first of equals: fields come by their depth.
        ranked.min_by_key(|(best, _)| *best).map(|(_, text)| text)
    }
}

fn description(text: &str) -> String {
    crate::text::printable(text).chars().take(LONGEST_DESCRIPTION).collect()
}

/// Returns the address, or the first of a list as proxies write it. A port is left out.
fn address(text: &str) -> Option<String> {
    let first = text.split(',').next()?.trim();
    let bare = first.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let without_port = || first.rsplit_once(':').and_then(|(host, _)| host.parse().ok());
    let ip: IpAddr = bare.unwrap_or(first).parse().ok().or_else(without_port)?;
    Some(ip.to_string())
}

/// Returns the text if it is a URL of the web.
fn url(text: &str) -> Option<&str> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme)?;
    ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it)).then_some(text)
}

/// Returns the host of a domain or a URL, in lower case.
fn host(text: &str) -> Option<String> {
    let after = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next()?.trim().trim_end_matches('.').to_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    (host.len() <= 253 && host.split('.').all(is_label)).then_some(host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: &str) -> Details {
        Details::among(&Fields::of(body).unwrap())
    }

    /// The name of a field, the column that it fills, and a value.
    type Filled = (&'static str, fn(&Details) -> &Option<String>, &'static str);

    const COLUMNS: [Filled; 10] = [
        ("country", |d| &d.country, "DE"),
        ("language", |d| &d.language, "de-DE"),
        ("ip", |d| &d.ip, "192.0.2.1"),
        ("domain", |d| &d.domain, "www.x.example"),
        ("offer", |d| &d.offer, "Spring"),
        ("source_type", |d| &d.source_type, "google"),
        ("marker", |d| &d.marker, "m-7"),
        ("creative", |d| &d.creative, "banner-3"),
        ("click_id", |d| &d.click_id, "Cj0K"),
        ("description", |d| &d.description, "Call me\nafter six"),
    ];

    /// Writes words as people and programs write the names of fields.
    fn spelled(words: &str, how: u8) -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let words: Vec<&str> = words.split('_').collect();
        match how {
            0 => words.join("_"),
            1 => words.join("-"),
            2 => words.iter().map(|word| capital(word)).collect::<Vec<_>>().join(" "),
            3 => words.concat(),
            4 => words.join("_").to_uppercase(),
            _ => words[0].to_owned() + &words[1..].iter().map(|w| capital(w)).collect::<String>(),
        }
    }

    proptest! {
        #[test]
        fn a_column_is_read_whatever_its_name_looks_like_and_wherever_it_is(
            place in 0..COLUMNS.len(), how in 0..6_u8, depth in 0..4_usize, as_answer: bool
        ) {
            let (name, column, value) = COLUMNS[place];
            let key = spelled(name, how);
            let mut body = match as_answer {
                true => json!({"fields": [{"label": key, "value": value}]}),
                false => json!({key: value}),
            };
            for _ in 0..depth {
                body = json!({"data": body});
            }
            let found = read(&body.to_string());
            prop_assert_eq!(column(&found).as_deref(), Some(value), "{}", body);
            let others = COLUMNS.iter().filter(|(other, ..)| *other != name);
            for (other, column, _) in others {
                prop_assert_eq!(column(&found).as_deref(), None, "{} of {}", other, body);
            }
        }

        #[test]
        fn any_value_is_kept_as_text_that_postgres_takes_or_left_out(value: String, place in 0..COLUMNS.len()) {
            let (name, column, _) = COLUMNS[place];
            let found = read(&json!({name: value, "offer_id": "o"}).to_string());
            if let Some(text) = column(&found) {
                prop_assert!(!text.is_empty() && !text.contains('\0') && text.chars().count() <= LONGEST_DESCRIPTION);
            }
            prop_assert!(found.offer.is_some());
        }
    }

    #[test]
    fn the_best_spelling_goes_before_others_and_outer_fields_before_inner_ones() {
        for (body, source, creative) in [
            (
                r#"{"utm_source":"g","sourceType":"affiliate","utm_content":"c","creative":"x"}"#,
                "affiliate",
                "x",
            ),
            (r#"{"a":{"source":"inner"},"source":"outer","adName":"n"}"#, "outer", "n"),
            (r#"{"source":"","utm_source":"g","creative":null,"utm-content":"c"}"#, "g", "c"),
        ] {
            let found = read(body);
            assert_eq!(found.source_type.as_deref(), Some(source), "{body}");
            assert_eq!(found.creative.as_deref(), Some(creative), "{body}");
        }
    }

    #[test]
    fn an_address_and_a_domain_are_read_out_of_what_holds_them_and_nonsense_is_left_out() {
        for (sent, ip) in [
            ("203.0.113.7, 10.0.0.1", Some("203.0.113.7")),
            ("203.0.113.7:443", Some("203.0.113.7")),
            ("[2001:DB8::1]:443", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("unknown", None),
            ("999.1.1.1", None),
            ("", None),
        ] {
            assert_eq!(read(&json!({"ip": sent}).to_string()).ip.as_deref(), ip, "{sent}");
        }
        for (body, domain) in [
            (json!({"domain": "WWW.X.example."}), Some("www.x.example")),
            (json!({"domain": "https://me:pw@x.example:8443/a?b=c"}), Some("x.example")),
            (json!({"page_url": "https://x.example/a"}), Some("x.example")),
            (json!({"page_url": "https://x.example/a", "domain": "y.example"}), Some("y.example")),
            (json!({"page_url": "call me"}), None),
            (json!({"domain": "not a domain"}), None),
        ] {
            assert_eq!(read(&body.to_string()).domain.as_deref(), domain, "{body}");
        }
    }

    #[test]
    fn fields_of_another_persons_object_are_left_out() {
        let body =
            r#"{"agent":{"country":"FR","message":"hi"},"owner":{"language":"fr"},"country":"DE"}"#;
        let found = read(body);
        let expected = Details { country: Some("DE".to_owned()), ..Details::default() };
        assert_eq!(found, expected);
    }
}
