//! `/console/dead-letters`: what has failed, by reason first, then one by one. `/{id}`: one of them
//! with its history.

mod one;

use askama::Template;
use jiff::Timestamp;
use penstock_domain::account::Role;
use penstock_domain::disposition::ReasonKind;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Cursor, Failure, Query, Reply, StatusCode};
use penstock_store::failures::{self, Cause, Filter, From, MOST_COUNTED};

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::{self, Address, Asked};
use crate::visitor::Visitor;
pub(crate) use one::one;

/// Failures on a page.
const LIMIT: i64 = 50;

/// Reasons on a page, those with the newest failure first.
const MOST_REASONS: i64 = 30;

const PATH: &str = "/console/dead-letters";

/// The filter of a reader.
#[derive(Debug, Default)]
struct Wanted {
    asked: Asked,
    entity: Option<String>,
    error_kind: Option<String>,
    reason: Option<String>,
    external_id: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "reading/dead_letters.html")]
struct DeadLetters {
    shell: Shell,
    wanted: Wanted,
    kinds: Vec<&'static str>,
    /// The filter as fields of a form.
    fields: Vec<(&'static str, String)>,
    /// The route of the API that has the reasons.
    api_of_causes: String,
    causes: Part<Causes>,
    list: Part<List>,
    is_one: bool,
    may_replay: bool,
}

struct Causes {
    rows: Vec<CauseRow>,
    is_capped: bool,
    most: String,
}

struct CauseRow {
    kind: Markup,
    class: Markup,
    reason: Markup,
    count: Markup,
    first_at: Markup,
    last_at: Markup,
    sources: Markup,
    entities: Markup,
    /// The failures of this reason, and the page that asks to replay them.
    only: String,
    replay: String,
    newest: String,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    failed_at: Markup,
    source: Markup,
    entity: Markup,
    external_id: Markup,
    kind: Markup,
    error: Markup,
    attempts: Markup,
    replayed: Markup,
    status: Markup,
}

/// `GET /console/dead-letters`: `source`, `connection`, `entity`, `errorKind`, `reason`,
/// `externalId`, `from`, `to`, `cursor`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let wanted = Wanted::take(&mut call.query);
    let after = Cursor::take(&mut call.query, |_| true);
    std::mem::take(&mut call.query).finish_knowing()?;
    let filter = wanted.filter();
    let mut panels = Panels::of(&ports.database);
    let causes = async |on: &_| failures::causes(on, filter, MOST_REASONS).await;
    let causes = panels.read("causes", causes).await;
    let from = after.map_or(From::Skipping(0), |cursor| From::Behind(cursor.at, cursor.id));
    let list = async |on: &_| failures::list(on, filter, from, LIMIT + 1).await;
    let list = panels.read("failures", list).await;
    let is_one = panels.end().await;
    let zone = &call.caller.zone;
    let own = wanted.address(PATH);
    let page = DeadLetters {
        causes: causes.map(|(causes, is_capped)| Causes {
            rows: causes
                .iter()
                .enumerate()
                .map(|(at, of)| CauseRow::of(at, of, &wanted, zone))
                .collect(),
            is_capped,
            most: filters::grouped(MOST_COUNTED),
        }),
        list: list.map(|mut failures| {
            let end_of = |it: &failures::Failure| Cursor { at: it.failed_at, id: it.id };
            let next = Cursor::cut(&mut failures, LIMIT, end_of);
            List {
                rows: failures.iter().map(|failure| Row::of(failure, zone)).collect(),
                next: next.map(|next| own.clone().with("cursor", Some(&next)).to_string()),
            }
        }),
        shell: Shell::of(&call, Area::DeadLetters, "Dead letters"),
        kinds: ReasonKind::ALL.map(ReasonKind::as_str).to_vec(),
        fields: own.pairs().to_vec(),
        api_of_causes: wanted
            .address("/admin/events/failed")
            .with("group", Some("reason"))
            .with("limit", Some(&MOST_REASONS.to_string()))
            .to_string(),
        may_replay: call.caller.is_at_least(Role::Operator),
        is_one,
        wanted,
    };
    page::html(StatusCode::OK, &page)
}

