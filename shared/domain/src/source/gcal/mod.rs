//! Google Calendar v3: the events of one calendar, in full by pages, and what changes later by sync
//! token.
//!
//! A token comes with the last page of a list only, and goes with the parameters of that list (trap
//! 12). When a token has expired, the full list that follows does not show what was deleted
//! meanwhile. So the run sweeps deleted events (trap 13).

use std::time::Duration;

use jiff::Timestamp;

use super::{Access, Credential, Normalize, Source, Webhook, variable};
use crate::clock::earlier;
use crate::config::{ConfigError, Env};
use crate::facts::Swept;
use crate::fetch_request::Mode;
use crate::ids::RunId;
use crate::paging::{
    Begin, Checkpoint, ErrorClass, Next, Page, PageError, Paging, Position, Reply, Request, segment,
};
use crate::record::{Item, full_run_key, refetch_key};

mod channel;
#[cfg(feature = "contract")]
mod contract;
mod error;
mod item;
mod normalize;
mod place;
mod reply;

use error::ErrorObject;
use item::{Keys, Listed};
use place::Place;
use reply::{Events, Then};

/// Google Calendar's API v3.
#[derive(Debug, Clone, Copy)]
pub struct GoogleCalendar;

/// The word for an event in `entity` columns and requests.
pub const ENTITY: &str = "event";

/// Events a page at most, by Google's reference.
const MAX_PAGE: u32 = 2_500;

/// How far a list may lag behind changes. Google does not say; its pushes and lists differ by
/// seconds.
const LIST_LAG: Duration = Duration::from_secs(5 * 60);

/// How far an event that is read by its id may lag behind.
const REFETCH_LAG: Duration = Duration::from_secs(10);

/// The reason why a list is not complete: only its sync token says that it shows everything.
const NO_TOKEN: &str = "the last page has neither a next page nor a sync token";

/// The ending of the variable that names the calendar.
const CALENDAR_ID: &str = "CALENDAR_ID";

/// The OAuth scope that the account requests: to read events and to watch them.
const READ_EVENTS: &str = "https://www.googleapis.com/auth/calendar.events.readonly";

/// The calendar where a deployment names none: the service account's own.
pub const PRIMARY: &str = "primary";

fn calendar(paging: &Paging) -> &str {
    paging.part.as_deref().unwrap_or(PRIMARY)
}

fn events_path(paging: &Paging) -> String {
    format!("/calendars/{}/events", segment(calendar(paging)))
}

