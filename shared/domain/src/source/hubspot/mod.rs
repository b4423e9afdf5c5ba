//! HubSpot's CRM API: contacts and deals. Full by list, first what is there, then what is archived;
//! incremental by search on the modified time.
//!
//! A search shows neither archived nor merged objects (trap 11), and no list is ordered by the time
//! of archiving. Deletions come by webhook: a refetch that finds nothing leaves a tombstone. At the
//! latest they come with the next full run, which reads the archived list and sweeps objects that
//! no list shows any more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Access, AccountRules, Credential, Normalize, PathVersion, Source, Webhook};
use crate::clock::earlier;
use crate::config::{ConfigError, Env};
use crate::facts::Swept;
use crate::fetch_request::Mode;
use crate::ids::RunId;
use crate::paging::{
    Begin, Checkpoint, ErrorClass, Next, Page, PageError, Paging, Position, Reply, Request,
    parse_body,
};
use crate::record::Item;

mod account;
#[cfg(feature = "contract")]
mod contract;
mod item;
mod list;
mod normalize;
mod object;
mod push;
mod search;
mod settings;
mod stages;
mod time;
mod webhook;

use item::Seen;
use list::List;
use search::Part;
use settings::Settings;

/// HubSpot's CRM API, in its dated versions and in the legacy v3.
#[derive(Debug, Clone, Copy)]
pub struct HubSpot;

/// The version of the API that is spoken: the newest one. HubSpot supports a dated version for 18
/// months, and v1 to v3 until September 2027
/// (developers.hubspot.com/docs/api-reference/legacy/migration-guide).
pub const VERSION: &str = "2026-09";

const CONTACT: &str = "contact";
const DEAL: &str = "deal";

/// Of merges contacts know two lists: HubSpot kept the second one alone before contacts had the
/// first.
const CONTACT_PROPERTIES: [&str; 9] = [
    "email",
    "phone",
    "firstname",
    "lastname",
    "createdate",
    "lastmodifieddate",
    "hs_object_id",
    "hs_merged_object_ids",
    "hs_calculated_merged_vids",
];

/// The two flags say in any pipeline whether a deal is closed, and whether it is won.
const DEAL_PROPERTIES: [&str; 12] = [
    "amount",
    "deal_currency_code",
    "dealname",
    "dealstage",
    "hs_is_closed",
    "hs_is_closed_won",
    "pipeline",
    "closedate",
    "createdate",
    "hs_lastmodifieddate",
    "hs_object_id",
    "hs_merged_object_ids",
];

/// A search does not look at the last minute: what has just changed is missing in it for some
/// seconds (trap 10).
pub const SAFETY_LAG: Duration = Duration::from_secs(60);

/// An incremental run reads this far behind the watermark, because some changes show up late (traps
/// 7, 10). The outbox drops objects that it has already, by id and modified time.
pub const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// The first incremental run of each half hour looks this far behind the watermark, for what search
/// did not show for longer than [`OVERLAP`]. HubSpot's index has been behind by an hour.
pub const DEEP_OVERLAP: Duration = Duration::from_secs(2 * 60 * 60);

/// The time between two runs that look back by [`DEEP_OVERLAP`].
const DEEP_EVERY: i64 = 30 * 60;

/// How far a list may lag behind changes, by which its objects are stamped and its silence is
/// believed. Larger than any reply takes to come.
const LIST_LAG: Duration = Duration::from_secs(5 * 60);

/// How far an object that is read by its id may lag behind.
const REFETCH_LAG: Duration = Duration::from_secs(10);

/// A merge is stamped this much later than the object it went into. It must exceed [`LIST_LAG`], or
/// the sweep of the run that shows the merge would forget it: `Date` is cut to the second, and
/// HubSpot's clock may be behind ours.
const MERGE_LEAD: SignedDuration = SignedDuration::from_secs(10 * 60);

/// Page tokens of a full run: the list of what is there, and that of what is archived, each with
/// HubSpot's `after`.
const LIVE: &str = "live:";
const ARCHIVED: &str = "archived:";

/// Statuses of HubSpot's own that pass (developers.hubspot.com/docs/api-reference/error-handling).
const LOCKED: u16 = 423;
const MIGRATING: u16 = 477;

