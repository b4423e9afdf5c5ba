//! What a portal pushes of its changes (developers.hubspot.com/docs/api/webhooks).

use serde_json::{Value, json};

use super::state::Kind;

/// Changes that HubSpot sends in one request at most.
const MOST: usize = 100;

/// Something that has happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Created(Kind, u64),
    /// A property has another value.
    Edited(Kind, u64),
    /// It was archived.
    Archived(Kind, u64),
    /// Two became one.
    Merged {
        /// Of which kind.
        kind: Kind,
        /// The one whose values stay.
        primary: u64,
        /// The one that goes.
        loser: u64,
        /// What remains: the primary, or a new one.
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

/// The bodies of the requests in which HubSpot tells of changes.
#[must_use]
pub fn push_bodies(changes: &[Change]) -> Vec<String> {
    let body = |changes: &[Change]| {
        Value::from_iter(changes.iter().enumerate().map(|(number, change)| change.body(number)))
            .to_string()
    };
    changes.chunks(MOST).map(body).collect()
}
