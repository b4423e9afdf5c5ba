//! The end of the transactions that the tour has posted: each is compared with the third party's
//! own book.

use std::time::Instant;

use super::counts::Transactions;
use super::live::FRAME;
use super::picture::Picture;
use super::screen::Screen;
use super::set_up::Tour;
use super::{PATIENCE, TourError};
use crate::stack::Parties;

/// Waits until every transaction is final and its client was told. Compares each with the third
/// party's own book, and returns the verdict; `None` if the accounts are real.
///
/// # Errors
///
/// [`TourError::Wrong`] with every difference, [`TourError::Stuck`] if nothing changes any more.
pub(super) async fn settle(
    tour: &Tour,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<Option<String>, TourError> {
    let Some(parties) = &tour.parties else { return Ok(None) };
    let (mut last, mut moved) = (Transactions::default(), Instant::now());
    loop {
        tour.call_back().await;
        picture.refresh(tour, "the last transactions", screen).await?;
        let seen = Transactions::read(&tour.sql()).await?;
        if seen.open() + seen.untold == 0 {
            return compare(tour, parties, seen).await.map(Some);
        }
        if seen != last {
            (last, moved) = (seen, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(TourError::Stuck(PATIENCE, format!("{seen:?}")));
        }
        tokio::time::sleep(FRAME).await;
    }
}

async fn compare(tour: &Tour, parties: &Parties, seen: Transactions) -> Result<String, TourError> {
    let posted = parties.posted();
    let mut wrong = Vec::new();
    for id in &posted {
        let told = tour.gateway.get(&format!("/transactions/{id}"), &tour.key).await?;
        wrong.extend(parties.difference(id, told["status"].as_str().unwrap_or_default()));
    }
    if i64::try_from(posted.len()) != Ok(seen.all()) {
        wrong.push(format!("{} transactions were posted, {} are there", posted.len(), seen.all()));
    }
    if !wrong.is_empty() {
        return Err(TourError::Wrong(wrong.join("\n")));
    }
    let Transactions { completed, declined, failed, .. } = seen;
    Ok(format!(
        "{} transactions posted twice: {completed} completed, {declined} declined, {failed} failed, each as the third \
         party's book has it, submitted once in effect, its client told once",
        posted.len()
    ))
}
