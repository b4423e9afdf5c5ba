//! The tour for scripts: every step once, and a verdict.

use super::money::grouped;
use super::picture::{Picture, paused};
use super::screen::Screen;
use super::senders::Senders;
use super::set_up::Tour;
use super::verdict::{self, Versions};
use super::{EVERYTHING, NEWS, TourError, drain};
use crate::vendors::Vendors;

/// Changes of the account between the first pull and the second.
const CHANGES: u32 = 500;

/// Changes of the portal, and equally many of the calendar.
const MORE_CHANGES: usize = 100;

/// Leads, and equally many batches of events, that are pushed.
const PUSHES: u32 = 10;

/// Pulls everything, pulls everything again, and then pulls the changes since.
pub(super) async fn run(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    let mut picture = Picture::default();
    tour.request(NEWS).await?;
    drain(tour, "pulling everything", &mut picture, screen).await?;
    verdict::compare(tour).await?;
    say_first(tour, screen)?;

    pull_again(tour, &mut picture, screen).await?;

    if let Some(vendors) = &tour.vendors {
        change(vendors, tour).await?;
        tour.request(NEWS).await?;
        drain(tour, "700 changes", &mut picture, screen).await?;
    }
    let pushed = push(tour, &mut picture, screen).await?;
    screen.say_above(&pushed)?;
    picture.chart_again(tour).await?;
    let backlog = picture.refresh(tour, "drained", screen).await?;
    screen.keep();
    let chart = if screen.is_terminal() { Vec::new() } else { picture.chart() };
    for line in chart.iter().chain(&verdict::compare(tour).await?).chain(&paused(&backlog)) {
        screen.say(line)?;
    }
    Ok(())
}

/// Changes the vendors' data. The account's and the calendar's changes are pulled. The portal
/// pushes its changes, because a search does not show the last minute.
async fn change(vendors: &Vendors, tour: &Tour) -> Result<(), TourError> {
    vendors.stripe.change(CHANGES);
    // Some changes become visible late. The verdict compares only what is visible, so the clock
    // moves on.
    vendors.stripe.settle();
    vendors.google.with(|calendar| calendar.change(MORE_CHANGES));
    let changes = vendors.hubspot.portal().change(MORE_CHANGES);
    Ok(vendors.push_hubspot(&changes, &tour.gateway).await?)
}

/// Pushes leads and events to the HTTP API, each request twice.
async fn push(
    tour: &Tour,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<String, TourError> {
    let mut senders = Senders::default();
    for _ in 0..PUSHES {
        senders.send(tour).await?;
    }
    drain(tour, "leads and events", picture, screen).await?;
    senders.must_be_there(tour).await
}

/// Prints one line in place of the first tables: the last ones show the same and more.
fn say_first(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    if tour.vendors.is_some() {
        let told =
            "a year, and every total, contact, deal and calendar event is what the vendors have";
        screen.say_above(told)?;
    }
    Ok(())
}

/// Pulls everything a second time. Nothing has changed, so any write is an error.
async fn pull_again(
    tour: &Tour,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<(), TourError> {
    let (totals, before) = (verdict::totals(tour, None).await?, Versions::read(&tour.sql()).await?);
    tour.request(EVERYTHING).await?;
    drain(tour, "pulling everything again", picture, screen).await?;
    before.must_equal(&Versions::read(&tour.sql()).await?)?;
    if verdict::totals(tour, None).await? != totals {
        return Err(TourError::Wrong("the second full pull changed the totals".to_owned()));
    }
    let rows = grouped(&before.len().to_string());
    let told = format!(
        "everything again: none of {rows} payments, contacts and calendar events was written, the totals are the same"
    );
    Ok(screen.say_above(&told)?)
}
