//! The tour for scripts: everything once, and a verdict.

use super::picture::Picture;
use super::screen::Screen;
use super::senders::Senders;
use super::site::Site;
use super::verdict::{self, Versions};
use super::{EVERYTHING, NEWS, TourError, drain};

/// Things that happen to the account between the first pull and the second.
const CHANGES: u32 = 500;

/// Leads, and batches of events, that are pushed.
const PUSHES: u32 = 10;

/// Pulls everything, everything again, and then what has changed since.
pub(super) async fn run(site: &Site, screen: &mut Screen) -> Result<(), TourError> {
    let mut picture = Picture::default();
    site.request(&NEWS).await?;
    drain(site, "pulling everything", &mut picture, screen).await?;
    say_first(site, screen, &verdict::compare(site).await?)?;

    pull_again(site, &mut picture, screen).await?;

    if let Some(simulator) = &site.simulator {
        simulator.change(CHANGES);
        // Some of it becomes visible late; what is compared below is what there is to be seen.
        simulator.settle();
        site.request(&NEWS).await?;
        drain(site, "pulling 500 changes", &mut picture, screen).await?;
    }
    let pushed = push(site, &mut picture, screen).await?;
    screen.say_above(&pushed)?;
    picture.chart_again(site).await?;
    picture.refresh(site, "drained", screen).await?;
    screen.keep();
    let chart = if screen.is_terminal() { Vec::new() } else { picture.chart() };
    for line in chart.iter().chain(&verdict::compare(site).await?) {
        screen.say(line)?;
    }
    Ok(())
}

/// Leads and events at the front door, each request sent twice.
async fn push(site: &Site, picture: &mut Picture, screen: &mut Screen) -> Result<String, TourError> {
    let mut senders = Senders::default();
    for _ in 0..PUSHES {
        senders.send(site).await?;
    }
    drain(site, "leads and events", picture, screen).await?;
    senders.must_be_there(site).await
}

/// The first table is not shown where it agrees: the last one says the same and more.
fn say_first(site: &Site, screen: &mut Screen, table: &[String]) -> Result<(), TourError> {
    if site.simulator.is_some() {
        let currencies = table.len() - 3;
        screen.say_above(&format!("a year, and every total equals the ledger, in {currencies} currencies"))?;
    }
    Ok(())
}

/// A full pull with nothing new to be found: whatever it writes is one write too many.
async fn pull_again(site: &Site, picture: &mut Picture, screen: &mut Screen) -> Result<(), TourError> {
    let (totals, before) = (verdict::totals(site).await?, Versions::read(&site.sql).await?);
    site.request(&EVERYTHING).await?;
    drain(site, "pulling everything again", picture, screen).await?;
    before.must_equal(&Versions::read(&site.sql).await?)?;
    if verdict::totals(site).await? != totals {
        return Err(TourError::Wrong("the second full pull changed the totals".to_owned()));
    }
    let rows = before.len();
    let told = format!("everything again: none of {rows} payments was written, the totals are the same");
    Ok(screen.say_above(&told)?)
}
