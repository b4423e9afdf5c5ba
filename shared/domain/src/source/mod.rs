//! The vendors. A new one is one folder here and one line in [`SOURCES`].

use std::time::Duration;

use jiff::Timestamp;

use crate::config::{ConfigError, Env};
use crate::facts::Swept;
use crate::fetch_request::Mode;
use crate::ids::RunId;
use crate::paging::{
    Begin, Checkpoint, ErrorClass, Page, PageError, Paging, Position, Reply, Request,
};
use crate::record::Item;

mod access;
mod account;
#[cfg(feature = "contract")]
mod contract;
pub mod gcal;
pub mod hubspot;
mod normalize;
mod push;
mod reach;
pub mod stripe;
mod webhook;
mod webhook_request;

pub use crate::own_account::OwnAccount;
pub use access::{Access, Credential, Header, PathVersion, Windows, variable};
pub use account::{AccountRules, NotOurs, Stranger, Whose};
#[cfg(feature = "contract")]
pub use contract::{HeaderContract, WebhookContract};
pub use normalize::Normalize;
pub use push::{Change, Channel, NewChannel, Notice, Push};
pub use reach::Reach;
pub use webhook::{Signed, Webhook};
pub use webhook_request::WebhookRequest;

/// Every source, in the order reports list them.
pub static SOURCES: &[&dyn Source] = &[&stripe::Stripe, &hubspot::HubSpot, &gcal::GoogleCalendar];

/// The source called `name`.
pub fn find(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|s| s.name() == name)
}

/// The sources that a deployment has configured: those whose names are in `SOURCES`, with commas
/// between. An empty `SOURCES` configures none: infra/template.yaml sets it so without a vendor's
/// secret. If `SOURCES` is not set, all sources of [`SOURCES`] are configured.
///
/// # Errors
/// [`ConfigError::Invalid`] if there is no source of a name.
pub fn configured(env: &Env) -> Result<Vec<&'static dyn Source>, ConfigError> {
    let Some(names) = env.given("SOURCES") else { return Ok(SOURCES.to_vec()) };
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = |name: &str| {
        find(name).ok_or_else(|| ConfigError::Invalid {
            name: "SOURCES".to_owned(),
            reason: format!("there is no source {name}"),
        })
    };
    names.map(known).collect()
}

/// The rules for the signed bodies that the source called `name` pushes; `None` if it signs none.
pub fn signed(name: &str) -> Option<&'static dyn Signed> {
    match find(name)?.webhook()? {
        Webhook::Signed(signed) => Some(signed),
        Webhook::Notified(_) => None,
    }
}

/// All that Penstock knows of a vendor. Pure: it builds requests and reads replies.
pub trait Source: Sync + Send {
    /// The word in `source` columns and requests.
    fn name(&self) -> &'static str;

    /// How the vendor is reached and paged.
    fn access(&self) -> Access;

