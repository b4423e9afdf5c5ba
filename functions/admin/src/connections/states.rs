//! A connection that is paused, resumed, removed or erased.

use penstock_clients::queue::Outlet;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::connecting::is_own;
use penstock_domain::connection::State;
use penstock_domain::fetch_request::Mode;
use penstock_domain::source::{self, Source};
use penstock_edge::http::{Failure, Reply, StatusCode};
use penstock_store::audit::{self, Entry as Trail};
use penstock_store::connections::change::{self, Entry};
use penstock_store::connections::{self, Removal};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::{StoreError, begin, commit};

use super::connect::CLAIM;
use super::reply::RemovedReply;
use super::{at_rest, changing, declared, log, unknown};
use crate::Ports;
use crate::by::By;

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Pauses (`Paused`) or resumes (`Active`) a connection. The same again changes nothing.
    pub(crate) async fn set_state(
        &self,
        name: &str,
        state: State,
        by: By<'_>,
    ) -> Result<Reply, Failure> {
        let known = self.entry(name).await?;
        let declared = self.is_declared(name, known.as_ref());
        let found = match &known {
            Some(entry) => source::find(&entry.connection.source),
            None => source::find(name).filter(|_| declared),
        };
        let Some(source) = found else { return Err(unknown()) };
        let is = known.as_ref().map_or(State::Active, |entry| entry.connection.state);
        if is == state {
            return match &known {
                Some(entry) => self.told(StatusCode::OK, entry),
                None => self.told_declared(source),
            };
        }
        if is == State::Erasing || (!is.is_open() && !declared) {
            return Err(at_rest(is));
        }
        let entry = self.moved(name, source, declared, state, by).await?.ok_or_else(changing)?;
        let word = if state == State::Paused { "paused" } else { "resumed" };
        if state == State::Active {
            self.ask_for_first_runs(name, source, entry.connection.signing_secret.is_some()).await;
        }
        log(by, word, &entry);
        self.told(StatusCode::OK, &entry)
    }

    fn told_declared(&self, source: &dyn Source) -> Result<Reply, Failure> {
        let reply = super::reply::ConnectionReply::declared(source, &self.config);
        Reply::json(StatusCode::OK, &reply)
    }

    /// Changes the state, and requests what a resumed connection has missed, in one transaction.
    async fn moved(
        &self,
        name: &str,
        source: &dyn Source,
        declared: bool,
        state: State,
        by: By<'_>,
    ) -> Result<Option<Entry>, Failure> {
        let moving = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let moved = if declared {
                change::note(&tx, name, source.name(), state, by.now).await?
            } else {
                let before = [State::Active, State::Paused];
                change::set_state(&tx, name, state, &before, by.now).await?
            };
            if moved.is_some() && state == State::Active {
                let (entities, why) = (source.entities(Mode::Incremental), "it was resumed");
                let (mode, unless) = (Mode::Incremental, Unless::RequestedOrUnderWay);
                pending::request(&tx, name, entities, mode, Some(why), unless, by.now).await?;
            }
            if moved.is_some() {
                let resumed = state == State::Active;
                let (yes, no) = (Action::ConnectionResumed, Action::ConnectionPaused);
                audit::write(&tx, &by.entry(if resumed { yes } else { no }, name)).await?;
            }
            commit(tx).await?;
            Ok::<_, StoreError>(moved)
        };
        Ok(self.database.in_time(moving).await?)
    }

    /// Removes a connection, which keeps its rows, or has them erased too. Accounts that are read
    /// with its key go with it.
    pub(crate) async fn remove(
        &self,
        name: &str,
        erase: bool,
        by: By<'_>,
    ) -> Result<Reply, Failure> {
        let known = self.entry(name).await?;
        if self.is_declared(name, known.as_ref()) {
            return Err(declared());
        }
        let is = known.as_ref().map(|entry| entry.connection.state);
        if is == Some(State::Erasing) && !erase {
            return Err(at_rest(State::Erasing));
        }
        let own = known.as_ref().filter(|entry| entry.connection.state.is_open());
        let own = own.into_iter().flat_map(|entry| {
            let prefix = &self.config.secrets_prefix;
            let secrets = [&entry.connection.key_secret, &entry.connection.signing_secret];
            secrets.into_iter().flatten().filter(|it| is_own(prefix, name, it)).map(String::as_str)
        });
        let own: Vec<&str> = own.collect();
        let removing = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let Some(removal) = connections::remove(&tx, name, erase, by.now).await? else {
                return Ok(None);
            };
            let times = (by.now + CLAIM, by.now);
            let retired = change::retire(&tx, name, &own, times).await?;
            if retired.is_some() {
                if !removal.changed.is_empty() {
                    let entry = by.entry(Action::ConnectionRemoved, name);
                    let detail = erase.then_some(r#"{"erase":true}"#);
                    audit::write(&tx, &Trail { detail, ..entry }).await?;
                }
                commit(tx).await?;
            }
            Ok::<_, StoreError>(Some((removal, retired)))
        };
        let removed = self.database.in_time(removing).await?.ok_or_else(unknown)?;
        let (Removal { mut changed, .. }, Some(retired)) = removed else { return Err(changing()) };
        if !changed.is_empty() {
            log(by, word(retired.entry.connection.state), &retired.entry);
        }
        self.clean_up(&retired, &retired.entry.leftover).await;
        changed.retain(|each| each != name);
        let status = match retired.entry.connection.state {
            State::Erasing => StatusCode::ACCEPTED,
            _ => StatusCode::OK,
        };
        Reply::json(status, &RemovedReply::of(&retired.entry, changed, &self.config))
    }
}

fn word(state: State) -> &'static str {
    if state == State::Erasing { "erasing" } else { "removed" }
}
