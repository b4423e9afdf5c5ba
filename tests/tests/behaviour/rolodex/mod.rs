//! A made-up source that differs from Stripe. It is read by POST, its cursor is text that expires,
//! it limits requests by the day, and objects vanish without notice. It has people and diary
//! entries.

use std::sync::Arc;
use std::time::Duration;

use ::webhook::Endpoint;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use penstock_domain::calendar_event::{CalendarEvent, When};
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::contact::Contact;
use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::{Facts, Swept};
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{
    Begin, Checkpoint, ErrorClass, Next, Page, PageError, Paging, Position, Reply, Request,
};
use penstock_domain::record::{Item, RowView, full_run_key, is_vanished};
use penstock_domain::source::{Access, Credential, Normalize, Source, Webhook};
use penstock_domain::version::{Stamp, Version};
use penstock_tests::test_app::TestApp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

mod pushed;
pub mod runs;
mod server;
mod verdicts;
mod webhook;

pub use server::{RolodexAccount, Server};

/// The made-up source of these tests.
pub struct Rolodex;

/// The calendar that the app pulls.
pub const CALENDAR: &str = "main";

/// Signs the cards that the vendor pushes.
pub const WEBHOOK_SECRET: &str = "the secret of the rolodex";

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Card {
    id: String,
    text: Option<String>,
    updated: Timestamp,
    version: u64,
    #[serde(default)]
    gone: bool,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

fn malformed(body: &[u8], e: &serde_json::Error) -> PageError {
    PageError::Malformed { bytes: body.len(), reason: e.to_string() }
}

impl Source for Rolodex {
    fn name(&self) -> &'static str {
        "rolodex"
    }

    fn access(&self) -> Access {
        Access {
            base_url: "https://api.rolodex.example",
            credential: Credential::TOKEN,
            headers: &[],
            page_size: 50,
            max_page_size: 50,
            rate_per_second: 1_000,
            windows: None,
            account_header: None,
            part: Some("CALENDAR"),
            version: None,
        }
    }

    fn entities(&self, mode: Mode) -> &'static [&'static str] {
        match mode {
            Mode::Full | Mode::Incremental | Mode::Refetch => &["person", "entry"],
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
        let start = |token: Option<String>| Some(Position { from: None, to: now, token });
        match (mode, checkpoint.token) {
            (Mode::Incremental, None) => Begin {
                position: None,
                upper_bound: now,
                backfill: Some("there is no cursor yet".to_owned()),
            },
            // The cursor comes with every page, so it is part of the page's token.
            (Mode::Incremental, Some(since)) => Begin {
                position: start(Some(format!("{since}/"))),
                upper_bound: now,
                backfill: None,
            },
            _ => Begin { position: start(None), upper_bound: now, backfill: None },
        }
    }

    fn request(&self, entity: &str, mode: Mode, position: &Position, paging: &Paging) -> Request {
        let token = position.token.as_deref().unwrap_or_default();
        let body = match mode {
            Mode::Incremental => {
                let (since, after) = token.split_once('/').unwrap_or_default();
                json!({ "limit": paging.page_size, "since": since, "after": after })
            }
            _ => json!({ "limit": paging.page_size, "after": token }),
        };
        Request::post(format!("/{entity}"), body.to_string())
    }

    fn page<'a>(
        &self,
        _entity: &str,
        mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        _paging: &Paging,
    ) -> Result<Page<'a>, PageError> {
        let wire: Wire<'a> =
            serde_json::from_slice(reply.body).map_err(|e| malformed(reply.body, &e))?;
        let items = wire
            .items
            .iter()
            .map(|raw| item(raw, (mode == Mode::Full).then(|| full_run_key(run))))
            .collect();
        let next = match wire.next {
            None => Next::Drained { cursor: wire.cursor },
            Some(after) => {
                let since = position
                    .token
                    .as_deref()
                    .and_then(|t| t.split_once('/'))
                    .map(|(since, _)| since);
                let token = since.map_or(after.clone(), |since| format!("{since}/{after}"));
                Next::Continue(Position { token: Some(token), ..position.clone() })
            }
        };
        Ok(Page::new(items, next))
    }

    fn object_request(&self, entity: &str, id: &str, _paging: &Paging) -> Request {
        Request::object(&format!("/{entity}"), id, Vec::new())
    }

    fn list_lag(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn object<'a>(
        &self,
        _entity: &str,
        _run: RunId,
        reply: Reply<'a>,
    ) -> Result<Item<'a>, PageError> {
        let raw: &RawValue =
            serde_json::from_slice(reply.body).map_err(|e| malformed(reply.body, &e))?;
        Ok(item(raw, None))
    }

    fn normalizer(&self, env: &Env) -> Result<Box<dyn Normalize>, ConfigError> {
        Ok(Box::new(Cards { calendar: env.optional("ROLODEX_CALENDAR").unwrap_or_default() }))
    }

    fn error_message(&self, body: &[u8]) -> Option<String> {
        serde_json::from_slice(body).ok().map(|Refusal { error }| error)
    }

    fn error_class(&self, mode: Mode, status: u16, body: &[u8]) -> Option<ErrorClass> {
        match (status, self.error_message(body)?.as_str()) {
            (400, "slow down") => Some(ErrorClass::RateLimited(Duration::from_secs(2))),
            (403, "enough for today") => {
                Some(ErrorClass::QuotaExhausted("enough for today".to_owned()))
            }
            (410, "cursor expired") => Some(ErrorClass::CursorExpired("cursor expired".to_owned())),
            (404, _) if mode == Mode::Refetch => Some(ErrorClass::Gone),
            _ => None,
        }
    }

    fn webhook(&self) -> Option<Webhook> {
        Some(Webhook::Signed(&Rolodex))
    }

    fn sweeps(&self, entity: &str) -> Option<Swept> {
        Some(if entity == "person" { Swept::Contacts } else { Swept::CalendarEvents })
    }
}

