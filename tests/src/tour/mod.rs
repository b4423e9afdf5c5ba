//! `make run`: a year of Stripe, HubSpot and Google Calendar through the whole of Penstock, on one machine.
//!
//! Everything is the product's own: the SAM template, the functions' binaries, real queues, the HTTP API.
//! Only the vendors are simulated, unless there is a key.

mod accounts;
mod chart;
mod counts;
mod live;
mod money;
mod once;
mod options;
mod picture;
mod screen;
mod senders;
mod set_up;
mod truth;
mod under_way;
mod verdict;

use std::time::{Duration, Instant};

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::fetch_request::Mode;

use crate::stack::{LocalStack, StackError};
use options::Options;
use picture::Picture;
use screen::Screen;
use set_up::Tour;

/// Why the tour ended early, or badly.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// The stack or what is around it.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The environment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The terminal, or the simulator's port.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Nothing has moved for long.
    #[error("nothing has moved for {0:?}, and there is work left: {1}")]
    Stuck(Duration, String),
    /// The figures are not what they must be.
    #[error("{0}")]
    Wrong(String),
}

/// A backlog that does not change for so long is stuck: `relay` asks again for a run that failed after 180 s,
/// and comes by each minute.
const PATIENCE: Duration = Duration::from_secs(300);

/// Pulls everything.
const EVERYTHING: Mode = Mode::Full;

/// What the rules ask for every 15 minutes. Without a cursor `fetch` asks for full runs by itself.
const NEWS: Mode = Mode::Incremental;

/// The tour: until Ctrl-C, or with `ONCE` until its verdict.
///
/// # Errors
/// [`TourError`]; the functions' last words have been shown then.
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

/// Draws until nothing is left to be done.
async fn drain(
    tour: &Tour,
    what: &str,
    picture: &mut Picture,
    screen: &mut Screen,
) -> Result<(), TourError> {
    let (mut last, mut moved) = (None, Instant::now());
    loop {
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
