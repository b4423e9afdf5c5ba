//! The tour that stays up: the account keeps changing, and what changed is fetched.

use std::time::{Duration, Instant};

use super::picture::Picture;
use super::screen::Screen;
use super::senders::Senders;
use super::site::Site;
use super::{NEWS, TourError};

/// Between two pictures.
pub(super) const FRAME: Duration = Duration::from_millis(300);

/// Between two changes to the simulated account.
const CHANGE_EVERY: Duration = Duration::from_secs(2);

/// Between two requests for what has changed. On AWS the rule sends one every 15 minutes.
const FETCH_EVERY: Duration = Duration::from_secs(10);

/// Goes on until the caller stops it.
pub(super) async fn run(site: &Site, screen: &mut Screen) -> Result<(), TourError> {
    site.request(&NEWS).await?;
    let mut picture = Picture::default();
    super::drain(site, "pulling everything; Ctrl-C ends", &mut picture, screen).await?;
    let what = match &site.simulator {
        Some(_) => "up to date; the simulated account keeps changing, and leads and events come in; Ctrl-C ends",
        None => "up to date with your Stripe account; Ctrl-C ends",
    };
    if !screen.is_terminal() {
        picture.chart_again(site).await?;
        for line in picture.chart() {
            screen.say(&line)?;
        }
    }
    let mut senders = Senders::default();
    let (mut changed, mut fetched) = (Instant::now(), Instant::now());
    loop {
        if let Some(simulator) = site.simulator.as_ref().filter(|_| changed.elapsed() >= CHANGE_EVERY) {
            simulator.change(fastrand::u32(1..=5));
            senders.send(site).await?;
            changed = Instant::now();
        }
        if fetched.elapsed() >= FETCH_EVERY {
            site.request(&NEWS).await?;
            fetched = Instant::now();
        }
        picture.refresh(site, what, screen).await?;
        tokio::time::sleep(FRAME).await;
    }
}