impl Wanted {
    fn take(parameters: &mut Query) -> Self {
        let kinds = ReasonKind::ALL.map(ReasonKind::as_str);
        let mut time = |name| {
            let time = parameters.take_as(name, |text| match text {
                "" => Ok(None),
                text => text
                    .parse()
                    .map(Some)
                    .map_err(|_| "must be a time, such as 2026-06-01T12:00:00Z".to_owned()),
            });
            time.flatten()
        };
        let (from, to) = (time("from"), time("to"));
        Self {
            asked: Asked::take(parameters),
            entity: query::text(parameters, "entity"),
            error_kind: query::choice(parameters, "errorKind", &kinds),
            reason: query::text(parameters, "reason"),
            external_id: query::text(parameters, "externalId"),
            from,
            to,
        }
    }

    fn filter(&self) -> Filter<'_> {
        Filter {
            chosen: self.asked.chosen(),
            entity: self.entity.as_deref(),
            error_kind: self.error_kind.as_deref(),
            reason: self.reason.as_deref(),
            external_id: self.external_id.as_deref(),
            since: self.from,
            until: self.to,
        }
    }

    /// The address of a page with the same filter.
    fn address(&self, path: &str) -> Address {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        self.asked
            .add_to(Address::of(path))
            .with("entity", self.entity.as_deref())
            .with("errorKind", self.error_kind.as_deref())
            .with("reason", self.reason.as_deref())
            .with("externalId", self.external_id.as_deref())
            .with("from", time(self.from).as_deref())
            .with("to", time(self.to).as_deref())
    }

    /// A field of the filter as its input shows it.
    fn shown(value: &Option<String>) -> &str {
        value.as_deref().unwrap_or_default()
    }

    fn time(value: &Option<Timestamp>) -> String {
        value.map(|at| at.to_string()).unwrap_or_default()
    }
}

/// The beginning of a reason, which a filter takes: it finds reasons that have a text in them.
fn beginning(reason: &str) -> &str {
    let end = reason.char_indices().nth(200).map_or(reason.len(), |(at, _)| at);
    reason[..reason.floor_char_boundary(end.min(400))].trim()
}

impl CauseRow {
    fn of(at: usize, cause: &Cause, wanted: &Wanted, zone: &Zone) -> Self {
        let narrowed = |path: &str| {
            let address = wanted.address(path).with("errorKind", Some(&cause.error_kind));
            address.with("reason", Some(beginning(&cause.reason))).to_string()
        };
        Self {
            kind: filters::text(&cause.error_kind),
            class: filters::text(&cause.error_class),
            reason: filters::cut(&cause.reason, filters::SHORT, None),
            count: filters::number(cause.count, &format!("/causes/{at}/count")),
            first_at: filters::time(cause.first_at, zone),
            last_at: filters::time(cause.last_at, zone),
            sources: filters::cut(&cause.sources.join(", "), filters::SHORT, None),
            entities: filters::cut(&cause.entities.join(", "), filters::SHORT, None),
            only: narrowed(PATH),
            replay: narrowed("/console/dead-letters/replay"),
            newest: format!("{PATH}/{}", cause.newest),
        }
    }
}

impl Row {
    fn of(failure: &failures::Failure, zone: &Zone) -> Self {
        let all = format!("{PATH}/{}", failure.id);
        Self {
            failed_at: filters::time(failure.failed_at, zone),
            source: filters::maybe(failure.source.as_deref()),
            entity: filters::maybe(failure.entity.as_deref()),
            external_id: filters::maybe(failure.external_id.as_deref()),
            kind: filters::text(&failure.error_kind),
            error: filters::cut(&failure.error, filters::SHORT, Some(&all)),
            attempts: filters::number(i64::from(failure.attempts), ""),
            replayed: filters::maybe_time(failure.replayed_at, zone),
            status: filters::maybe(failure.status.as_deref()),
            id: failure.id.to_string(),
        }
    }
}
