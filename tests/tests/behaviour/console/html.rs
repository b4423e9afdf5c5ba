//! Reads pages as a browser would: numbers with the place in the API that has the same, and text.

/// A number of a page that says where the API has the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The exact value.
    pub value: String,
    /// The route with its query.
    pub api: String,
    /// The place in its reply, as a JSON pointer.
    pub pointer: String,
}

/// Elements that have no end.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "img"];

/// A tag: its name, its attributes, and whether it ends an element.
fn tags(html: &str) -> impl Iterator<Item = (&str, &str, bool)> {
    html.split('<').skip(1).map(|piece| {
        let tag = piece.split_once('>').map_or(piece, |(tag, _)| tag);
        let (ends, tag) = (tag.starts_with('/'), tag.trim_start_matches('/'));
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        (name, attributes, ends)
    })
}

/// The value of an attribute, decoded.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let (_, rest) = attributes.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| decoded(value))
}

fn decoded(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text.to_owned(), |text, (entity, is)| text.replace(entity, is))
}

/// The numbers of a page that name their place in the API. Those of a table are in the reply that
/// an element around them names.
pub fn numbers(html: &str) -> Vec<Number> {
    let mut open: Vec<(String, Option<String>)> = Vec::new();
    let mut numbers = Vec::new();
    for (name, attributes, ends) in tags(html) {
        if ends {
            let at = open.iter().rposition(|(of, _)| of == name);
            open.truncate(at.unwrap_or_else(|| panic!("</{name}> ends nothing: {open:?}")));
            continue;
        }
        if name.starts_with('!') || VOID.contains(&name) || attributes.ends_with('/') {
            continue;
        }
        open.push((name.to_owned(), attribute(attributes, "data-api")));
        let Some(place) = attribute(attributes, "data-number") else { continue };
        let value = attribute(attributes, "value").expect("a number has a value");
        let around = open.iter().rev().find_map(|(_, api)| api.clone());
        let (api, pointer) = match place.split_once('#') {
            Some((api, pointer)) => (api.to_owned(), pointer.to_owned()),
            None => (around.unwrap_or_else(|| panic!("no API around {place}")), place),
        };
        numbers.push(Number { value, api, pointer });
    }
    assert!(open.is_empty(), "elements are left open: {open:?}");
    numbers
}

/// The text of a page, without tags.
pub fn text(html: &str) -> String {
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    decoded(&pieces.collect::<String>())
}

/// The addresses that links of a page lead to.
pub fn links(html: &str) -> Vec<String> {
    tags(html)
        .filter(|(name, _, _)| *name == "a")
        .filter_map(|(_, it, _)| attribute(it, "href"))
        .collect()
}

/// The names of the elements of a page and of their attributes, as a browser reads them.
pub fn names(html: &str) -> impl Iterator<Item = String> {
    tags(html).flat_map(|(name, attributes, _)| {
        let mut names = vec![name.to_owned()];
        let mut rest = attributes.trim_matches(['/', ' ', '\n']);
        while !rest.is_empty() {
            let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
            names.push(rest[..end].to_owned());
            rest = &rest[end..];
            if let Some(value) = rest.strip_prefix("=\"") {
                rest = value.split_once('"').map_or("", |(_, rest)| rest);
            }
            rest = rest.trim_start_matches([' ', '\n', '=']);
        }
        names
    })
}