    /// How it is learned what the account is; `None` if its rows are read without knowing.
    fn account(&self) -> Option<&'static dyn AccountRules> {
        None
    }

    /// Returns the entities that can be fetched in `mode`.
    fn entities(&self, mode: Mode) -> &'static [&'static str];

    /// Returns the entities of mode `full` that are read whole by schedule: all of them, unless the
    /// source has lists that are compared by schedule instead.
    fn read_again(&self) -> &'static [&'static str] {
        if self.entities(Mode::Reconcile).is_empty() { self.entities(Mode::Full) } else { &[] }
    }

    /// Opens a run at `now`. It begins where the last one ended, which is `checkpoint`.
    fn begin(
        &self,
        mode: Mode,
        checkpoint: Checkpoint<'_>,
        now: Timestamp,
        paging: &Paging,
    ) -> Begin;

    /// The request for the page at `position`.
    fn request(&self, entity: &str, mode: Mode, position: &Position, paging: &Paging) -> Request;

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`]: the cursor must stay where it is.
    fn page<'a>(
        &self,
        entity: &str,
        mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        paging: &Paging,
    ) -> Result<Page<'a>, PageError>;

    /// The request for one object as it is now.
    fn object_request(&self, entity: &str, id: &str, paging: &Paging) -> Request;

    /// How long a list, or a page of it, may not show what was created or restored. The absence of
    /// an object in a list says nothing about what was shown, by anything, within this time.
    fn list_lag(&self) -> Duration;

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`] if it is not that object.
    fn object<'a>(&self, entity: &str, run: RunId, reply: Reply<'a>)
    -> Result<Item<'a>, PageError>;

    /// The endings of the variables that say which account is read and how its rows are read, such
    /// as `CURRENCY`. Each connection has its own; all other variables hold for all connections of
    /// the source that do not set them.
    fn settings(&self) -> &'static [&'static str] {
        &[]
    }

    /// The reader of this source's rows, by the variables of this source in `env`.
    ///
    /// # Errors
    /// If a variable cannot be used; the error names it.
    fn normalizer(&self, env: &Env) -> Result<Box<dyn Normalize>, ConfigError>;

    /// The vendor's own words in an error reply, short and free of secrets; `None` if it has none.
    fn error_message(&self, body: &[u8]) -> Option<String>;

    /// Classifies a reply whose status is not 200. `None` leaves it to the status: 401 and 403
    /// pause the pull, 429 waits, 5xx is tried again, and any other status means that the request
    /// was wrong.
    fn error_class(&self, _mode: Mode, _status: u16, _body: &[u8]) -> Option<ErrorClass> {
        None
    }

    /// The rows that a full list of `entity` accounts for: those it does not show are read by their
    /// ids, so mode `object` must have the entity. Only for an entity whose full list shows
    /// everything, with items under the run's own version key ([`crate::record::full_run_key`]).
    fn sweeps(&self, _entity: &str) -> Option<Swept> {
        None
    }

    /// How the vendor pushes to `/webhooks/{source}`; `None` if it only answers.
    fn webhook(&self) -> Option<Webhook> {
        None
    }

    /// The contract of that route for docs/openapi.json. A source that pushes must have one.
    #[cfg(feature = "contract")]
    fn webhook_contract(&self) -> Option<WebhookContract> {
        None
    }

    /// Whether a full run cuts the history into windows ([`crate::paging::Next::Fork`]), the newest
    /// first. Then its windows show how far it has come.
    fn goes_back_in_time(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paging::is_segment;

    #[test]
    fn trap_83_an_id_stays_one_segment_of_every_vendors_path() {
        let paging = Paging {
            page_size: 100,
            window: std::time::Duration::ZERO,
            side_by_side: 1,
            part: Some("team@group.example".to_owned()),
            version: None,
        };
        for source in SOURCES {
            for entity in source.entities(Mode::Refetch) {
                let one = source.object_request(entity, "7", &paging);
                let list = one.path.strip_suffix('7').expect("the id is the last of its path");
                for id in
                    ["../customers?limit=100", "a/b", "a?b", "a#b", "%2e%2e", r"..\a", "ä\n\0"]
                {
                    assert!(is_segment(id), "{id}");
                    let request = source.object_request(entity, id, &paging);
                    let sent = request.path.strip_prefix(list).expect("below its own list");
                    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~@%".contains(c);
                    assert!(sent.chars().all(is_plain), "{}: {sent}", source.name());
                    assert_eq!((request.query, request.body), (one.query.clone(), None));
                }
            }
        }
        for step in ["", ".", ".."] {
            assert!(!is_segment(step), "{step:?}");
        }
    }

    #[test]
    fn what_a_full_list_accounts_for_can_be_read_by_its_id() {
        for source in SOURCES {
            let by_id = source.entities(Mode::Refetch);
            for entity in source.entities(Mode::Full) {
                let swept = source.sweeps(entity).is_some();
                assert!(!swept || by_id.contains(entity), "{} {entity}", source.name());
            }
            assert!(source.list_lag() >= Duration::from_secs(60), "{}", source.name());
        }
    }

    #[test]
    fn sources_that_are_set_to_nothing_are_none_and_not_set_they_are_all() {
        let names = |env: &Env| {
            let sources = configured(env).map_err(|error| error.to_string())?;
            Ok(sources.iter().map(|source| source.name()).collect::<Vec<_>>())
        };
        let set = |value: &str| names(&[("SOURCES", value)].into_iter().collect());
        let all = SOURCES.iter().map(|source| source.name()).collect();
        assert_eq!(names(&Env::default()), Ok(all));
        for nothing in ["", " ", ",", " , "] {
            assert_eq!(set(nothing), Ok(Vec::new()), "{nothing:?}");
        }
        assert_eq!(set(" gcal, stripe,"), Ok(vec!["gcal", "stripe"]));
        let unknown = "SOURCES cannot be used: there is no source nobody";
        assert_eq!(set("stripe,nobody"), Err(unknown.to_owned()));
    }
}
