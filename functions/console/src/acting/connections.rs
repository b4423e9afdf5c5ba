//! `/console/connections`: which accounts are pulled, and what pauses and resumes one.

use askama::Template;
use jiff::Timestamp;
use penstock_domain::audit::Action;
use penstock_domain::connection::State;
use penstock_domain::fetch_request::Mode;
use penstock_domain::source::{self, Source};
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::audit::{self, Entry};
use penstock_store::connections::change::{self, Entry as Row};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::{StoreError, begin, commit};

use super::form::Form;
use super::trail::entry;
use super::{LONGEST_WHY, maybe_why};
use crate::filters::{self, Markup};
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::panel::{Panels, Part};
use crate::query::segment;
use crate::{Ports, Visitor};

fn unknown() -> Problem {
    Problem::not_found("There is no such connection.")
}

/// A connection as the list has it.
struct Line {
    name: Markup,
    /// The name as an address has it.
    segment: String,
    source: String,
    state: &'static str,
    account: Markup,
    is_declared: bool,
    changed: Markup,
}

#[derive(Template)]
#[template(path = "acting/connections.html")]
struct Connections {
    shell: Shell,
    connections: Part<Vec<Line>>,
}

/// `GET /console/connections`
pub(crate) async fn list(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut panels = Panels::of(&ports.database);
    let rows = panels.read("connections", async |on: &_| change::list(on).await).await;
    panels.end().await;
    let connections = rows.map(|rows| ports.lines(&rows, &call.caller));
    let shell = Shell::of(&call, Area::Runs, "Connections");
    html(StatusCode::OK, &Connections { shell, connections })
}

#[derive(Template)]
#[template(path = "acting/connection.html")]
struct Asking {
    shell: Shell,
    name: Markup,
    /// The name as an address has it.
    segment: String,
    source: &'static str,
    state: &'static str,
    /// `pause` or `resume`.
    action: &'static str,
    /// The pulls that stop, or that are asked for.
    entities: String,
}

impl Asking {
    const LONGEST_WHY: usize = LONGEST_WHY;
}

/// A connection that a person means.
struct Meant {
    name: String,
    source: &'static dyn Source,
    is_declared: bool,
    state: State,
}

async fn asking(
    ports: &Ports,
    call: Call<'_, Visitor>,
    action: &'static str,
    title: &str,
) -> Result<Reply, Failure> {
    let meant = ports.meant(&call).await?;
    let page = Asking {
        shell: Shell::of(&call, Area::Runs, title),
        source: meant.source.name(),
        state: meant.state.as_str(),
        action,
        entities: meant.source.entities(Mode::Incremental).join(", "),
        segment: segment(&meant.name),
        name: filters::text(&meant.name),
    };
    html(StatusCode::OK, &page)
}

/// `GET /console/connections/{name}/pause`: asks.
pub(crate) async fn ask_pause(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    asking(ports, call, "pause", "Pause a connection").await
}

/// `GET /console/connections/{name}/resume`: asks.
pub(crate) async fn ask_resume(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    asking(ports, call, "resume", "Resume a connection").await
}

/// `POST /console/connections/{name}/pause`: `why`. Its pulls stop.
pub(crate) async fn pause(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    ports.turn(&call, State::Paused, Action::ConnectionPaused).await
}

/// `POST /console/connections/{name}/resume`: `why`. It is pulled again.
pub(crate) async fn resume(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    ports.turn(&call, State::Active, Action::ConnectionResumed).await
}

impl Ports {
    /// Whether the template declares a connection. A row that was made under its name hides that.
    fn declares(&self, name: &str, row: Option<&Row>) -> bool {
        let is_own = |row: &Row| row.connection.is_declared() || !row.connection.state.is_open();
        self.config.source_names().contains(&name) && row.is_none_or(is_own)
    }

    fn lines(&self, rows: &[Row], visitor: &Visitor) -> Vec<Line> {
        let has_row = |name: &str| rows.iter().any(|row| row.connection.name == name);
        let bare = self.config.source_names().into_iter().filter(|name| !has_row(name));
        let bare = bare.map(|name| Line {
            name: filters::text(name),
            segment: segment(name),
            source: name.to_owned(),
            state: State::Active.as_str(),
            account: filters::maybe(None),
            is_declared: true,
            changed: filters::maybe(None),
        });
        let made = rows.iter().map(|row| Line {
            name: filters::text(&row.connection.name),
            segment: segment(&row.connection.name),
            source: row.connection.source.clone(),
            state: row.connection.state.as_str(),
            account: filters::maybe(row.connection.account.as_ref().map(|it| it.id.as_str())),
            is_declared: self.declares(&row.connection.name, Some(row)),
            changed: filters::time(row.changed_at, &visitor.zone),
        });
        let mut lines: Vec<Line> = bare.chain(made).collect();
        lines.sort_by(|a, b| a.segment.cmp(&b.segment));
        lines
    }

    /// The connection that the path names.
    async fn meant(&self, call: &Call<'_, Visitor>) -> Result<Meant, Failure> {
        let name = call.path("name").unwrap_or_default();
        let reading = || async { change::entry(&**self.database.connection().await?, &name).await };
        let row = self.database.in_time_or_again(reading).await?;
        let is_declared = self.declares(&name, row.as_ref());
        let source = match &row {
            Some(row) => source::find(&row.connection.source),
            None => source::find(&name).filter(|_| is_declared),
        };
        let state = row.as_ref().map_or(State::Active, |row| row.connection.state);
        let source = source.ok_or_else(unknown)?;
        if state == State::Erasing || (!state.is_open() && !is_declared) {
            let detail = format!("The connection is {}. Connect it again first.", state.as_str());
            return Err(Problem::conflict("connection-at-rest", detail).into());
        }
        Ok(Meant { name, source, is_declared, state })
    }

    /// Pauses or resumes a connection. The same again changes nothing.
    async fn turn(
        &self,
        call: &Call<'_, Visitor>,
        state: State,
        action: Action,
    ) -> Result<Reply, Failure> {
        let form = Form::of(call.request)?;
        let why = maybe_why(&form)?;
        let meant = self.meant(call).await?;
        if meant.state != state {
            let entry = Entry { why, ..entry(call, action, &meant.name) };
            let turned =
                self.database.in_time(self.turned(&meant, state, &entry, call.now)).await?;
            if !turned {
                let detail = "Somebody changes this connection at the moment.";
                return Err(Problem::conflict("connection-changing", detail).into());
            }
            if state == State::Active {
                let entities = meant.source.entities(Mode::Incremental);
                self.tell_fetch(&meant.name, entities, Mode::Incremental).await;
            }
        }
        Ok(see_other("/console/connections"))
    }

    /// Changes the state, requests what a resumed connection has missed, and writes the row of the
    /// audit log. Returns whether the state is changed.
    async fn turned(
        &self,
        meant: &Meant,
        state: State,
        entry: &Entry<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Meant { name, source, is_declared, .. } = meant;
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let moved = if *is_declared {
            change::note(&tx, name, source.name(), state, now).await?
        } else {
            change::set_state(&tx, name, state, &[State::Active, State::Paused], now).await?
        };
        if moved.is_none() {
            return Ok(false);
        }
        if state == State::Active {
            let (entities, why) = (source.entities(Mode::Incremental), "it was resumed");
            let (mode, unless) = (Mode::Incremental, Unless::RequestedOrUnderWay);
            pending::request(&tx, name, entities, mode, Some(why), unless, now).await?;
        }
        audit::write(&tx, entry).await?;
        commit(tx).await?;
        Ok(true)
    }
}
