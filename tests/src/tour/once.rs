//! The tour for scripts: everything once, and a verdict.

use super::picture::Picture;
use super::screen::Screen;
use super::site::Site;
use super::verdict::{self, Versions};
use super::{EVERYTHING, NEWS, TourError, drain};

/// Things that happen to the account between the first pull and the second.
const CHANGES: u32 = 500;

/// Pulls everything, then what has changed, then everything again.
pub(super) async fn run(site: &Site, screen: &mut Screen) -> Result<(), TourError> {
    let mut picture = Picture::default();
    site.request(&NEWS).await?;
    drain(site, "pulling everything", &mut picture, screen).await?;
    if let Some(simulator) = &site.simulator {
        simulator.change(CHANGES);
        // Some of it becomes visible late; what is compared below is what there is to be seen.
        simulator.settle();
        site.request(&NEWS).await?;
        drain(site, "pulling 500 changes", &mut picture, screen).await?;
    }
    picture.chart_again(site).await?;
    let chart = picture.chart();
    picture.refresh(site, "drained", screen).await?;
    if !screen.is_terminal() {
        for line in chart {
            screen.say(&line)?;
        }
    }
    screen.keep();
    let totals = verdict::totals(site).await?;
    for line in verdict::compare(&totals, site)? {
        screen.say(&line)?;
    }

    let before = Versions::read(&site.sql).await?;
    let step = screen.step("once more: everything pulled again")?;
    screen.done(step, "asked for")?;
    site.request(&EVERYTHING).await?;
    drain(site, "pulling everything again", &mut picture, screen).await?;
    screen.keep();
    before.must_equal(&Versions::read(&site.sql).await?)?;
    if verdict::totals(site).await? != totals {
        return Err(TourError::Wrong("the second full pull changed the totals".to_owned()));
    }
    let elapsed = screen.elapsed().as_secs_f64();
    let same = format!("{elapsed:5.1} s  no row of payments changed ({} rows), the totals are the same", before.len());
    Ok(screen.say(&same)?)
}
