//! The places at which a run stands: one to begin with, and a window for each part of the history that was forked off.
//!
//! They are paged side by side, each page committed by itself with its place. Nothing ties them together but the lease:
//! whatever ends an invocation, the next one goes on from every place.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::{Fetched, VendorError};
use penstock_domain::clock::Clock;
use penstock_domain::paging::{Next, Position, Reply};
use penstock_store::sync_state::{self, Window, windows};
use penstock_store::{StoreError, Transaction, begin, commit};

use crate::pull::{LEASE, Run};
use crate::{FetchError, Ports, Vendor};

/// A place of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Where the run began; it forks the windows off, and ends when they have.
    Main,
    /// The window of that number.
    Window(i32),
}

/// Where an invocation leaves its run.
pub(crate) enum Stop {
    Drained,
    OutOfTime(Duration),
}

/// What a lane came back with, and how many of its replies in a row could not be used.
struct Asked {
    lane: Lane,
    unusable: u32,
    reply: Result<Fetched, VendorError>,
}

impl Run<'_> {
    /// The lanes there are something to ask for, newest history first: while windows are open, the run waits for them
    /// once it has nothing more to fork off.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        let waits = self.at.windows_complete && !self.at.windows.is_empty();
        let main = (!waits).then_some(Lane::Main);
        main.into_iter().chain(self.at.windows.iter().map(|window| Lane::Window(window.number)))
    }

    /// Where `lane` stands.
    pub(crate) fn position(&self, lane: Lane) -> &Position {
        let window = self.at.windows.iter().find(|window| lane == Lane::Window(window.number));
        window.map_or(&self.at.position, |window| &window.position)
    }

    /// Moves `lane` on, in the transaction of its page. The answer is whether the whole run is drained; what becomes of
    /// it is the caller's to say.
    pub(crate) async fn step(
        &mut self,
        tx: &Transaction<'_>,
        lane: Lane,
        next: &Next,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let until = now + LEASE;
        let (at, key, lease) = (&mut self.at, self.key, &self.lease);
        let forked = match next {
            Next::Fork { window, .. } => {
                let number = at.windows.last().map_or(1, |last| last.number.saturating_add(1));
                Some(Window { number, position: window.clone() })
            }
            Next::Continue(_) | Next::Drained { .. } => None,
        };
        match (lane, next) {
            (Lane::Main, Next::Drained { .. }) if at.windows.is_empty() => return Ok(true),
            (Lane::Main, Next::Drained { .. }) => {
                at.windows_complete = true;
                sync_state::advance(tx, key, lease, at, now, until).await?;
            }
            (Lane::Main, Next::Continue(position) | Next::Fork { rest: position, .. }) => {
                at.position = position.clone();
                sync_state::advance(tx, key, lease, at, now, until).await?;
            }
            (Lane::Window(number), Next::Drained { .. }) => {
                at.windows.retain(|window| window.number != number);
                windows::close(tx, key, lease, number, now, until).await?;
            }
            (
                Lane::Window(number),
                Next::Continue(position) | Next::Fork { rest: position, .. },
            ) => {
                let moved = Window { number, position: position.clone() };
                windows::advance(tx, key, lease, &moved, now, until).await?;
                at.windows
                    .iter_mut()
                    .filter(|window| window.number == number)
                    .for_each(|window| *window = moved.clone());
            }
        }
        if let Some(window) = forked {
            windows::open(tx, key, lease, &window).await?;
            at.windows.push(window);
        }
        Ok(false)
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Makes a run that goes back in time one of windows, where a function that knew of none has left it: that kept the
    /// window it paged in the place of the run itself, and meant to go on with what lies before it.
    pub(crate) async fn adopt(
        &self,
        vendor: &Vendor<C>,
        run: &mut Run<'_>,
    ) -> Result<(), FetchError> {
        let Some(from) = run.at.position.from.filter(|_| vendor.source().goes_back_in_time())
        else {
            return Ok(());
        };
        let window = run.at.position.clone();
        let rest = Position { from: None, to: from, token: None };
        run.at.windows_complete = false;
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        run.step(&tx, Lane::Main, &Next::Fork { window, rest }, self.clock.now()).await?;
        Ok(commit(tx).await?)
    }

    /// Pages through a run, in as many places at once as the source is configured for.
    pub(crate) async fn pages(
        &self,
        vendor: &Vendor<C>,
        run: &mut Run<'_>,
        stop_at: Timestamp,
    ) -> Result<Stop, FetchError> {
        let source = vendor.source();
        let mut asked = FuturesUnordered::new();
        let mut under_way: Vec<Lane> = Vec::new();
        // Those whose reply could not be used ask again after a pause.
        let mut again: Vec<(Lane, u32)> = Vec::new();
        let mut pause = None;
        loop {
            if pause.is_none() && self.clock.now() >= stop_at {
                pause = Some(Duration::ZERO);
            }
            if pause.is_none() {
                let free = vendor.paging.side_by_side.max(1).saturating_sub(under_way.len());
                let idle: Vec<Lane> =
                    run.lanes().filter(|lane| !under_way.contains(lane)).take(free).collect();
                for lane in idle {
                    let unusable = again
                        .iter()
                        .find(|(other, _)| *other == lane)
                        .map_or(0, |(_, times)| *times);
                    again.retain(|(other, _)| *other != lane);
                    under_way.push(lane);
                    asked.push(self.ask(vendor, run, lane, unusable, stop_at));
                }
            }
            let Some(Asked { lane, unusable, reply }) = asked.next().await else {
                return Ok(Stop::OutOfTime(pause.unwrap_or_default()));
            };
            under_way.retain(|other| *other != lane);
            let fetched = match reply {
                // What the others have asked for still comes, and is taken.
                Err(VendorError::OutOfTime(longer)) => {
                    pause = pause.max(Some(longer));
                    continue;
                }
                other => other?,
            };
            let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
            let position = run.position(lane);
            match source.page(
                run.key.entity,
                run.key.mode,
                run.at.id,
                position,
                reply,
                &vendor.paging,
            ) {
                Ok(page) => {
                    if self.take(vendor, run, lane, &page.items, page.next).await? {
                        return Ok(Stop::Drained);
                    }
                }
                Err(error) => {
                    again.push((lane, self.one_more_unusable(source.name(), error, unusable)?))
                }
            }
        }
    }

    /// Asks for the page at `lane`, after a pause where the reply before could not be used.
    fn ask<'v>(
        &'v self,
        vendor: &'v Vendor<C>,
        run: &Run<'_>,
        lane: Lane,
        unusable: u32,
        stop_at: Timestamp,
    ) -> impl Future<Output = Asked> + use<'v, C, Q> {
        let mode = run.key.mode;
        let request =
            vendor.source().request(run.key.entity, mode, run.position(lane), &vendor.paging);
        async move {
            self.rest_after(unusable).await;
            let reply = vendor.client.ask(mode, &request, stop_at).await;
            Asked { lane, unusable, reply }
        }
    }
}
