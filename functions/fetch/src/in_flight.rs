//! The requests of a run that are under way: one a segment, and as many at once as the source
//! allows.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use penstock_clients::vendor::{Fetched, VendorError};
use penstock_domain::clock::Clock;

use crate::run::{Run, Segment, Stop};
use crate::unusable::Unusable;
use crate::vendors::Vendor;

/// Requests under way to one vendor, until `stop_at`.
pub(crate) struct InFlight<'a, C> {
    vendor: &'a Vendor<C>,
    clock: &'a C,
    stop_at: Timestamp,
    requests: FuturesUnordered<BoxFuture<'a, Answer>>,
    segments: Vec<Segment>,
    /// Segments whose last reply was unusable.
    unusable: Vec<(Segment, Unusable)>,
    /// Set once nothing more may be asked: how long the run pauses.
    pause: Option<Duration>,
    /// Whether that is the vendor's wish.
    throttled: bool,
    /// Whether a single request has to find out whether the vendor answers.
    probing: bool,
}

/// The end of a request.
struct Answer {
    segment: Segment,
    unusable: Unusable,
    reply: Result<Fetched, VendorError>,
}

/// A reply to the request for a segment's next page.
pub(crate) struct Replied {
    pub segment: Segment,
    /// Unusable replies before this one.
    pub unusable: Unusable,
    pub fetched: Fetched,
}

impl<'a, C: Clock> InFlight<'a, C> {
    /// Creates the set of requests of an invocation that stops at `stop_at`. If it is `probing`, it
    /// first finds out by a single request whether the vendor answers.
    pub fn new(vendor: &'a Vendor<C>, clock: &'a C, probing: bool, stop_at: Timestamp) -> Self {
        let (requests, segments, unusable) = (FuturesUnordered::new(), Vec::new(), Vec::new());
        let (pause, throttled) = (None, false);
        Self { vendor, clock, stop_at, requests, segments, unusable, pause, throttled, probing }
    }

    /// Asks for the next page of each idle segment, and waits for the next reply. `None`: the time
    /// is up and every reply is in; [`Self::stopped`] says how the run goes on.
    ///
    /// # Errors
    /// Any [`VendorError`] but [`VendorError::OutOfTime`]. The other requests are given up with it.
    pub async fn next(&mut self, run: &Run<'_>) -> Result<Option<Replied>, VendorError> {
        loop {
            if self.pause.is_none() && self.clock.now() >= self.stop_at {
                self.pause = Some(Duration::ZERO);
            }
            if self.pause.is_none() {
                self.ask_for_idle(run);
            }
            let Some(Answer { segment, unusable, reply }) = self.requests.next().await else {
                return Ok(None);
            };
            self.segments.retain(|other| *other != segment);
            match reply {
                Ok(fetched) => {
                    self.probing = false;
                    return Ok(Some(Replied { segment, unusable, fetched }));
                }
                // The replies to the other requests still arrive, and are used.
                Err(VendorError::OutOfTime(longer)) => self.pause = self.pause.max(Some(longer)),
                Err(VendorError::Throttled { pause, .. }) => {
                    (self.pause, self.throttled) = (self.pause.max(Some(pause)), true);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Notes that the reply for `segment` was unusable: the next request for it pauses first.
    pub fn ask_again(&mut self, segment: Segment, unusable: Unusable) {
        self.unusable.push((segment, unusable));
    }

    /// Returns how the run goes on, after the longest pause that a request was told.
    pub fn stopped(&self) -> Stop {
        let pause = self.pause.unwrap_or_default();
        if self.throttled { Stop::Throttled(pause) } else { Stop::OutOfTime(pause) }
    }

    fn ask_for_idle(&mut self, run: &Run<'_>) {
        let allowed = if self.probing { 1 } else { self.vendor.paging.side_by_side.max(1) };
        let free = allowed.saturating_sub(self.segments.len());
        let is_idle = |segment: &Segment| !self.segments.contains(segment);
        let idle: Vec<Segment> = run.segments().filter(is_idle).take(free).collect();
        for segment in idle {
            let unusable = self.unusable.iter().find(|(other, _)| *other == segment);
            let unusable = unusable.map(|(_, unusable)| *unusable).unwrap_or_default();
            self.unusable.retain(|(other, _)| *other != segment);
            self.segments.push(segment);
            self.ask(run, segment, unusable);
        }
    }

    fn ask(&mut self, run: &Run<'_>, segment: Segment, unusable: Unusable) {
        let (vendor, clock, stop_at, mode) = (self.vendor, self.clock, self.stop_at, run.key.mode);
        let position = run.position(segment);
        let request = vendor.source().request(run.key.entity, mode, position, &vendor.paging);
        let probing = self.probing;
        self.requests.push(Box::pin(async move {
            unusable.pause(clock).await;
            let reply = match probing {
                false => vendor.client.ask(mode, &request, stop_at).await,
                true => vendor.client.ask_once(mode, &request, stop_at).await,
            };
            Answer { segment, unusable, reply }
        }));
    }
}
