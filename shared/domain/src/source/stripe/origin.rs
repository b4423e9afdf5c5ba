//! The mode and the account that a payload says of itself.

use std::borrow::Cow;

use serde::Deserialize;

/// The mode and the account that an event says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Origin<'a> {
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    livemode: Option<bool>,
    #[serde(borrow, default, deserialize_with = "text")]
    account: Option<Cow<'a, str>>,
    /// API v2's word for it.
    #[serde(borrow, default, deserialize_with = "text")]
    context: Option<Cow<'a, str>>,
}

/// A text; anything else, such as an object that is called `account`, is none.
fn text<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Any::deserialize(deserializer)? {
        Any::Text(text) => Some(text),
        Any::Other(_) => None,
    })
}

impl Origin<'_> {
    /// Reads a payload. One that cannot be read says nothing.
    pub(super) fn of(payload: &[u8]) -> Origin<'_> {
        serde_json::from_slice(payload).unwrap_or_default()
    }

    /// The mode that the event, or the object, says.
    pub(super) fn livemode(&self) -> Option<bool> {
        self.livemode
    }

    /// The account that an event names. A context of API v2 is a path that ends with it.
    pub(super) fn account(&self) -> Option<&str> {
        if !matches!(self.object.as_deref(), Some("event" | "v2.core.event")) {
            return None;
        }
        let context = || self.context.as_deref()?.rsplit('/').next();
        self.account.as_deref().or_else(context).filter(|account| !account.is_empty())
    }
}
