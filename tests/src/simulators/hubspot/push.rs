//! The webhooks that a portal sends about its changes (developers.hubspot.com/docs/api/webhooks).

use serde_json::{Value, json};

use super::state::Kind;

/// The most changes that HubSpot sends in one request.
const MOST: usize = 100;

/// A change of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created(Kind, u64),
    /// A property has another value.
    Edited(Kind, u64),
    Archived(Kind, u64),
    /// Two objects became one.
    Merged {
        kind: Kind,
        /// The object whose values remain.
        primary: u64,
        /// The object that disappears.
        loser: u64,
        /// The object that remains: the primary, or a new one.
        into: u64,
    },
}

impl Change {
    fn body(self, number: usize) -> Value {
        let word = |kind| if kind == Kind::Contact { "contact" } else { "deal" };
        let of = |kind, what: &str, id: u64| {
            json!({
                "eventId": number, "subscriptionId": 1, "portalId": 1, "appId": 1, "attemptNumber": 0,
                "subscriptionType": format!("{}.{what}", word(kind)), "objectId": id,
            })
        };
        match self {
            Self::Created(kind, id) => of(kind, "creation", id),
            Self::Edited(kind, id) => of(kind, "propertyChange", id),
            Self::Archived(kind, id) => of(kind, "deletion", id),
            Self::Merged { kind, primary, loser, into } => {
                let mut body = of(kind, "merge", primary);
                body["primaryObjectId"] = json!(primary);
                body["mergedObjectIds"] = json!([loser]);
                body["newObjectId"] = json!(into);
                body
            }
        }
    }
}

/// Returns the bodies of the webhook requests that report `changes`.
#[must_use]
pub fn push_bodies(changes: &[Change]) -> Vec<String> {
    let body = |changes: &[Change]| {
        Value::from_iter(changes.iter().enumerate().map(|(number, change)| change.body(number)))
            .to_string()
    };
    changes.chunks(MOST).map(body).collect()
}
