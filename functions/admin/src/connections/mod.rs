//! Connections over HTTP, and for operators who invoke the function: connect an account, list all,
//! pause, resume, remove and erase.

mod body;
mod connect;
mod reply;
mod states;
mod wanted;

use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_domain::connection::State;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::connections::change::{self, Entry};
use penstock_store::strange_accounts;

pub use connect::CLAIM;
#[cfg(feature = "contract")]
pub(crate) use reply::{ConnectionReply, ConnectionsReply, RemovedReply};

use crate::Ports;
use crate::by::By;

/// The longest body, in bytes: a key and some signing secrets.
const BODY_LIMIT: usize = 256 * 1024;

/// No more connected accounts that are no connections are listed.
const MOST_STRANGERS: i64 = 1_000;

/// Seconds after which a connection that somebody changes can be changed again.
const RETRY_AFTER: u32 = 10;

/// `GET /connections`: lists all.
pub(crate) async fn list<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    _call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    ports.list_connections().await
}

/// `PUT /connections/{name}`: connects an account, or changes its key, secrets and settings.
pub(crate) async fn put<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let body = call.request.bytes(BODY_LIMIT)?;
    ports.connect(&name(&call), &body, By::of(&call)).await
}

/// `POST /connections/{name}/pause`: stops its pulls.
pub(crate) async fn pause<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    call.request.bytes(BODY_LIMIT)?;
    ports.set_state(&name(&call), State::Paused, By::of(&call)).await
}

/// `POST /connections/{name}/resume`: has it pulled again.
pub(crate) async fn resume<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    call.request.bytes(BODY_LIMIT)?;
    ports.set_state(&name(&call), State::Active, By::of(&call)).await
}

/// `DELETE /connections/{name}`: ends it, and with `?erase=true` deletes its rows.
pub(crate) async fn remove<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    mut call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    call.request.bytes(BODY_LIMIT)?;
    let mut query = std::mem::take(&mut call.query);
    let erase = query.take_as("erase", |word| match word {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    });
    query.finish()?;
    ports.remove(&name(&call), erase.unwrap_or(false), By::of(&call)).await
}

/// A parameter that is no text is the name of nothing.
fn name(call: &Call<'_, ApiKey>) -> String {
    call.path("name").unwrap_or_default()
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// The reply with all connections.
    pub(crate) async fn list_connections(&self) -> Result<Reply, Failure> {
        let reading = async {
            let connection = self.database.connection().await?;
            let client = &**connection;
            tokio::try_join!(change::list(client), strange_accounts::all(client, MOST_STRANGERS))
        };
        let (entries, strangers) = self.database.in_time(reading).await?;
        Reply::json(StatusCode::OK, &reply::all(&entries, strangers, &self.config))
    }

    async fn entry(&self, name: &str) -> Result<Option<Entry>, Failure> {
        let reading = async {
            let connection = self.database.connection().await?;
            change::entry(&**connection, name).await
        };
        Ok(self.database.in_time(reading).await?)
    }

    fn is_declared(&self, name: &str, entry: Option<&Entry>) -> bool {
        reply::is_declared(&self.config, name, entry)
    }

    fn told(&self, status: StatusCode, entry: &Entry) -> Result<Reply, Failure> {
        Reply::json(status, &reply::ConnectionReply::of(entry, &self.config))
    }
}

/// Writes the line that tells of a change, by names and outcomes only.
fn log(by: By<'_>, change: &'static str, entry: &Entry) {
    let (who, request_id) = (by.who, by.request_id);
    let connection = &entry.connection;
    let (name, source, state) = (&connection.name, &connection.source, connection.state.as_str());
    let revision = connection.revision;
    tracing::info!(
        event = "connection_changed",
        request_id,
        who,
        change,
        connection = name,
        source,
        state,
        revision
    );
}

fn unknown() -> Failure {
    Problem::not_found("There is no such connection.").into()
}

/// 409: somebody changes the connection at the moment.
fn changing() -> Failure {
    let detail = "Somebody changes this connection at the moment.";
    let problem = Problem::conflict("connection-changing", detail);
    Problem { retry_after: Some(RETRY_AFTER), ..problem }.into()
}

/// 409: the connection is at rest, or on its way there.
fn at_rest(state: State) -> Failure {
    let (slug, detail) = match state {
        State::Erasing => {
            ("connection-erasing", "Its rows are being deleted. Wait until it is erased.")
        }
        State::Erased => ("connection-erased", "It was erased. Connect the name again."),
        _ => ("connection-removed", "It was removed. Connect the name again."),
    };
    Problem::conflict(slug, detail).into()
}

/// 409: the parameters of the deployment say what the connection is.
fn declared() -> Failure {
    let detail = "The template declares this connection: its key and settings are parameters of the deployment.";
    Problem::conflict("connection-declared", detail).into()
}
