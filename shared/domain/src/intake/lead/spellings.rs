//! The names under which forms send the columns of a lead that are no contact data.

use super::names::Words;

/// A column that is read by the names of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Country,
    Language,
    Ip,
    Domain,
    /// A URL, of which the domain is taken if no field names a domain.
    Page,
    Offer,
    SourceType,
    Marker,
    Creative,
    ClickId,
    Description,
}

/// The spellings of each column, the best first: the words of a name in lower case, joined.
///
/// docs/FORMS.md lists them, and a test compares the two.
const SPELLINGS: [(Column, &[&str]); 11] = [
    (Column::Country, &["country", "countrycode", "countryname", "geo"]),
    (Column::Language, &["language", "lang", "locale", "languagecode"]),
    (
        Column::Ip,
        &["ip", "ipaddress", "ipaddr", "remoteip", "clientip", "userip", "ipv4", "remoteaddr"],
    ),
    (
        Column::Domain,
        &["domain", "domainname", "sitedomain", "landingdomain", "sourcedomain", "hostname"],
    ),
    (
        Column::Page,
        &["pageurl", "landingpage", "landingpageurl", "landingurl", "sourceurl", "formurl"],
    ),
    (Column::Offer, &["offer", "offername", "offerid", "funnel", "product", "productname"]),
    (
        Column::SourceType,
        &["sourcetype", "leadsource", "trafficsource", "source", "utmsource", "channel"],
    ),
    (Column::Marker, &["marker", "tag", "subid", "subid1", "sub1", "affsub", "utmterm", "keyword"]),
    (
        Column::Creative,
        &["creative", "creativeid", "creativename", "banner", "adname", "adid", "utmcontent"],
    ),
    (
        Column::ClickId,
        &[
            "clickid",
            "affclickid",
            "gclid",
            "wbraid",
            "gbraid",
            "dclid",
            "fbclid",
            "msclkid",
            "ttclid",
            "twclid",
            "yclid",
            "lifatid",
        ],
    ),
    (
        Column::Description,
        &["description", "message", "comment", "comments", "note", "notes", "enquiry", "inquiry"],
    ),
];

/// Returns the spellings of a column, the best first.
pub(super) fn spellings(column: Column) -> &'static [&'static str] {
    SPELLINGS.iter().find(|(of, _)| *of == column).map_or(&[], |(_, all)| *all)
}

/// Whether a field of that name is one of the columns here.
pub(super) fn is_detail(name: &Words) -> bool {
    SPELLINGS.iter().any(|(_, spellings)| rank(name, spellings).is_some())
}

/// Returns the place of a name among spellings: as it is, or without words that say nothing.
pub(super) fn rank(name: &Words, spellings: &[&str]) -> Option<usize> {
    let (whole, rest) = name.joined();
    let place = |text: &str| spellings.iter().position(|spelling| *spelling == text);
    place(&whole).or_else(|| place(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_forms_lists_every_spelling() {
        let page = include_str!("../../../../../docs/FORMS.md");
        for (column, spellings) in SPELLINGS {
            for spelling in spellings {
                assert!(page.contains(&format!("`{spelling}`")), "{spelling} of {column:?}");
            }
        }
    }
}
