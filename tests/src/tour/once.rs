//! The tour for scripts: every step once, and a verdict.

use super::money::grouped;
use super::picture::{Picture, paused};
use super::preview;
use super::screen::Screen;
use super::senders::Senders;
use super::set_up::{Tour, begin};
use super::verdict;
use super::versions::Versions;
use super::{EVERYTHING, NEWS, TourError, analytics, books, console, drain, transactions};
use crate::vendors::Vendors;

/// Changes of the first Stripe account between the first pull and the second.
const CHANGES: u32 = 500;

/// Changes of the second account, and equally many of the portal and of each calendar.
const MORE_CHANGES: u8 = 100;

/// Leads, and equally many batches of events and pairs of transactions, that are pushed.
const PUSHES: u32 = 10;

/// Pulls everything, pulls everything again, and then pulls the changes since.
pub(super) async fn run(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    let mut picture = Picture::default();
    begin(tour, screen).await?;
    drain(tour, "pulling everything", &mut picture, screen).await?;
    verdict::compare(tour).await?;
    say_first(tour, screen)?;

    pull_again(tour, &mut picture, screen).await?;

    if let Some(vendors) = &tour.vendors {
        change(vendors, tour).await?;
        tour.request(NEWS).await?;
        drain(tour, "900 changes", &mut picture, screen).await?;
    }
    let pushed = push(tour, &mut picture, screen).await?;
    screen.say_above(&pushed)?;
    if let Some(decided) = transactions::settle(tour, &mut picture, screen).await? {
        screen.say_above(&decided)?;
    }
    picture.chart_again(tour).await?;
    let backlog = picture.refresh(tour, "drained", screen).await?;
    screen.keep();
    let chart = if screen.is_terminal() { Vec::new() } else { picture.chart() };
    for line in chart.iter().chain(&verdict::compare(tour).await?).chain(&paused(&backlog)) {
        screen.say(line)?;
    }
    screen.say(&preview::write(tour).await?)?;
    screen.say(&console::read_pages(tour).await?)?;
    for line in analytics::ask(tour).await? {
        screen.say(&line)?;
    }
    Ok(())
}

/// Changes the data of each account. The changes of the first Stripe account and of the calendars
/// are pulled. The second Stripe account pushes its own, and so does the portal, because a search
/// does not show the last minute.
async fn change(vendors: &Vendors, tour: &Tour) -> Result<(), TourError> {
    let [first, second] = &vendors.stripe;
    first.simulator.change(CHANGES);
    let events = second.simulator.change(MORE_CHANGES.into());
    // Some changes become visible late. The verdict compares only what is visible, so the clock
    // moves on.
    for account in &vendors.stripe {
        account.simulator.settle();
    }
    for one in &vendors.calendars {
        one.simulator.with(|calendar| calendar.change(MORE_CHANGES.into()));
    }
    let changes = vendors.hubspot.portal().change(MORE_CHANGES.into());
    second.push(&events, &tour.gateway).await?;
    Ok(vendors.push_hubspot(&changes, &tour.gateway).await?)
}

/// Pushes leads, events and transactions to the HTTP API, each request twice.
async fn push(
    tour: &Tour,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<String, TourError> {
    let mut senders = Senders::default();
    for _ in 0..PUSHES {
        senders.send(tour).await?;
        tour.post_transactions(2).await?;
    }
    drain(tour, "leads and events", picture, screen).await?;
    senders.must_be_there(tour).await
}

/// Prints one line in place of the first tables: the last ones show the same and more.
fn say_first(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    if tour.vendors.is_some() {
        let told =
            "a year of five accounts, and every total and every object is what the vendors have";
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
    let (totals, before) = (books::totals(tour, "").await?, Versions::read(&tour.sql()).await?);
    tour.request(EVERYTHING).await?;
    drain(tour, "pulling everything again", picture, screen).await?;
    before.must_equal(&Versions::read(&tour.sql()).await?)?;
    if books::totals(tour, "").await? != totals {
        return Err(TourError::Wrong("the second full pull changed the totals".to_owned()));
    }
    let rows = grouped(&before.len().to_string());
    let told = format!(
        "everything again: none of {rows} payments, contacts and calendar events was written, the totals are the same"
    );
    Ok(screen.say_above(&told)?)
}