impl Source for GoogleCalendar {
    fn name(&self) -> &'static str {
        "gcal"
    }

    /// Google allows a user 600 requests a minute.
    fn access(&self) -> Access {
        Access {
            base_url: "https://www.googleapis.com/calendar/v3",
            credential: Credential::GoogleServiceAccount {
                given: "SERVICE_ACCOUNT",
                oauth_scope: READ_EVENTS,
            },
            headers: &[],
            page_size: 500,
            max_page_size: MAX_PAGE,
            rate_per_second: 4,
            windows: None,
            part: Some(CALENDAR_ID),
            account_header: None,
            version: None,
        }
    }

    fn entities(&self, mode: Mode) -> &'static [&'static str] {
        match mode {
            Mode::Full | Mode::Incremental | Mode::Refetch | Mode::Watch => &[ENTITY],
            Mode::Reconcile => &[],
        }
    }

    fn begin(
        &self,
        mode: Mode,
        checkpoint: Checkpoint<'_>,
        now: Timestamp,
        paging: &Paging,
    ) -> Begin {
        let start = match mode {
            Mode::Full | Mode::Refetch | Mode::Watch | Mode::Reconcile => {
                Place::start(calendar(paging))
            }
            Mode::Incremental => Place::read(checkpoint.token, calendar(paging)),
        };
        let lost = mode == Mode::Incremental && start.sync.is_none();
        let backfill = lost.then(|| match checkpoint.token {
            None => "there is no sync token yet".to_owned(),
            Some(_) => "the sync token is another calendar's".to_owned(),
        });
        let position = Position { from: None, to: now, token: Some(start.write()) };
        Begin { position: (!lost).then_some(position), upper_bound: now, backfill }
    }

    fn request(&self, _entity: &str, _mode: Mode, position: &Position, paging: &Paging) -> Request {
        let place = Place::read(position.token.as_deref(), calendar(paging));
        // The same in every request: a sync token is good only for the parameters of the list it
        // came with.
        let mut query = vec![
            ("maxResults", paging.page_size.to_string()),
            ("showDeleted", "true".to_owned()),
            ("singleEvents", "true".to_owned()),
        ];
        query.extend(place.sync.map(|token| ("syncToken", token)));
        query.extend(place.page.map(|token| ("pageToken", token)));
        Request::get(events_path(paging), query)
    }

    fn page<'a>(
        &self,
        _entity: &str,
        mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        paging: &Paging,
    ) -> Result<Page<'a>, PageError> {
        let place = Place::read(position.token.as_deref(), calendar(paging));
        let events = Events::parse(reply.body, place.page.as_deref())?;
        let seen = full_run_key(run);
        let keys = Keys { seen: &seen, native: mode == Mode::Incremental, as_of: reply.as_of };
        let (mut items, mut to_read) = (Vec::new(), Vec::new());
        for raw in events.items.iter().map(|raw| raw.get().as_bytes()) {
            // Neither the reply's time nor the calendar's would be right for such a tombstone: the
            // event may have been restored before a list shows it.
            match item::listed(raw, &keys) {
                Listed::BareTombstone(id) => to_read.push(id),
                Listed::Item(item) => items.push(item),
            }
        }
        let next = match events.then {
            Then::Nothing => {
                let next = Next::Incomplete { reason: NO_TOKEN };
                return Ok(Page { items, to_read, next, doubt: Some(NO_TOKEN) });
            }
            Then::Page(page) => {
                let token = Place { page: Some(page), ..place }.write();
                Next::Continue(Position { token: Some(token), ..position.clone() })
            }
            Then::Sync(sync) => {
                let cursor = Place { sync: Some(sync), page: None, ..place };
                Next::Drained { cursor: Some(cursor.write()) }
            }
        };
        match next {
            Next::Continue(_) if items.is_empty() && to_read.is_empty() => Ok(Page::empty(next)),
            next => Ok(Page { to_read, ..Page::new(items, next) }),
        }
    }

    fn object_request(&self, _entity: &str, id: &str, paging: &Paging) -> Request {
        Request::object(&events_path(paging), id, Vec::new())
    }

    fn list_lag(&self) -> Duration {
        LIST_LAG
    }

    fn object<'a>(
        &self,
        _entity: &str,
        run: RunId,
        reply: Reply<'a>,
    ) -> Result<Item<'a>, PageError> {
        reply::event(reply.body)?;
        let keys = Keys { seen: &refetch_key(run), native: false, as_of: reply.as_of };
        let item = item::read(reply.body, &keys);
        // Above a tombstone of our own, which an event that was there all the time has to undo.
        let version_at = item.version_at.max(earlier(reply.as_of, REFETCH_LAG));
        Ok(Item { version_at, ..item })
    }

    fn normalizer(&self, env: &Env) -> Result<Box<dyn Normalize>, ConfigError> {
        let calendar_id = env.optional(&variable(self, CALENDAR_ID));
        Ok(Box::new(normalize::Normalizer { calendar_id }))
    }

    fn error_message(&self, body: &[u8]) -> Option<String> {
        error::error(body)?.words()
    }

    fn error_class(&self, mode: Mode, status: u16, body: &[u8]) -> Option<ErrorClass> {
        let error = error::error(body);
        let words = || {
            let words = error.as_ref().and_then(|error| error.words());
            words.unwrap_or_else(|| format!("Google answers {status} and does not say why"))
        };
        let error = error.as_ref();
        match status {
            403 | 429 if error.is_some_and(ErrorObject::is_daily) => {
                Some(ErrorClass::QuotaExhausted(words()))
            }
            403 if error.is_some_and(ErrorObject::is_rate) => {
                Some(ErrorClass::RateLimited(error::RATE_PAUSE))
            }
            // Google's own words, not those of a proxy in between, or of a base URL that is wrong.
            404 if mode == Mode::Refetch && error.is_some_and(ErrorObject::is_not_found) => {
                Some(ErrorClass::Gone)
            }
            // No proxy says 410, so it needs no words.
            410 if mode == Mode::Refetch => Some(ErrorClass::Gone),
            // Whatever its reason: a list that is gone has to be begun anew.
            410 => Some(ErrorClass::CursorExpired(words())),
            400 if error.is_some_and(ErrorObject::is_about_a_token) => {
                Some(ErrorClass::CursorExpired(words()))
            }
            _ => None,
        }
    }

    fn sweeps(&self, entity: &str) -> Option<Swept> {
        (entity == ENTITY).then_some(Swept::CalendarEvents)
    }

    fn webhook(&self) -> Option<Webhook> {
        Some(Webhook::Notified(&GoogleCalendar))
    }

    #[cfg(feature = "contract")]
    fn webhook_contract(&self) -> Option<super::WebhookContract> {
        Some(contract::webhook())
    }
}

#[cfg(test)]
mod tests;