impl Source for HubSpot {
    fn name(&self) -> &'static str {
        "hubspot"
    }

    /// The page is that of a search; lists give at most 100. HubSpot takes 5 searches a second of
    /// an account.
    fn access(&self) -> Access {
        Access {
            base_url: "https://api.hubapi.com",
            credential: Credential::TOKEN,
            headers: &[],
            page_size: 200,
            max_page_size: 200,
            rate_per_second: 2,
            windows: None,
            part: None,
            account_header: None,
            version: Some(PathVersion { variable: "API_VERSION", value: VERSION }),
        }
    }

    fn account(&self) -> Option<&'static dyn AccountRules> {
        Some(&HubSpot)
    }

    fn entities(&self, mode: Mode) -> &'static [&'static str] {
        match mode {
            Mode::Full | Mode::Incremental | Mode::Refetch => &[CONTACT, DEAL],
            Mode::Watch | Mode::Reconcile => &[],
        }
    }

    fn begin(
        &self,
        mode: Mode,
        checkpoint: Checkpoint<'_>,
        now: Timestamp,
        _paging: &Paging,
    ) -> Begin {
        let to = whole_millisecond(earlier(now, SAFETY_LAG));
        let (from, backfill) = match (mode, checkpoint.watermark) {
            (Mode::Full | Mode::Refetch | Mode::Watch | Mode::Reconcile, _) => (None, None),
            (Mode::Incremental, None) => {
                (Some(earlier(to, OVERLAP)), Some("there is no cursor yet".to_owned()))
            }
            (Mode::Incremental, Some(watermark)) => {
                let overlap = if is_deep(watermark, to) { DEEP_OVERLAP } else { OVERLAP };
                (Some(whole_millisecond(earlier(watermark.min(to), overlap))), None)
            }
        };
        Begin { position: Some(Position { from, to, token: None }), upper_bound: to, backfill }
    }

    fn request(&self, entity: &str, mode: Mode, position: &Position, paging: &Paging) -> Request {
        if mode == Mode::Incremental {
            let (modified, properties) = facts(entity);
            let body =
                Part::at(position).search(modified, properties, position.to, paging.page_size);
            return Request::post(format!("{}/search", path(entity, paging)), body);
        }
        let (archived, after) = match position.token.as_deref() {
            Some(token) => match token.strip_prefix(ARCHIVED) {
                Some(after) => (true, after),
                None => (false, token.strip_prefix(LIVE).unwrap_or_default()),
            },
            None => (false, ""),
        };
        let limit = paging.page_size.min(list::LIST_LIMIT).to_string();
        let mut query = vec![
            ("limit", limit),
            ("archived", archived.to_string()),
            ("properties", asked_for(entity)),
        ];
        if !after.is_empty() {
            query.push(("after", after.to_owned()));
        }
        Request::get(path(entity, paging), query)
    }

    fn page<'a>(
        &self,
        entity: &str,
        mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        paging: &Paging,
    ) -> Result<Page<'a>, PageError> {
        let list = List::parse(reply.body)?;
        let (seen, next) = if mode == Mode::Incremental {
            let next = Part::at(position).next(&list, position.to, paging.page_size)?;
            (Seen::Found(run), next.map_or(Next::Drained { cursor: None }, Next::Continue))
        } else {
            let next = after_list(&list, position)?;
            (if is_archived(position) { Seen::Archived(run) } else { Seen::Listed(run) }, next)
        };
        if list.results.is_empty() && list.after.is_some() {
            return Ok(Page::empty(next));
        }
        let raw = list.results.iter().map(|raw| raw.get().as_bytes());
        let items = raw.map(|raw| item::read(entity, raw, seen, reply.as_of)).collect();
        Ok(Page::new(items, next))
    }

    fn object_request(&self, entity: &str, id: &str, paging: &Paging) -> Request {
        let query = vec![("properties", asked_for(entity))];
        Request::object(&path(entity, paging), id, query)
    }

    fn list_lag(&self) -> Duration {
        LIST_LAG
    }

    fn object<'a>(
        &self,
        entity: &str,
        run: RunId,
        reply: Reply<'a>,
    ) -> Result<Item<'a>, PageError> {
        let raw: &serde_json::value::RawValue = parse_body(reply.body)?;
        list::no_error_inside(raw.get().as_bytes())?;
        Ok(item::read(entity, raw.get().as_bytes(), Seen::Refetched(run), reply.as_of))
    }

    fn settings(&self) -> &'static [&'static str] {
        &["CURRENCY", "DEAL_STAGES"]
    }

    fn normalizer(&self, env: &Env) -> Result<Box<dyn Normalize>, ConfigError> {
        Ok(Box::new(Settings::from_env(env)?))
    }

    fn error_message(&self, body: &[u8]) -> Option<String> {
        list::error_words(body)
    }

    fn error_class(&self, mode: Mode, status: u16, body: &[u8]) -> Option<ErrorClass> {
        let words = || list::error_words(body);
        match (status, list::policy(body).as_deref()) {
            // Over at midnight in the portal's zone: no waiting helps.
            (429, Some("DAILY")) => words().map(ErrorClass::QuotaExhausted),
            (429, Some("SECONDLY")) => Some(ErrorClass::RateLimited(Duration::from_secs(1))),
            (429, Some("TEN_SECONDLY_ROLLING")) => {
                Some(ErrorClass::RateLimited(Duration::from_secs(10)))
            }
            // Locked by many writes at once; or moved to another data centre, with a `Retry-After`
            // of up to a day.
            (LOCKED, _) => Some(ErrorClass::RateLimited(Duration::from_secs(2))),
            (MIGRATING, _) => Some(ErrorClass::RateLimited(Duration::from_secs(60))),
            // HubSpot's own words, not those of a proxy in between, or of a base URL that is wrong.
            (404, _) if mode == Mode::Refetch && words().is_some() => Some(ErrorClass::Gone),
            _ => None,
        }
    }

    fn webhook(&self) -> Option<Webhook> {
        Some(Webhook::Signed(&HubSpot))
    }

    #[cfg(feature = "contract")]
    fn webhook_contract(&self) -> Option<super::WebhookContract> {
        Some(contract::webhook())
    }

    fn sweeps(&self, entity: &str) -> Option<Swept> {
        Some(if entity == CONTACT { Swept::Contacts } else { Swept::Deals })
    }
}

