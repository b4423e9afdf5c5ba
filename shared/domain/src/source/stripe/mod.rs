//! Stripe: charges, refunds and disputes by `created` in full, the events list for what changes
//! later.
//!
//! Its lists filter on `created` only, so a refund, dispute or capture of an older object never
//! shows in them (trap 4). Its events say what changed, but only for 30 days (trap 5). Hence both.

use std::time::Duration;

use jiff::Timestamp;

use super::{Access, AccountRules, Credential, Header, Normalize, Source, Webhook, Windows};
use crate::clock::{earlier, later};
use crate::config::{ConfigError, Env};
use crate::fetch_request::Mode;
use crate::ids::RunId;
use crate::paging::{
    Begin, Checkpoint, ErrorClass, Next, Page, PageError, Paging, Position, Reply, Request,
    parse_body,
};
use crate::record::{Item, full_run_key, refetch_key};

#[cfg(feature = "contract")]
mod contract;
mod item;
mod list;
mod normalize;
mod origin;
mod webhook;
mod whose;

use whose::Settings;

/// The source for Stripe's API v1.
#[derive(Debug, Clone, Copy)]
pub struct Stripe;

/// The events whose objects are payments, refunds or disputes (docs.stripe.com/api/events/types).
/// The list takes at most 20 types.
pub const EVENT_TYPES: [&str; 16] = [
    "charge.captured",
    "charge.expired",
    "charge.failed",
    "charge.pending",
    "charge.refunded",
    "charge.succeeded",
    "charge.updated",
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
];

/// An incremental run reads this far behind the watermark, because events become visible late (trap
/// 7). The outbox drops events that it has already, by event id.
pub const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// Stripe lists events for 30 days; a cursor older than this is too close to the hole (trap 5).
pub const STALE_AFTER: Duration = Duration::from_secs(25 * 24 * 60 * 60);

/// How far a list may lag behind changes (trap 7).
const LIST_LAG: Duration = Duration::from_secs(60 * 60);

impl Source for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    /// Stripe allows an account 25 requests a second in test mode and 100 live.
    fn access(&self) -> Access {
        Access {
            base_url: "https://api.stripe.com",
            credential: Credential::Bearer { given: "API_KEY" },
            headers: &[Header {
                name: "stripe-version",
                variable: "VERSION",
                value: "2026-10-28.endive",
            }],
            page_size: 100,
            max_page_size: 100,
            rate_per_second: 4,
            windows: Some(Windows { days: 31, side_by_side: 4 }),
            part: None,
            account_header: Some("stripe-account"),
            version: None,
        }
    }

    fn account(&self) -> Option<&'static dyn AccountRules> {
        Some(&Stripe)
    }

    fn entities(&self, mode: Mode) -> &'static [&'static str] {
        match mode {
            Mode::Incremental => &["event"],
            Mode::Full | Mode::Refetch | Mode::Reconcile => &["charge", "refund", "dispute"],
            Mode::Watch => &[],
        }
    }

    fn begin(
        &self,
        mode: Mode,
        checkpoint: Checkpoint<'_>,
        now: Timestamp,
        _paging: &Paging,
    ) -> Begin {
        // Stripe stamps whole seconds: the current one, still filling, belongs to the next run's
        // overlap.
        let upper_bound = whole_second(now);
        let to = later(upper_bound, Duration::from_secs(1));
        let (from, backfill) = match (mode, checkpoint.watermark) {
            (Mode::Full | Mode::Refetch | Mode::Watch | Mode::Reconcile, _) => (None, None),
            (Mode::Incremental, None) => {
                (Some(earlier(upper_bound, OVERLAP)), Some("there is no cursor yet".to_owned()))
            }
            (Mode::Incremental, Some(w)) if w < earlier(now, STALE_AFTER) => (
                Some(earlier(upper_bound, OVERLAP)),
                Some(format!("the cursor of {w} is over 25 days old, Stripe lists events for 30")),
            ),
            (Mode::Incremental, Some(w)) => (Some(earlier(w, OVERLAP)), None),
        };
        Begin { position: Some(Position { from, to, token: None }), upper_bound, backfill }
    }

    fn request(&self, entity: &str, mode: Mode, position: &Position, paging: &Paging) -> Request {
        list::request(entity, mode, position, paging)
    }

    fn page<'a>(
        &self,
        _entity: &str,
        _mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        paging: &Paging,
    ) -> Result<Page<'a>, PageError> {
        let list = list::List::parse(reply.body)?;
        let last = list.last_id(position)?;
        let version_key = full_run_key(run);
        let items: Vec<_> = list
            .data
            .iter()
            .map(|raw| item::read(raw.get().as_bytes(), &version_key, reply.as_of))
            .collect();
        let next = match (position.from, last) {
            // What lies before `to`? Nothing, or at least the object shown: a window that ends with
            // it. So the whole history is cut up within seconds, and years without a sale cost
            // nothing.
            (None, None) => Next::Drained { cursor: None },
            (None, Some(_)) => {
                let newest = list.first_created().unwrap_or(position.to);
                let to = later(newest, Duration::from_secs(1)).min(position.to);
                let from = earlier(to, paging.window);
                let window = Position { from: Some(from), to, token: None };
                Next::Fork { window, rest: Position { from: None, to: from, token: None } }
            }
            (Some(_), Some(last)) if list.has_more => {
                Next::Continue(Position { token: Some(last), ..position.clone() })
            }
            (Some(_), _) => Next::Drained { cursor: None },
        };
        let items = if position.from.is_none() { Vec::new() } else { items };
        Ok(Page::new(items, next))
    }

    fn object_request(&self, entity: &str, id: &str, _paging: &Paging) -> Request {
        Request::object(&list::path(entity), id, Vec::new())
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
        let raw: &serde_json::value::RawValue = parse_body(reply.body)?;
        list::no_error_inside(raw.get().as_bytes())?;
        Ok(item::read(raw.get().as_bytes(), &refetch_key(run), reply.as_of))
    }

    fn settings(&self) -> &'static [&'static str] {
        &["LIVEMODE", "ACCOUNTS", "CONNECTED_ACCOUNTS"]
    }

    fn normalizer(&self, env: &Env) -> Result<Box<dyn Normalize>, ConfigError> {
        Ok(Box::new(Settings::from_env(env)?))
    }

    fn error_message(&self, body: &[u8]) -> Option<String> {
        list::error_object(body)
    }

    /// A reconciliation asks for what no list shows. Only Stripe's own word says that there is no
    /// such object (docs.stripe.com/error-codes): a 404 of a proxy or of a wrong base URL says
    /// nothing.
    fn error_class(&self, mode: Mode, status: u16, body: &[u8]) -> Option<ErrorClass> {
        let missing = || list::error_code(body).is_some_and(|code| code == "resource_missing");
        (mode == Mode::Reconcile && status == 404 && missing()).then_some(ErrorClass::Gone)
    }

    fn webhook(&self) -> Option<Webhook> {
        Some(Webhook::Signed(&Stripe))
    }

    #[cfg(feature = "contract")]
    fn webhook_contract(&self) -> Option<super::WebhookContract> {
        Some(contract::webhook())
    }

    fn goes_back_in_time(&self) -> bool {
        true
    }
}

fn whole_second(t: Timestamp) -> Timestamp {
    Timestamp::from_second(t.as_second()).unwrap_or(t)
}
