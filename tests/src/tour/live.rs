//! The tour that keeps running: the vendors' data keeps changing, and Penstock pulls or receives
//! the changes.

use std::time::{Duration, Instant};

use super::picture::Picture;
use super::screen::Screen;
use super::senders::Senders;
use super::set_up::Tour;
use super::{NEWS, TourError};
use crate::vendors::Vendors;

/// The time between two pictures.
pub(super) const FRAME: Duration = Duration::from_millis(300);

/// The time between two rounds of simulated changes.
const CHANGE_EVERY: Duration = Duration::from_secs(2);

/// The time between two requests for changes. On AWS the rule sends one every 15 minutes.
const FETCH_EVERY: Duration = Duration::from_secs(5);

/// Runs until the caller stops it.
pub(super) async fn run(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    tour.request(NEWS).await?;
    let mut picture = Picture::default();
    super::drain(tour, "pulling everything; Ctrl-C ends", &mut picture, screen).await?;
    let what = match &tour.vendors {
        Some(_) => "up to date; account, portal and calendar keep changing, and leads and events come in; Ctrl-C ends"
            .to_owned(),
        None => format!("up to date with your own {}; Ctrl-C ends", tour.sources.join(", ")),
    };
    if !screen.is_terminal() {
        picture.chart_again(tour).await?;
        for line in picture.chart() {
            screen.say(&line)?;
        }
    }
    let mut senders = Senders::default();
    let (mut changed, mut fetched) = (Instant::now(), Instant::now());
    loop {
        if let Some(vendors) = tour.vendors.as_ref().filter(|_| changed.elapsed() >= CHANGE_EVERY) {
            change(vendors, tour).await?;
            senders.send(tour).await?;
            changed = Instant::now();
        }
        if fetched.elapsed() >= FETCH_EVERY {
            tour.request(NEWS).await?;
            fetched = Instant::now();
        }
        picture.refresh(tour, &what, screen).await?;
        tokio::time::sleep(FRAME).await;
    }
}

/// Changes some objects of every vendor. Stripe and HubSpot push their changes. The calendar is
/// pulled, as are all changes that were not pushed.
async fn change(vendors: &Vendors, tour: &Tour) -> Result<(), TourError> {
    let events = vendors.stripe.change(fastrand::u32(1..=5));
    let changes = vendors.hubspot.portal().change(fastrand::usize(1..=3));
    vendors.google.with(|calendar| calendar.change(fastrand::usize(1..=3)));
    vendors.push_stripe(&events, &tour.gateway).await?;
    Ok(vendors.push_hubspot(&changes, &tour.gateway).await?)
}
