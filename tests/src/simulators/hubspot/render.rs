//! Renders objects as HubSpot's JSON.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::state::{CURRENCIES, Fields, HubSpotPortal, Kind, Record};

/// The properties that HubSpot returns if the request names none.
const DEFAULTS: [(Kind, &[&str]); 2] = [
    (
        Kind::Contact,
        &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
    ),
    (
        Kind::Deal,
        &[
            "amount",
            "closedate",
            "createdate",
            "dealname",
            "dealstage",
            "hs_lastmodifieddate",
            "hs_object_id",
            "pipeline",
        ],
    ),
];

/// The properties that come with every object.
const ALWAYS: [&str; 2] = ["createdate", "hs_object_id"];

pub(super) fn object(
    portal: &HubSpotPortal,
    kind: Kind,
    record: &Record,
    wanted: &[String],
) -> Value {
    let modified = if kind == Kind::Contact { "lastmodifieddate" } else { "hs_lastmodifieddate" };
    let defaults = DEFAULTS.iter().find(|(k, _)| *k == kind).map_or(&[][..], |(_, names)| *names);
    let mut names: Vec<&str> = if wanted.is_empty() {
        defaults.to_vec()
    } else {
        wanted.iter().map(String::as_str).collect()
    };
    names.extend(ALWAYS);
    names.push(modified);
    let mut properties = Map::new();
    for name in names {
        properties.insert(
            name.to_owned(),
            property(portal, kind, record, name).map_or(Value::Null, Value::String),
        );
    }
    let mut object = json!({
        "id": record.id.to_string(),
        "properties": properties,
        "createdAt": iso(record.created_ms),
        "updatedAt": iso(record.modified_ms),
        "archived": record.archived_ms.is_some(),
    });
    if let (Some(at), Some(object)) = (record.archived_ms, object.as_object_mut()) {
        object.insert("archivedAt".to_owned(), json!(iso(at)));
    }
    object
}

/// Returns a property's value; `None` if it is not set or the kind has no such property. Contacts
/// have no `hs_lastmodifieddate`, and deals have no `lastmodifieddate`.
fn property(portal: &HubSpotPortal, kind: Kind, record: &Record, name: &str) -> Option<String> {
    let modified = match kind {
        Kind::Contact => "lastmodifieddate",
        Kind::Deal => "hs_lastmodifieddate",
    };
    match name {
        "hs_object_id" => return Some(record.id.to_string()),
        "createdate" => return Some(iso(record.created_ms)),
        "hs_merged_object_ids" if record.merged.is_empty() => return None,
        "hs_merged_object_ids" => {
            return Some(record.merged.iter().map(u64::to_string).collect::<Vec<_>>().join(";"));
        }
        _ if name == modified => return Some(iso(record.modified_ms)),
        _ => {}
    }
    match &record.fields {
        Fields::Contact { email, phone, first, last } => match name {
            "email" => email.clone(),
            "phone" => phone.clone(),
            "firstname" => first.clone(),
            "lastname" => last.clone(),
            _ => None,
        },
        Fields::Deal { minor, typed, currency, names_currency, stage, closed_ms } => match name {
            "amount" if typed.is_some() => typed.clone(),
            // A calculated amount has more decimals than the currency.
            "amount" if record.id.is_multiple_of(13) => {
                minor.map(|minor| calculated(minor, currency))
            }
            "amount" => minor.map(|minor| decimal(minor, currency)),
            "deal_currency_code" => names_currency.then(|| (*currency).to_owned()),
            "dealstage" => Some((*stage).to_owned()),
            "hs_is_closed" => portal.flags(stage).map(|(closed, _)| closed.to_string()),
            "hs_is_closed_won" => portal.flags(stage).map(|(_, won)| won.to_string()),
            "dealname" => Some(format!("Deal {}", record.id)),
            "pipeline" => Some("default".to_owned()),
            // Real portals show both forms.
            "closedate" => closed_ms
                .map(|at| if record.id.is_multiple_of(3) { at.to_string() } else { iso(at) }),
            _ => None,
        },
    }
}

/// Formats an amount as people type it, without trailing zeros.
fn decimal(minor: i64, currency: &str) -> String {
    let (sign, whole, rest) = parts(minor, currency);
    match rest.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{rest}"),
    }
}

/// Formats an amount as a calculated property: a little more than it is, in more decimals than the
/// currency has.
fn calculated(minor: i64, currency: &str) -> String {
    let (sign, whole, rest) = parts(minor, currency);
    format!("{sign}{whole}.{rest}33333333333")
}

/// The sign, the whole units, and the digits behind the point.
fn parts(minor: i64, currency: &str) -> (&'static str, u64, String) {
    let decimals =
        CURRENCIES.iter().find(|(code, _)| *code == currency).map_or(2, |(_, decimals)| *decimals);
    let scale = 10_u64.pow(decimals);
    let width = usize::try_from(decimals).unwrap_or(2);
    let (whole, rest) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    let rest = if decimals == 0 { String::new() } else { format!("{rest:0width$}") };
    (if minor < 0 { "-" } else { "" }, whole, rest)
}

pub(super) fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_text_without_needless_zeros() {
        for (minor, currency, text) in [
            (100_050, "USD", "1000.5"),
            (500, "JPY", "500"),
            (1_005, "KWD", "1.005"),
            (7, "USD", "0.07"),
            (0, "EUR", "0"),
            (-5_000, "USD", "-50"),
            (-5, "USD", "-0.05"),
        ] {
            assert_eq!(decimal(minor, currency), text);
        }
        assert_eq!(calculated(3_333, "USD"), "33.3333333333333");
        assert_eq!(calculated(-1_234, "JPY"), "-1234.33333333333");
        assert_eq!(iso(1_677_207_613_460), "2023-02-24T03:00:13.460Z");
    }
}
