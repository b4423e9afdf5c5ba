//! `/console/transactions` by state, and `/console/transactions/{id}`: the time line of one.

mod one;

use askama::Template;
use penstock_domain::revenue::Zone;
use penstock_domain::transaction::State;
use penstock_edge::http::{Call, Cursor, Failure, Reply, StatusCode};
use penstock_store::transactions::by_state::{MOST_COUNTED, by_state};
use penstock_store::transactions::{self, Listed, Page};

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::{self, Address};
use crate::visitor::Visitor;
pub(crate) use one::one;

/// Transactions on a page.
const LIMIT: i64 = 50;

const PATH: &str = "/console/transactions";

#[derive(Template)]
#[template(path = "reading/transactions.html")]
struct Transactions {
    shell: Shell,
    states: Part<Vec<StateRow>>,
    api: String,
    list: Part<List>,
    is_one: bool,
}

struct StateRow {
    word: &'static str,
    count: Markup,
    only: String,
    is_chosen: bool,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    state: &'static str,
    is_bad: bool,
    failure: &'static str,
    reason: Markup,
    received_at: Markup,
    updated_at: Markup,
    ended_at: Markup,
}

/// `GET /console/transactions`: `status`, `cursor`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let parameters = &mut call.query;
    let words = State::ALL.map(State::as_str);
    let status = query::choice(parameters, "status", &words);
    let state = status.as_deref().and_then(State::parse);
    let after = Cursor::take(parameters, |_| true);
    std::mem::take(parameters).finish_knowing()?;
    let asked = Page { status: state, before: after.map(|it| (it.at, it.id)), limit: LIMIT + 1 };
    let mut panels = Panels::of(&ports.database);
    let states = panels.read("states", async |on| by_state(on).await).await;
    let list = panels.read("transactions", async |on| transactions::page(on, asked).await).await;
    let is_one = panels.end().await;
    let own = Address::of(PATH).with("status", status.as_deref());
    let api = Address::of("/transactions")
        .with("status", status.as_deref())
        .with("cursor", after.map(Cursor::text).as_deref());
    let zone = &call.caller.zone;
    let page = Transactions {
        states: states.map(|states| {
            states.into_iter().enumerate().map(|of| StateRow::of(of, state)).collect()
        }),
        list: list.map(|mut listed| {
            let end_of = |it: &Listed| Cursor { at: it.received_at, id: it.id };
            let next = Cursor::cut(&mut listed, LIMIT, end_of);
            List {
                rows: listed.iter().map(|listed| Row::of(listed, zone)).collect(),
                next: next.map(|next| own.with("cursor", Some(&next)).to_string()),
            }
        }),
        shell: Shell::of(&call, Area::Transactions, "Transactions"),
        api: api.to_string(),
        is_one,
    };
    page::html(StatusCode::OK, &page)
}

impl StateRow {
    fn of((at, (state, count)): (usize, (State, i64)), chosen: Option<State>) -> Self {
        let word = state.as_str();
        Self {
            word,
            count: filters::at_least(
                count,
                count >= MOST_COUNTED,
                &format!("/transactions/{at}/count"),
            ),
            only: Address::of(PATH).with("status", Some(word)).to_string(),
            is_chosen: chosen == Some(state),
        }
    }
}

impl Row {
    fn of(listed: &Listed, zone: &Zone) -> Self {
        Self {
            id: listed.id.to_string(),
            state: listed.state.as_str(),
            is_bad: matches!(listed.state, State::Failed | State::NeedsReview),
            failure: listed.failure.map_or("", |failure| failure.as_str()),
            reason: filters::maybe(listed.reason.as_deref()),
            received_at: filters::time(listed.received_at, zone),
            updated_at: filters::time(listed.updated_at, zone),
            ended_at: filters::maybe_time(listed.ended_at, zone),
        }
    }
}
