//! `/console/audit`: who has done what, when, and from where.

use askama::Template;
use jiff::Timestamp;
use penstock_domain::audit::Action;
use penstock_edge::http::{Call, Cursor, Failure, Query, Reply, StatusCode};
use penstock_store::audit::{self, Filter, Logged};

use crate::csv;
use crate::filters::{self, LONG, Markup, SHORT};
use crate::page::{Area, Shell, html};
use crate::panel::{Panels, Part};
use crate::{Ports, Visitor};

/// Rows on a page.
const ON_A_PAGE: i64 = 100;

/// Rows in a file. The newest come; the file says nothing of older ones, so a filter must.
const IN_A_FILE: i64 = 10_000;

/// The longest text of a filter, in bytes.
const LONGEST: usize = 400;

/// The rows that a reader asks about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    actor: Option<String>,
    action: Option<Action>,
    object: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Asked {
    /// Takes the filter's parameters from a query. An empty one leaves none out.
    fn take(query: &mut Query) -> Self {
        let mut text = |name| {
            let text = query.take_as(name, |text| match text {
                _ if text.len() > LONGEST || text.contains('\0') => {
                    Err(format!("must be a text of at most {LONGEST} bytes"))
                }
                text => Ok(text.trim().to_owned()),
            });
            text.filter(|text| !text.is_empty())
        };
        let (actor, object) = (text("actor"), text("object"));
        let action = query.take_as("action", |word| match word {
            "" => Ok(None),
            _ => Action::parse(word).map(Some).ok_or_else(|| "is no action".to_owned()),
        });
        let mut time = |name| {
            let time = query.take_as(name, |text| match text {
                "" => Ok(None),
                _ => text
                    .parse::<Timestamp>()
                    .map(Some)
                    .map_err(|_| "must be a time, such as 2026-06-01T12:00:00Z".to_owned()),
            });
            time.flatten()
        };
        let (from, until) = (time("from"), time("until"));
        Self { actor, action: action.flatten(), object, from, until }
    }

    fn filter(&self) -> Filter<'_> {
        Filter {
            actor: self.actor.as_deref(),
            action: self.action.map(Action::as_str),
            object: self.object.as_deref(),
            from: self.from,
            until: self.until,
        }
    }

    /// The address of a page with this filter.
    fn address(&self, path: &str, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let action = self.action.map(|action| action.as_str().to_owned());
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let pairs = [
            ("actor", self.actor.clone()),
            ("action", action),
            ("object", self.object.clone()),
            ("from", time(self.from)),
            ("until", time(self.until)),
            ("cursor", cursor.map(str::to_owned)),
        ];
        for (name, value) in pairs {
            value.map(|value| query.append_pair(name, &value));
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A row as the page shows it.
struct Line {
    at: Markup,
    actor_kind: String,
    actor: Markup,
    /// The address of the page with all that this actor has done.
    by_actor: Option<String>,
    action: Markup,
    object: Markup,
    by_object: String,
    count: Option<Markup>,
    why: Markup,
    detail: Markup,
    address: Markup,
    request_id: Markup,
}

impl Line {
    fn of(row: &Logged, visitor: &Visitor) -> Self {
        let only = |asked: Asked| asked.address("/console/audit", None);
        let by_actor =
            |actor: &String| only(Asked { actor: Some(actor.clone()), ..Asked::default() });
        Self {
            at: filters::time(row.at, &visitor.zone),
            actor_kind: row.actor_kind.clone(),
            actor: filters::maybe(row.actor.as_deref()),
            by_actor: row.actor.as_ref().map(by_actor),
            action: filters::text(&row.action),
            object: filters::cut(&row.object, SHORT, None),
            by_object: only(Asked { object: Some(row.object.clone()), ..Asked::default() }),
            count: row.count.map(|count| filters::number(count, "")),
            why: filters::cut(row.why.as_deref().unwrap_or_default(), LONG, None),
            detail: filters::cut(row.detail.as_deref().unwrap_or_default(), LONG, None),
            address: filters::maybe(row.address.as_deref()),
            request_id: filters::cut(&row.request_id, SHORT, None),
        }
    }
}

#[derive(Template)]
#[template(path = "acting/audit.html")]
struct Trail {
    shell: Shell,
    asked: Asked,
    actions: Vec<(&'static str, bool)>,
    rows: Part<Vec<Line>>,
    next: Option<String>,
    csv: String,
}

impl Trail {
    /// A field's text, for its input.
    fn value(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }

    fn moment(at: &Option<Timestamp>) -> String {
        at.map(|at| at.to_string()).unwrap_or_default()
    }
}

/// `GET /console/audit`: `actor`, `action`, `object`, `from`, `until`, `cursor`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let asked = Asked::take(&mut query);
    let cursor = Cursor::take(&mut query, |_| true);
    query.finish()?;
    let (filter, before) = (asked.filter(), cursor.map(|cursor| (cursor.at, cursor.id)));
    let mut panels = Panels::of(&ports.database);
    let read = async |on: &_| audit::page(on, filter, before, ON_A_PAGE + 1).await;
    let mut rows = panels.read("audit", read).await;
    panels.end().await;
    let end_of = |row: &Logged| Cursor { at: row.at, id: row.id };
    let cursor = match &mut rows {
        Part::Read(rows) => Cursor::cut(rows, ON_A_PAGE, end_of),
        Part::Slow | Part::Failed => None,
    };
    let page = Trail {
        shell: Shell::of(&call, Area::Audit, "Audit"),
        actions: Action::ALL.map(|it| (it.as_str(), asked.action == Some(it))).to_vec(),
        rows: rows.map(|rows| rows.iter().map(|row| Line::of(row, &call.caller)).collect()),
        next: cursor.map(|cursor| asked.address("/console/audit", Some(&cursor))),
        csv: asked.address("/console/audit.csv", None),
        asked,
    };
    html(StatusCode::OK, &page)
}

/// `GET /console/audit.csv`: the same filter, the newest 10,000 rows as a file.
pub(crate) async fn file(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let asked = Asked::take(&mut query);
    query.finish()?;
    let filter = asked.filter();
    let reading = || async {
        audit::page(&**ports.database.connection().await?, filter, None, IN_A_FILE).await
    };
    let rows = ports.database.in_time_or_again(reading).await?;
    let cells = |row: Logged| {
        vec![
            row.at.to_string(),
            row.actor_kind,
            row.actor.unwrap_or_default(),
            row.action,
            row.object,
            row.count.map(|count| count.to_string()).unwrap_or_default(),
            row.why.unwrap_or_default(),
            row.detail.unwrap_or_default(),
            row.address.unwrap_or_default(),
            row.request_id,
        ]
    };
    let names = [
        "at",
        "actorKind",
        "actor",
        "action",
        "object",
        "count",
        "why",
        "detail",
        "address",
        "requestId",
    ];
    Ok(csv::reply("audit.csv", &names, rows.into_iter().map(cells)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_survives_its_own_address() {
        let asked = Asked {
            actor: Some("ada@example.com".to_owned()),
            action: Some(Action::KeyMade),
            object: Some("a & b=<c>".to_owned()),
            from: Some("2026-06-01T00:00:00Z".parse().unwrap()),
            until: None,
        };
        let address = asked.address("/console/audit", None);
        let (path, query) = address.split_once('?').unwrap();
        let mut query = Query::parse(query);
        assert_eq!((path, Asked::take(&mut query)), ("/console/audit", asked));
        query.finish().unwrap();
        assert_eq!(Asked::default().address("/console/audit", None), "/console/audit");
    }

    #[test]
    fn empty_fields_of_the_form_leave_nothing_out_and_unreadable_ones_are_named() {
        let mut query = Query::parse("actor=&action=&object=+&from=&until=");
        assert_eq!(Asked::take(&mut query), Asked::default());
        query.finish().unwrap();
        let mut query = Query::parse("action=key&from=yesterday");
        Asked::take(&mut query);
        let refused = query.finish().unwrap_err();
        let pointers: Vec<&str> = refused.errors.iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(pointers, ["#/query/action", "#/query/from"]);
    }
}