/// Reads cards as people, and as entries of the calendar that is pulled.
struct Cards {
    calendar: String,
}

impl Normalize for Cards {
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        let calendar = self.calendar.as_str();
        let mut facts = Facts::default();
        match (row.entity, is_vanished(row.payload)) {
            ("person", true) => facts.contacts = row.facts([Contact::vanished(row)]),
            ("person", false) => facts.contacts = row.facts([person(row)?]),
            (_, true) => {
                facts.calendar_events = row.facts([CalendarEvent::vanished(calendar, row)]);
            }
            (_, false) => facts.calendar_events = row.facts([entry(calendar, row)?]),
        }
        Ok(facts)
    }

    fn unreadable<'a>(&self, row: RowView<'a>, _why: ReasonKind) -> Facts<'a> {
        let mut facts = Facts::default();
        match row.entity {
            "person" => facts.contacts = row.facts([Contact::unreadable(row)]),
            _ => {
                facts.calendar_events = row.facts([CalendarEvent::unreadable(&self.calendar, row)]);
            }
        }
        facts
    }
}

fn item(raw: &RawValue, key: Option<String>) -> Item<'_> {
    let card: Card = serde_json::from_str(raw.get()).unwrap();
    Item {
        entity: if card.id.starts_with('p') { "person" } else { "entry" }.to_owned(),
        external_id: card.id,
        version_key: key.unwrap_or_else(|| format!("v{}", card.version)),
        version_at: card.updated,
        api_version: None,
        payload: raw.get().as_bytes(),
    }
}

fn card(row: RowView<'_>) -> Result<Card, Reason> {
    serde_json::from_slice(row.payload)
        .map_err(|e| Reason::new(ReasonKind::Malformed, e.to_string()))
}

fn person(row: RowView<'_>) -> Result<Contact, Reason> {
    let card = card(row)?;
    Ok(Contact {
        email: card.text,
        deleted_at: card.gone.then_some(card.updated),
        version: Version::of(row, Stamp::Native),
        ..Contact::vanished(row)
    })
}

fn entry(calendar: &str, row: RowView<'_>) -> Result<CalendarEvent, Reason> {
    let card = card(row)?;
    let day = card.updated.to_zoned(TimeZone::UTC).date();
    let all_day = card.text.as_deref().is_some_and(|text| text.starts_with("day"));
    Ok(CalendarEvent {
        status: if card.gone { "cancelled" } else { "confirmed" }.to_owned(),
        when: match (card.gone, all_day) {
            (true, _) => When::Unknown,
            (false, true) => When::AllDay { start: day, end: day.tomorrow().unwrap() },
            (false, false) => When::Timed { start: card.updated, end: card.updated },
        },
        summary: card.text,
        deleted_at: card.gone.then_some(card.updated),
        version: Version::of(row, Stamp::Native),
        ..CalendarEvent::vanished(calendar, row)
    })
}

/// Adds this source to `app`, with pages of `page_size` objects.
pub async fn connect(app: &mut TestApp, account: RolodexAccount, page_size: u32) -> Server {
    let server = Server::start(account).await;
    let env = [
        ("ROLODEX_BASE_URL", server.url()),
        ("ROLODEX_TOKEN", "a key".to_owned()),
        ("ROLODEX_PAGE_SIZE", page_size.to_string()),
        ("ROLODEX_CALENDAR", CALENDAR.to_owned()),
        ("ROLODEX_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
    ];
    app.add_source(&Rolodex, &env.into_iter().collect());
    server
}

/// Has the deployment name another webhook secret, or none.
fn sign_with(app: &mut TestApp, secret: Option<&str>) {
    let env = secret.map(|secret| ("ROLODEX_WEBHOOK_SECRET", secret)).into_iter().collect();
    app.webhook.endpoints.retain(|endpoint| endpoint.source.name() != "rolodex");
    app.webhook.endpoints.extend(Endpoint::of(&Rolodex, &env, &Arc::default()));
}
