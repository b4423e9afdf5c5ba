//! `/console/people`: one user's events, the newest first, live as they come.

use askama::Template;
use jiff::Timestamp;
use penstock_domain::intake::{FAR_FUTURE, FAR_PAST};
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Failure, Query, Reply, StatusCode};
use penstock_store::StoreError;
use penstock_store::journey::{self, JourneyEvent, JourneyPage};
use tokio_postgres::Client;

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::payload::{Payload, Shown, View};
use crate::query::{self, Address};
use crate::visitor::Visitor;

/// Events on a page.
const LIMIT: i64 = 40;

/// The most bytes of events that are read for a page.
const MOST_BYTES: i64 = 1024 * 1024;

/// The most bytes of HTML of the payloads of a page. The others are on pages of their own.
const MOST_OF_PAYLOADS: usize = 20_000;

const PATH: &str = "/console/people";

#[derive(Template)]
#[template(path = "reading/people.html")]
struct People {
    shell: Shell,
    user: String,
    api: String,
    /// The first page, which the newest events come to.
    is_first: bool,
    first: String,
    list: Option<Part<List>>,
}

struct List {
    rows: Vec<Row>,
    count: Markup,
    next: Option<String>,
}

struct Row {
    occurred_at: Markup,
    what: Markup,
    session: Markup,
    sender: Markup,
    id: Markup,
    received_at: Markup,
    skew: Option<Markup>,
    payload: Option<Shown>,
    /// The address that shows the payload, if the page has no more room for it.
    alone: Option<String>,
}

/// The last event of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct After {
    at: Timestamp,
    id: String,
    sender: String,
}

/// `GET /console/people`: `user`, and the event that the page is behind, by `at`, `id`, `sender`.
/// `limit=1` shows one event and nothing else.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let parameters = &mut call.query;
    let user = query::text(parameters, "user");
    let after = After::take(parameters);
    let limit = parameters.take_number("limit", 1, LIMIT).unwrap_or(LIMIT);
    std::mem::take(parameters).finish_knowing()?;
    let now = call.now;
    let mut panels = Panels::of(&ports.database);
    let list = match &user {
        Some(user) => {
            let read = async |on: &_| read(on, user, after.as_ref(), limit, now).await;
            Some(panels.read("journey", read).await)
        }
        None => None,
    };
    panels.end().await;
    let user = user.unwrap_or_default();
    let first = Address::of(PATH).with("user", Some(&user));
    let zone = &call.caller.zone;
    let page = People {
        list: list.map(|part| {
            part.map(|(events, is_last)| List::of(&events, is_last, &first, ports, zone))
        }),
        api: format!("/users/{}/journey?limit={limit}", query::segment(&user)),
        is_first: after.is_none() && limit == LIMIT,
        first: first.to_string(),
        shell: Shell::of(&call, Area::People, "People and events"),
        user,
    };
    page::html(StatusCode::OK, &page)
}

/// Reads events, and whether there are none behind them.
async fn read(
    on: &Client,
    user: &str,
    after: Option<&After>,
    limit: i64,
    now: Timestamp,
) -> Result<(Vec<JourneyEvent>, bool), StoreError> {
    let before = match after {
        Some(after) => (after.at, after.id.as_str(), after.sender.as_str()),
        None => (now + FAR_FUTURE, "", ""),
    };
    let page = JourneyPage {
        user_id: user,
        from: now - FAR_PAST,
        before,
        limit: limit + 1,
        bytes: MOST_BYTES,
    };
    let (mut events, found) = journey::page(on, page).await?;
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let is_last = events.len() >= found;
    Ok((events, is_last))
}

impl After {
    fn take(parameters: &mut Query) -> Option<Self> {
        let time = |text: &str| text.parse().map_err(|_| "must be the time of an event".to_owned());
        let at = parameters.take_as("at", time);
        let (id, sender) = (query::text(parameters, "id"), query::text(parameters, "sender"));
        let (at, id) = at.zip(id)?;
        Some(Self { at, id, sender: sender.unwrap_or_default() })
    }

    fn of(event: &JourneyEvent) -> Self {
        let (id, sender) = (event.event_id.clone(), event.sender.clone());
        Self { at: event.occurred_at, id, sender }
    }

    fn add_to(&self, address: Address) -> Address {
        let address = address.with("at", Some(&self.at.to_string())).with("id", Some(&self.id));
        address.with("sender", Some(&self.sender))
    }
}

impl List {
    fn of(
        events: &[JourneyEvent],
        is_last: bool,
        first: &Address,
        ports: &Ports,
        zone: &Zone,
    ) -> Self {
        let mut room = MOST_OF_PAYLOADS;
        let mut before: Option<&JourneyEvent> = None;
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            let whole = match before {
                Some(before) => After::of(before).add_to(first.clone()),
                None => first.clone(),
            };
            let whole = whole.with("limit", Some("1")).to_string();
            rows.push(Row::of(event, &whole, &mut room, ports, zone));
            before = Some(event);
        }
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        Self {
            rows,
            count: filters::number(count, "/count"),
            next: before
                .filter(|_| !is_last)
                .map(|last| After::of(last).add_to(first.clone()).to_string()),
        }
    }
}

impl Row {
    /// `room` is how much HTML of payloads the page still takes.
    fn of(event: &JourneyEvent, alone: &str, room: &mut usize, ports: &Ports, zone: &Zone) -> Self {
        let payload = event.payload.as_deref().map(|json| {
            let payload = Payload { bytes: json.as_bytes(), source: Some("events") };
            payload.show(View::Masked, &ports.config.redactions, Some(alone))
        });
        let length = payload.as_ref().map_or(0, |shown| shown.html.as_str().len());
        let fits = length <= *room;
        *room -= if fits { length } else { 0 };
        Self {
            occurred_at: filters::time(event.occurred_at, zone),
            what: filters::cut(&event.r#type, filters::SHORT, None),
            session: filters::maybe(event.session_id.as_deref()),
            sender: filters::maybe(Some(event.sender.as_str()).filter(|name| !name.is_empty())),
            id: filters::cut(&event.event_id, filters::SHORT, None),
            received_at: filters::time(event.received_at, zone),
            skew: event.clock_skew.as_deref().map(filters::text),
            payload: payload.filter(|_| fits),
            alone: (!fits).then(|| alone.to_owned()),
        }
    }
}
