//! The tour that keeps running: the vendors' data keeps changing, and Penstock pulls or receives
//! the changes.
//!
//! It ends by Ctrl-C only. If Postgres, a vendor or a function fails or hangs, the picture says so,
//! and the tour tries again: the HTTP API has to stay for whoever looks at what happens then.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::picture::Picture;
use super::preview;
use super::screen::Screen;
use super::senders::Senders;
use super::set_up::{Tour, begin};
use super::{NEWS, PATIENCE, TourError};
use crate::stack::Backlog;
use crate::vendors::Vendors;

/// The time between two pictures.
pub(super) const FRAME: Duration = Duration::from_millis(300);

/// The time between two rounds of simulated changes.
const CHANGE_EVERY: Duration = Duration::from_secs(2);

/// The time between two requests for changes. On AWS the rule sends one every 15 minutes.
const FETCH_EVERY: Duration = Duration::from_secs(5);

/// The time after which a step is given up. The next one comes soon.
const STEP: Duration = Duration::from_secs(5);

/// How far the tour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first pulls are under way.
    Pulling,
    /// Everything was pulled once.
    UpToDate,
}

/// The state that the two halves of the tour share.
struct State {
    phase: Cell<Phase>,
    /// The reason why the last step of the world failed.
    trouble: RefCell<Option<String>>,
}

/// Runs until the caller stops it.
///
/// # Errors
///
/// [`TourError`] if the first pulls cannot be requested, [`TourError::Io`] if the picture cannot be
/// drawn.
pub(super) async fn run(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    begin(tour, screen).await?;
    let state = State { phase: Cell::new(Phase::Pulling), trouble: RefCell::default() };
    tokio::select! {
        never = world(tour, &state) => match never {},
        ended = watch(tour, screen, &state) => ended,
    }
}

/// Delivers the third party's call-backs. Once everything was pulled, it requests pulls, changes
/// what the vendors have, and posts transactions.
async fn world(tour: &Tour, state: &State) -> Infallible {
    let mut senders = Senders::default();
    let (mut fetched, mut changed) = (None::<Instant>, None::<Instant>);
    let is_due = |last: Option<Instant>, every| last.is_none_or(|at| at.elapsed() >= every);
    loop {
        // What is cut off by the time limit is not called back, as at some third parties.
        tokio::time::timeout(STEP, tour.call_back()).await.unwrap_or_default();
        let phase = state.phase.get();
        if phase == Phase::UpToDate && is_due(fetched, FETCH_EVERY) {
            let failed = in_time(tour.request(NEWS)).await;
            fetched = Some(Instant::now());
            state.trouble.replace(failed);
        }
        let vendors = tour.vendors.as_ref().filter(|_| phase == Phase::UpToDate);
        if let Some(vendors) = vendors.filter(|_| is_due(changed, CHANGE_EVERY)) {
            let step = async {
                change(vendors, tour).await?;
                senders.send(tour).await?;
                Ok(tour.post_transactions(fastrand::usize(1..=3)).await?)
            };
            let failed = in_time(step).await;
            changed = Some(Instant::now());
            state.trouble.replace(failed);
        }
        tokio::time::sleep(FRAME).await;
    }
}

/// Reads the state and draws it, again and again. What cannot be read is drawn as it was last.
async fn watch(tour: &Tour, screen: &mut Screen, state: &State) -> Result<(), TourError> {
    let (mut picture, mut progress) = (Picture::default(), Progress::default());
    loop {
        let before = state.phase.get();
        let step = async {
            tour.reconnect().await?;
            picture.read(tour, screen.is_terminal()).await
        };
        let blind = in_time(step).await;
        progress.see(picture.backlog());
        let drained = blind.is_none() && picture.backlog().is_drained();
        if drained && before == Phase::Pulling {
            state.phase.set(Phase::UpToDate);
            let preview = tokio::time::timeout(STEP, preview::write(tour)).await;
            let preview = preview.map(|it| it.unwrap_or_else(|e| format!("digest: {e}")));
            screen.say_above(&preview.unwrap_or_else(|_| "digest: no answer".to_owned()))?;
            introduce(tour, &mut picture, screen).await?;
        }
        let failed = blind.or_else(|| state.trouble.borrow().clone());
        let stuck = || progress.stuck().filter(|_| before == Phase::Pulling);
        let what = match failed.or_else(stuck) {
            Some(failed) => format!("trying again; Ctrl-C ends: {failed}"),
            None => what(tour, state.phase.get()),
        };
        picture.draw(tour, &what, screen)?;
        tokio::time::sleep(FRAME).await;
    }
}

/// The backlog's last change.
#[derive(Default)]
struct Progress(Option<(Backlog, Instant)>);

impl Progress {
    fn see(&mut self, backlog: &Backlog) {
        if self.0.as_ref().is_none_or(|(last, _)| last != backlog) {
            self.0 = Some((backlog.clone(), Instant::now()));
        }
    }

    /// Returns a sentence if nothing has changed for too long.
    fn stuck(&self) -> Option<String> {
        let (backlog, _) = self.0.as_ref().filter(|(_, at)| at.elapsed() > PATIENCE)?;
        Some(TourError::Stuck(PATIENCE, format!("{backlog:?}")).to_string())
    }
}

/// Runs a step. Returns the reason if it fails or takes too long.
async fn in_time(step: impl Future<Output = Result<(), TourError>>) -> Option<String> {
    match tokio::time::timeout(STEP, step).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer for {} s", STEP.as_secs())),
    }
}

/// Prints, if stdout is not a terminal, what the picture would show from now on.
async fn introduce(
    tour: &Tour,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<(), TourError> {
    if screen.is_terminal() {
        return Ok(());
    }
    // Without it the chart is empty, and the next lines say why.
    in_time(picture.chart_again(tour)).await;
    for line in picture.chart().iter().chain(&tour.links()) {
        screen.say(line)?;
    }
    Ok(())
}

fn what(tour: &Tour, phase: Phase) -> String {
    match &tour.vendors {
        _ if phase != Phase::UpToDate => "pulling everything; Ctrl-C ends".to_owned(),
        Some(_) => "up to date, and all five accounts keep changing; Ctrl-C ends".to_owned(),
        None => {
            let own: Vec<&str> = tour.connections.iter().map(|one| one.name).collect();
            format!("up to date with your own {}; Ctrl-C ends", own.join(", "))
        }
    }
}

/// Changes some objects of every account. Both Stripe accounts and the portal push their changes.
/// The calendars are pulled, as are all changes that were not pushed.
async fn change(vendors: &Vendors, tour: &Tour) -> Result<(), TourError> {
    for one in &vendors.calendars {
        one.simulator.with(|calendar| calendar.change(fastrand::usize(1..=3)));
    }
    let changes = vendors.hubspot.portal().change(fastrand::usize(1..=3));
    for account in &vendors.stripe {
        let events = account.simulator.change(fastrand::u32(1..=5));
        account.push(&events, &tour.gateway).await?;
    }
    Ok(vendors.push_hubspot(&changes, &tour.gateway).await?)
}
