//! Objects that wait in Postgres, of one entity: read a few at a time, by one worker, for a slice
//! of time. However many wait, there is one message for them, and other requests get their turn.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{MAX_DELAY, Outlet};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_edge::telemetry::chain;
use penstock_store::refetch::Wish;
use penstock_store::sync_state::pauses;
use penstock_store::sync_state::{self, Key, Lease};
use penstock_store::{begin, commit, refetch};

use super::{FailedRead, Read, note_failure, read_one};
use crate::ending::{STALLED, note_stalled};
use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::pausing::{self, Taken};
use crate::ports::Ports;
use crate::vendors::Vendor;

/// A message reads for this long, and then another goes on behind those that wait meanwhile.
const SLICE: Duration = Duration::from_secs(20);

/// The lease rests for this long between two slices. Messages too many end as busy meanwhile, in
/// place of a slice each, and even a single poller comes to other requests.
const REST: Duration = Duration::from_secs(5);

/// Objects that are claimed at once, of each cause.
const SHARE: i64 = 5;

/// A claimed object that could not be read is left alone for this long, or longer.
const AGAIN: Duration = Duration::from_secs(300);

/// The pause after the vendor failed, before other objects are asked for.
const OUTAGE: Duration = Duration::from_secs(180);

/// The pause after a limit that lasts longer than an invocation, such as one a day.
const LIMITED: Duration = Duration::from_secs(60 * 60);

/// One worker with its lease.
struct Worker<'a, C, Q> {
    ports: &'a Ports<C, Q>,
    vendor: &'a Vendor<C>,
    key: Key<'a>,
    lease: Lease,
    read: usize,
    /// Whether an object was answered, or is left alone for a while.
    progressed: bool,
    /// Why the last object of those that could not be read was not. The others go on.
    unusable: Option<FetchError>,
}

/// Why a worker stops.
enum Stop {
    /// Nothing waits.
    Empty,
    /// Another message goes on after this pause.
    GoOn(Duration),
}

/// Reads what waits of the entity that `request` names, until nothing does or its slice of time is
/// over.
pub(super) async fn serve<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    request: &FetchRequest,
    stop_at: Timestamp,
) -> Result<Outcome, FetchError> {
    let entity = &request.entity;
    let key = Key { source: vendor.name(), entity, mode: Mode::Refetch };
    let lease = match pausing::take(ports, key, request).await? {
        Taken::Lease(lease) => lease,
        Taken::Ended(outcome) => return Ok(outcome),
    };
    let mut worker =
        Worker { ports, vendor, key, lease, read: 0, progressed: false, unusable: None };
    let stopped = worker.work(stop_at).await;
    worker.end(request, stopped).await
}

