//! `make run`: a year of two Stripe accounts, a HubSpot portal and two Google calendars through the
//! whole of Penstock, on one machine.
//!
//! Meanwhile transactions are posted, which a third party decides.
//!
//! Everything is the product's own: the SAM template, the functions' binaries, real queues, the
//! HTTP API. Only the vendors, the third party and its client are simulated, unless the environment
//! has a key.

mod accounts;
mod analytics;
mod books;
mod chart;
mod console;
mod counts;
mod kept;
mod layout;
mod links;
mod live;
mod money;
mod once;
mod options;
mod picture;
mod preview;
mod screen;
mod senders;
mod set_up;
mod transactions;
mod truth;
mod under_way;
mod verdict;
mod versions;

use std::time::{Duration, Instant};

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::fetch_request::Mode;

use crate::stack::{LocalStack, StackError};
use options::Options;
use picture::Picture;
use screen::Screen;
use set_up::Tour;

/// Why the tour ended early, or found a difference.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// The stack failed, or a server that it needs.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A setting is invalid or missing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The terminal or the simulator's port failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The backlog did not change for this time.
    #[error("nothing has moved for {0:?}, and there is work left: {1}")]
    Stuck(Duration, String),
    /// The figures differ from those of the vendors.
    #[error("{0}")]
    Wrong(String),
}

/// The time after which an unchanged backlog is stuck. `relay` requests a failed run again after
/// 180 s, and runs each minute.
const PATIENCE: Duration = Duration::from_secs(300);

/// Pulls everything, whatever was pulled before.
const EVERYTHING: Mode = Mode::Full;

/// The mode that the schedule requests every 15 minutes. Without a cursor `fetch` starts a full run
/// by itself.
const NEWS: Mode = Mode::Incremental;

/// Runs the tour until Ctrl-C or, with `ONCE`, until its verdict.
///
/// # Errors
///
/// [`TourError`], after the last lines of the functions' logs were printed.
pub async fn run(env: &Env) -> Result<(), TourError> {
    let local = LocalStack::from_env(env)?;
    let options = Options::from_env(env)?;
    let mut screen = Screen::new(options.terminal);
    let tour = set_up::set_up(&local, &options, &mut screen).await?;
    let toured = if options.once {
        once::run(&tour, &mut screen).await
    } else {
        live::run(&tour, &mut screen).await
    };
    if toured.is_err() {
        screen.keep();
        screen.say(&format!("\n{}", tour.last_words()))?;
    }
    toured
}

/// Redraws the picture until no work is left.
async fn drain(
    tour: &Tour,
    what: &str,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<(), TourError> {
    let (mut last, mut moved) = (None, Instant::now());
    loop {
        tour.call_back().await;
        let backlog = picture.refresh(tour, what, screen).await?;
        if backlog.is_drained() {
            return Ok(());
        }
        if last.as_ref() != Some(&backlog) {
            (last, moved) = (Some(backlog), Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(TourError::Stuck(PATIENCE, format!("{backlog:?}")));
        }
        tokio::time::sleep(live::FRAME).await;
    }
}