/// The list goes on by HubSpot's `after`; the archived one follows when the other ends.
fn after_list(list: &List<'_>, position: &Position) -> Result<Next, PageError> {
    let next = match (&list.after, is_archived(position)) {
        (Some(after), true) => format!("{ARCHIVED}{after}"),
        (Some(after), false) => format!("{LIVE}{after}"),
        (None, false) => ARCHIVED.to_owned(),
        (None, true) => return Ok(Next::Drained { cursor: None }),
    };
    if Some(next.as_str()) == position.token.as_deref() {
        return Err(PageError::Loop("the page ends where it began"));
    }
    Ok(Next::Continue(Position { token: Some(next), ..position.clone() }))
}

fn is_archived(position: &Position) -> bool {
    position.token.as_deref().is_some_and(|token| token.starts_with(ARCHIVED))
}

/// Whether a run up to `to` is the first of its half hour.
fn is_deep(watermark: Timestamp, to: Timestamp) -> bool {
    let half_hour = |at: Timestamp| at.as_second().div_euclid(DEEP_EVERY);
    half_hour(watermark) < half_hour(to)
}

/// The path of an entity's objects. A dated version follows the API's name, a legacy one such as
/// `v3` comes before it. Both answer alike.
fn path(entity: &str, paging: &Paging) -> String {
    match paging.version.as_deref().unwrap_or(VERSION) {
        legacy if legacy.starts_with('v') => format!("/crm/{legacy}/objects/{entity}s"),
        dated => format!("/crm/objects/{dated}/{entity}s"),
    }
}

/// The property of the modified time, which contacts call otherwise than all other objects, and
/// what is asked for.
fn facts(entity: &str) -> (&'static str, &'static [&'static str]) {
    if entity == CONTACT {
        ("lastmodifieddate", &CONTACT_PROPERTIES)
    } else {
        ("hs_lastmodifieddate", &DEAL_PROPERTIES)
    }
}

fn asked_for(entity: &str) -> String {
    facts(entity).1.join(",")
}

/// HubSpot's stamps, and the values of its filters, are whole milliseconds.
fn whole_millisecond(t: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(t.as_millisecond()).unwrap_or(t)
}