impl<C: Clock, Q: Outlet> Worker<'_, C, Q> {
    async fn work(&mut self, stop_at: Timestamp) -> Result<Stop, FetchError> {
        let Key { source, entity, .. } = self.key;
        let slice_ends = stop_at.min(self.ports.clock.now() + SLICE);
        loop {
            let now = self.ports.clock.now();
            if now >= slice_ends {
                return Ok(Stop::GoOn(Duration::ZERO));
            }
            let connection = self.ports.database.connection().await?;
            let wishes =
                refetch::claim(&**connection, source, entity, SHARE, now, now + AGAIN).await?;
            drop(connection);
            if wishes.is_empty() {
                // With nothing to ask for, there is no refusal left to wait for.
                self.heal().await?;
                return Ok(Stop::Empty);
            }
            for (place, wish) in wishes.iter().enumerate() {
                if let Err(error) = self.read(wish, stop_at).await {
                    // An object over which the vendor fails, or which it refuses, must not be the
                    // first again: it would hold up all others.
                    let its_fault = matches!(
                        error,
                        FetchError::Vendor(
                            VendorError::Unavailable { .. } | VendorError::Refused { .. }
                        )
                    );
                    let others = wishes.get(place + usize::from(its_fault)..).unwrap_or_default();
                    self.put_back(others).await?;
                    return match error {
                        FetchError::Vendor(VendorError::OutOfTime(pause)) => Ok(Stop::GoOn(pause)),
                        error => Err(error),
                    };
                }
            }
        }
    }

    async fn read(&mut self, wish: &Wish, stop_at: Timestamp) -> Result<(), FetchError> {
        match read_one(self.ports, self.vendor, self.key.entity, wish, stop_at).await {
            Ok(Read::Answered) => self.read += 1,
            Ok(Read::NotAsked) => {
                self.progressed = true;
                return Ok(());
            }
            // About this object, not about the key.
            Err(
                error
                @ (FetchError::Page { .. } | FetchError::Vendor(VendorError::Rejected { .. })),
            ) => {
                let (Key { source, entity, .. }, report) = (self.key, chain(&error));
                let why = FailedRead { error: &report, hopeless: false };
                note_failure(self.ports, source, entity, wish, why).await?;
                self.unusable = Some(error);
            }
            Err(error) => return Err(error),
        }
        self.progressed = true;
        self.heal().await
    }

    /// Ends the pause, if there was one: the vendor answers.
    async fn heal(&mut self) -> Result<(), FetchError> {
        if self.lease.paused {
            let now = self.ports.clock.now();
            let mut connection = self.ports.database.connection().await?;
            let tx = begin(&mut connection).await?;
            pauses::heal(&tx, self.key, now).await?;
            commit(tx).await?;
            pausing::note_healed(self.key, &mut self.lease);
        }
        Ok(())
    }

    async fn put_back(&self, wishes: &[Wish]) -> Result<(), FetchError> {
        let Key { source, entity, .. } = self.key;
        let connection = self.ports.database.connection().await?;
        let now = self.ports.clock.now();
        Ok(refetch::put_back(&**connection, source, entity, wishes, now).await?)
    }

    /// Frees the lease, and sees to it that what waits has a message.
    async fn end(
        self,
        request: &FetchRequest,
        stopped: Result<Stop, FetchError>,
    ) -> Result<Outcome, FetchError> {
        let Self { ports, key, lease, read, progressed, unusable, .. } = self;
        let next = request.next_hop(progressed);
        let now = ports.clock.now();
        let rest = match stopped {
            Ok(Stop::Empty) => None,
            // Objects that no message in a row got on with wait for `relay`.
            Ok(Stop::GoOn(_)) if next.is_none() => Some(STALLED),
            Ok(Stop::GoOn(pause)) => Some(pause.clamp(REST, MAX_DELAY)),
            Err(error) => {
                let free_at = match &error {
                    FetchError::Vendor(VendorError::QuotaExhausted { .. }) => now + LIMITED,
                    FetchError::Vendor(VendorError::Unavailable { .. }) => now + OUTAGE,
                    _ => return pausing::end(ports, key, &lease, error).await.outcome,
                };
                let connection = ports.database.connection().await?;
                sync_state::release_later(&**connection, key, &lease, free_at).await?;
                return Err(error);
            }
        };
        let Key { source, entity, .. } = key;
        let connection = ports.database.connection().await?;
        let more = match rest {
            Some(rest) => {
                sync_state::release_later(&**connection, key, &lease, now + rest).await?;
                true
            }
            None => {
                sync_state::release(&**connection, key, &lease, now, now).await?;
                // Read once the lease is free: a message that came before found it held.
                refetch::waits(&**connection, source, entity, now).await?
            }
        };
        drop(connection);
        match next.filter(|_| more) {
            Some(next) => {
                // A second later, so that it does not find the lease held.
                let delay = rest.map_or(Duration::ZERO, |rest| rest + Duration::from_secs(1));
                ports.requests.send(serde_json::to_string(&next)?, delay).await?;
            }
            None if more => note_stalled(key, None),
            None => {}
        }
        tracing::info!(event = "refetched", source, entity, objects = read, more);
        unusable.map_or(Ok(Outcome::Refetched { objects: read }), Err)
    }
}
