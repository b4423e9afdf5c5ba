//! A transaction that goes on, and a client that is told again.

use std::time::Duration;

use askama::Template;
use penstock_domain::audit::Action;
use penstock_domain::clock::later;
use penstock_domain::transaction::{Event, Message, State};
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::audit::{self, Entry};
use penstock_store::transactions::{self, Applied, Cause, Happening, Next};
use penstock_store::{StoreError, begin, commit, notifications};
use uuid::Uuid;

use super::form::Form;
use super::trail::entry;
use super::{LONGEST_WHY, id, maybe_why};
use crate::filters::{self, Markup};
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

/// How long a reply waits for SQS to take the messages to `settle`. `relay` sends them again.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

fn unknown() -> Problem {
    Problem::not_found("There is no such transaction.")
}

fn address(id: Uuid) -> String {
    format!("/console/transactions/{id}")
}

#[derive(Template)]
#[template(path = "acting/transaction.html")]
struct Asking {
    shell: Shell,
    own: String,
    /// `resume` or `notify`.
    action: &'static str,
    id: Uuid,
    state: &'static str,
    sender: Markup,
    reason: Markup,
    received: Markup,
    updated: Markup,
    submissions: u32,
    /// Messages to the client that were given up: those that are sent again.
    dead: Vec<(Uuid, i32, Markup)>,
}

impl Asking {
    const LONGEST_WHY: usize = LONGEST_WHY;
}

async fn asking(
    ports: &Ports,
    call: &Call<'_, Visitor>,
    action: &'static str,
    title: &str,
) -> Result<Reply, Failure> {
    let id = id(call, unknown)?;
    let reading =
        || async { transactions::history(&**ports.database.connection().await?, id).await };
    let history = ports.database.in_time_or_again(reading).await?.ok_or_else(unknown)?;
    let (of, zone) = (&history.of, &call.caller.zone);
    let dead = history.notifications.iter().filter(|message| message.dead_at.is_some());
    let page = Asking {
        shell: Shell::of(call, Area::Transactions, title),
        own: address(id),
        action,
        id,
        state: of.fate.state.as_str(),
        sender: filters::text(&of.sender),
        reason: filters::maybe(of.reason.as_deref()),
        received: filters::time(of.received_at, zone),
        updated: filters::time(of.updated_at, zone),
        submissions: of.fate.submissions,
        dead: dead
            .map(|it| (it.id, it.attempts, filters::maybe(it.last_error.as_deref())))
            .collect(),
    };
    html(StatusCode::OK, &page)
}

/// `GET /console/transactions/{id}/resume`: asks.
pub(crate) async fn ask_resume(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    asking(ports, &call, "resume", "Resume a transaction").await
}

/// `GET /console/transactions/{id}/notify`: asks.
pub(crate) async fn ask_notify(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    asking(ports, &call, "notify", "Tell the client again").await
}

/// `POST /console/transactions/{id}/resume`: `why`.
pub(crate) async fn resume(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = id(&call, unknown)?;
    let form = Form::of(call.request)?;
    let why = maybe_why(&form)?;
    let applied = ports.database.in_time(ports.resumed(&call, id, why)).await?;
    let (stored, notification) = match applied {
        Applied::Moved(stored, notification) => (stored, notification),
        Applied::Unchanged(stored) | Applied::Contradicted(stored) => (stored, None),
        Applied::Gone => return Err(unknown().into()),
    };
    let state = stored.fate.state;
    if !matches!(state, State::Pending | State::Submitted) {
        let detail = format!("The transaction is {}, and stays so.", state.as_str());
        return Err(Problem::conflict("transaction-state", detail).into());
    }
    let told = notification.map(Message::Notification);
    ports.tell_settle([Message::Transaction(id)].into_iter().chain(told)).await;
    Ok(see_other(&address(id)))
}

/// `POST /console/transactions/{id}/notify`
pub(crate) async fn notify(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = id(&call, unknown)?;
    Form::of(call.request)?;
    let replayed = ports.database.in_time(ports.told_again(&call, id)).await?;
    let messages = replayed.ok_or_else(unknown)?;
    if messages.is_empty() {
        let detail = "No message to its client was given up, so none is sent again.";
        return Err(Problem::conflict("nothing-to-send", detail).into());
    }
    ports.tell_settle(messages.into_iter().map(Message::Notification)).await;
    Ok(see_other(&address(id)))
}

impl Ports {
    async fn resumed(
        &self,
        call: &Call<'_, Visitor>,
        id: Uuid,
        why: Option<&str>,
    ) -> Result<Applied, StoreError> {
        let (settings, now) = (&self.config.transactions, call.now);
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(from) = transactions::find(&tx, id).await? else { return Ok(Applied::Gone) };
        let event = Event::Resumed { deadline: later(now, settings.patience) };
        let happening = Happening {
            reason: why,
            next: Next::At(now),
            ..Happening::new(event, Cause::Operator)
        };
        let applied = transactions::apply(&tx, settings, from, &happening, now).await?;
        if matches!(applied, Applied::Moved(..)) {
            let object = id.to_string();
            let entry = Entry { why, ..entry(call, Action::TransactionResumed, &object) };
            audit::write(&tx, &entry).await?;
            commit(tx).await?;
        }
        Ok(applied)
    }

    /// Has messages sent again that were given up. Returns `None` if there is no such transaction.
    async fn told_again(
        &self,
        call: &Call<'_, Visitor>,
        id: Uuid,
    ) -> Result<Option<Vec<Uuid>>, StoreError> {
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        if transactions::find(&tx, id).await?.is_none() {
            return Ok(None);
        }
        let messages = notifications::replay(&tx, id, call.now).await?;
        if !messages.is_empty() {
            let object = id.to_string();
            let count = i64::try_from(messages.len()).ok();
            let entry = Entry { count, ..entry(call, Action::TransactionNotified, &object) };
            audit::write(&tx, &entry).await?;
            commit(tx).await?;
        }
        Ok(Some(messages))
    }

    /// Sends messages to `settle` about committed rows. `relay` sends those again that SQS does not
    /// take, so a queue that fails or hangs changes no reply.
    async fn tell_settle(&self, messages: impl IntoIterator<Item = Message>) {
        let bodies: Vec<String> = messages.into_iter().map(Message::to_body).collect();
        let count = bodies.len();
        if let Err(error) = self.transactions.tell(bodies, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", messages = count, error = chain(&error));
        }
    }
}
