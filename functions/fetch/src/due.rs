//! Asks for all that is due by schedule, of every connection: a message for each of its entities.

use std::collections::BTreeMap;

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::connection::{Connection, State};
use penstock_domain::due::Due;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::{StoreError, connections};

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
pub(crate) async fn serve<C: Clock, Q: Outlet>(
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
async fn active<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    mode: Mode,
) -> Result<Vec<Connection>, StoreError> {
    let made = connections::all(&**ports.database.connection().await?).await?;
    let made: BTreeMap<&str, &Connection> =
        made.iter().map(|one| (one.name.as_str(), one)).collect();
    let declared =
        ports.vendors.iter().filter(|vendor| mode != Mode::Watch || vendor.push.is_some());
    let declared = declared.map(|vendor| Connection::declared(vendor.source()));
    let declared = declared.filter(|one| !made.contains_key(one.name.as_str()));
    let made = made.values().map(|one| (*one).clone()).filter(|one| one.state == State::Active);
    Ok(declared.chain(made).collect())
}
