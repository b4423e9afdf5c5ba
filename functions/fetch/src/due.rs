//! Asks for all that is due by schedule, of every connection: a message for each of its entities.

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::connection::{Connection, State};
use penstock_domain::due::Due;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_store::connections;
use penstock_store::sync_state::pending::{self, Unless};

use crate::connected::Connected;
use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::ports::Ports;

/// Asks for all that is due.
///
/// A message that comes twice must not begin another full run, and a lost one must not cost a day.
/// So whole lists are committed as requested before their messages are sent, as by a person, and
/// the messages only resume. An increment that is asked for too often brings nothing, and the next
/// rule asks for a lost one: it costs no more than its message.
///
/// # Errors
/// [`FetchError`] if Postgres or SQS fails. Lambda calls again then.
pub(crate) async fn serve<C: Clock + Clone, Q: Outlet>(
    ports: &Ports<C, Q>,
    due: Due,
) -> Result<Outcome, FetchError> {
    let mode = due.mode();
    let active = active(ports, mode).await?;
    let entities = |connection: &Connection| {
        source::find(&connection.source).map(|source| due.entities(source)).unwrap_or_default()
    };
    let lasts = matches!(mode, Mode::Full | Mode::Reconcile);
    if lasts {
        let (now, connection) = (ports.clock.now(), ports.database.connection().await?);
        for one in &active {
            let (name, unless) = (&one.name, Unless::GoingOn);
            pending::request(&**connection, name, entities(one), mode, None, unless, now).await?;
        }
    }
    // The first entity of each connection, then the second of each: connections take turns.
    let most = active.iter().map(|one| entities(one).len()).max().unwrap_or_default();
    let turns = (0..most).flat_map(|turn| active.iter().map(move |one| (one, turn)));
    let requests = turns.filter_map(|(one, turn)| {
        let request = FetchRequest::new(&one.name, entities(one).get(turn)?, mode);
        Some(if lasts { request.resuming() } else { request })
    });
    let bodies = requests.map(|request| serde_json::to_string(&request));
    let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
    let (connections, requests) = (active.len(), bodies.len());
    if !bodies.is_empty() {
        ports.requests.send_all(bodies).await?;
    }
    tracing::info!(event = "due_asked_for", mode = mode.as_str(), connections, requests);
    Ok(Outcome::AskedFor { requests })
}

/// Returns the connections that are pulled in `mode`: those that the template declares and those
/// that were made, unless somebody has paused or removed them.
async fn active<C: Clock + Clone, Q: Outlet>(
    ports: &Ports<C, Q>,
    mode: Mode,
) -> Result<Vec<Connection>, FetchError> {
    let rows = connections::all(&**ports.database.connection().await?).await?;
    let has_row = |name: &str| rows.iter().any(|row| row.name == name);
    let is_declared = |name: &str| ports.vendors.iter().any(|vendor| vendor.name() == name);
    let declared = ports.vendors.iter().filter(|vendor| !has_row(vendor.name()));
    let mut active: Vec<_> = declared.map(|vendor| Connection::declared(vendor.source())).collect();
    let can_be_pulled = |row: &&Connection| {
        row.state == State::Active && (!row.is_declared() || is_declared(&row.name))
    };
    active.extend(rows.iter().filter(can_be_pulled).cloned());
    if mode != Mode::Watch {
        return Ok(active);
    }
    let Ports { database, vendors, connections, clock, .. } = ports;
    let mut pushing = Vec::new();
    for one in active {
        if let Connected::Reached(vendor) =
            connections.find(database, vendors, &one.name, clock).await?
            && vendor.push.is_some()
        {
            pushing.push(one);
        }
    }
    Ok(pushing)
}
