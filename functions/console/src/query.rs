//! The address of a page: the reader's wishes in it, and the addresses of other pages.

use std::fmt;

use jiff::civil::Date;
use penstock_domain::revenue::parse_date;
use penstock_edge::http::Query;
use penstock_store::Chosen;

/// The address of a page of the console. Parameters without a value are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    path: String,
    pairs: Vec<(&'static str, String)>,
}

impl Address {
    /// The address of a page without parameters.
    pub(crate) fn of(path: impl Into<String>) -> Self {
        Self { path: path.into(), pairs: Vec::new() }
    }

    /// The same address with a parameter more.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.pairs.retain(|(known, _)| *known != name);
        self.pairs.extend(value.filter(|it| !it.is_empty()).map(|it| (name, it.to_owned())));
        self
    }

    /// The parameters as a form sends them along, but for some.
    pub(crate) fn pairs(&self) -> &[(&'static str, String)] {
        &self.pairs
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.pairs.is_empty() {
            return Ok(());
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.pairs);
        write!(f, "?{}", query.finish())
    }
}

/// Returns a text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The longest text that a filter takes, in characters.
const LONGEST: usize = 255;

/// Takes a text. A field that is left empty asks for nothing.
pub(crate) fn text(query: &mut Query, name: &str) -> Option<String> {
    let text =
        query.take_as(name, |text| match text.contains('\0') || text.chars().count() > LONGEST {
            true => Err(format!("must have at most {LONGEST} characters, and not U+0000")),
            false => Ok(text.trim().to_owned()),
        });
    text.filter(|text| !text.is_empty())
}

/// Takes one of a few words. A field that is left empty asks for nothing.
pub(crate) fn choice(query: &mut Query, name: &str, words: &[&str]) -> Option<String> {
    let choice = query.take_as(name, |text| match text.is_empty() || words.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be one of {}", words.join(", "))),
    });
    choice.filter(|text| !text.is_empty())
}

/// Takes a date. A field that is left empty asks for nothing.
pub(crate) fn date(query: &mut Query, name: &str) -> Option<Date> {
    let date = query.take_as(name, |text| match text {
        "" => Ok(None),
        text => parse_date(text).map(Some).map_err(|error| error.to_string()),
    });
    date.flatten()
}

/// The vendor and the connection that a page is about, each if it names one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) source: Option<String>,
    pub(crate) connection: Option<String>,
}

impl Asked {
    /// Takes `source` and `connection`.
    pub(crate) fn take(query: &mut Query) -> Self {
        Self { source: text(query, "source"), connection: text(query, "connection") }
    }

    pub(crate) fn chosen(&self) -> Chosen<'_> {
        Chosen { vendor: self.source.as_deref(), connection: self.connection.as_deref() }
    }

    /// Adds both to an address.
    pub(crate) fn add_to(&self, address: Address) -> Address {
        let Self { source, connection } = self;
        address.with("source", source.as_deref()).with("connection", connection.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_it_was_made_of_and_leaves_out_what_is_empty() {
        let address =
            Address::of("/console/leads").with("q", Some("a&b=\u{e4} ")).with("status", Some(""));
        assert_eq!(address.to_string(), "/console/leads?q=a%26b%3D%C3%A4+");
        let other = address.with("q", None).with("cursor", Some("1"));
        assert_eq!(other.to_string(), "/console/leads?cursor=1");
        assert_eq!(segment("a b/c"), "a%20b%2Fc");
    }

    #[test]
    fn a_field_that_is_left_empty_asks_for_nothing() {
        let mut query = Query::parse("source=&status=&from=&connection=+x+&word=nope");
        assert_eq!(
            Asked::take(&mut query),
            Asked { source: None, connection: Some("x".to_owned()) }
        );
        assert_eq!(choice(&mut query, "status", &["dead"]), None);
        assert_eq!(date(&mut query, "from"), None);
        assert_eq!(choice(&mut query, "word", &["dead"]), None);
        assert_eq!(query.finish_knowing().unwrap_err().errors.len(), 1);
    }
}
