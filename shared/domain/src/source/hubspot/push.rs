//! The body that HubSpot pushes: an array of changes, each of which only names its object
//! (developers.hubspot.com/docs/api/webhooks).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{CONTACT, DEAL};

/// One change; which fields are there depends on the kind of subscription.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    #[serde(borrow)]
    subscription_type: Option<Cow<'a, str>>,
    /// `0-1` are contacts, `0-3` deals, in subscriptions of the generic kind.
    #[serde(borrow)]
    object_type_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object_id: Option<&'a RawValue>,
    #[serde(borrow)]
    primary_object_id: Option<&'a RawValue>,
    #[serde(borrow)]
    new_object_id: Option<&'a RawValue>,
    #[serde(borrow)]
    merged_object_ids: Option<Vec<&'a RawValue>>,
}

/// The objects that the changes name, each once, as kind and id. A merge names all its objects: the
/// one that stays or is made of them, and those that go. Changes of kinds that are not pulled, and
/// elements that are no change, name nothing.
pub(super) fn named(body: &[u8]) -> Vec<(String, String)> {
    let raw: Vec<&RawValue> = match serde_json::from_slice(body) {
        Ok(changes) => changes,
        // A single change, not in an array, would be a change all the same.
        Err(_) => serde_json::from_slice(body).into_iter().collect(),
    };
    let changes = raw.iter().filter_map(|raw| serde_json::from_str::<Change<'_>>(raw.get()).ok());
    let mut named: Vec<(String, String)> = changes.flat_map(|change| change.names()).collect();
    named.sort_unstable();
    named.dedup();
    named
}

impl Change<'_> {
    fn names(&self) -> Vec<(String, String)> {
        let Some(kind) = self.kind() else { return Vec::new() };
        let single = [self.object_id, self.primary_object_id, self.new_object_id];
        let ids =
            single.into_iter().flatten().chain(self.merged_object_ids.iter().flatten().copied());
        ids.filter_map(id).map(|id| (kind.to_owned(), id)).collect()
    }

    fn kind(&self) -> Option<&'static str> {
        let (object, _) = self.subscription_type.as_deref()?.split_once('.')?;
        match (object, self.object_type_id.as_deref()) {
            ("contact", _) | ("object", Some("0-1")) => Some(CONTACT),
            ("deal", _) | ("object", Some("0-3")) => Some(DEAL),
            _ => None,
        }
    }
}

/// A number, or a text of digits.
fn id(raw: &RawValue) -> Option<String> {
    let id = raw.get().trim_matches('"');
    ((1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Vec<String> {
        named(body.as_bytes()).into_iter().map(|(kind, id)| format!("{kind} {id}")).collect()
    }

    #[test]
    fn changes_name_their_objects_each_once_in_both_kinds_of_subscription() {
        let body = r#"[
            {"eventId":1,"subscriptionType":"contact.propertyChange","objectId":123,"propertyName":"email"},
            {"eventId":2,"subscriptionType":"contact.creation","objectId":123},
            {"eventId":3,"subscriptionType":"object.deletion","objectTypeId":"0-3","objectId":77},
            {"eventId":4,"subscriptionType":"deal.restore","objectId":"78"},
            {"eventId":5,"subscriptionType":"contact.privacyDeletion","objectId":124}]"#;
        assert_eq!(names(body), ["contact 123", "contact 124", "deal 77", "deal 78"]);
    }

    #[test]
    fn trap_11_a_merge_names_the_one_that_stays_and_those_that_go() {
        let body = r#"[{"subscriptionType":"contact.merge","objectId":1,"primaryObjectId":1,
            "mergedObjectIds":[2,3],"newObjectId":9,"numberOfPropertiesMoved":4}]"#;
        assert_eq!(names(body), ["contact 1", "contact 2", "contact 3", "contact 9"]);
    }

    #[test]
    fn what_is_not_pulled_and_what_is_no_change_names_nothing() {
        for body in [
            "",
            "no json",
            "[]",
            "{}",
            "[1,null,\"x\"]",
            r#"[{"subscriptionType":"company.creation","objectId":5}]"#,
            r#"[{"subscriptionType":"object.creation","objectTypeId":"0-2","objectId":5}]"#,
            r#"[{"subscriptionType":"contact.associationChange","fromObjectId":1,"toObjectId":2}]"#,
            r#"[{"subscriptionType":"contact.creation","objectId":"../deals"}]"#,
            r#"[{"subscriptionType":"contact.creation","objectId":-1}]"#,
        ] {
            assert!(names(body).is_empty(), "{body}");
        }
        let odd =
            r#"[{"subscriptionType":5},{"subscriptionType":"contact.creation","objectId":8}]"#;
        assert_eq!(names(odd), ["contact 8"], "one that cannot be read sinks no other");
    }
}
