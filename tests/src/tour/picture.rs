//! The live picture of the tour.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::TourError;
use super::chart::{Months, chart};
use super::counts::Counts;
use super::money::grouped;
use super::screen::Screen;
use super::set_up::Tour;
use super::truth::Truth;
use super::under_way::UnderWay;
use crate::stack::{Backlog, Depth};
use crate::vendors::YEAR_DAYS;

/// The chart sends one HTTP request for each currency, so it is refreshed less often than the
/// picture.
const CHART_EVERY: Duration = Duration::from_secs(2);

/// The state of the picture that is kept between two frames.
#[derive(Default)]
pub(super) struct Picture {
    months: BTreeMap<String, Months>,
    charted: Option<Instant>,
    rate: Rate,
    under_way: UnderWay,
    truth: Truth,
}

/// Rows per second, over the last interval of a second or more.
#[derive(Default)]
struct Rate {
    since: Option<(Instant, i64)>,
    rows_a_second: u128,
}

impl Rate {
    fn see(&mut self, processed: i64) -> u128 {
        let (at, before) = *self.since.get_or_insert((Instant::now(), processed));
        let elapsed = at.elapsed();
        if elapsed >= Duration::from_secs(1) {
            let rows = u128::try_from(processed - before).unwrap_or_default();
            self.rows_a_second = rows * 1_000 / elapsed.as_millis().max(1);
            self.since = Some((Instant::now(), processed));
        }
        self.rows_a_second
    }
}

impl Picture {
    /// Reads the state and draws it. Returns the backlog.
    pub(super) async fn refresh(
        &mut self,
        tour: &Tour,
        what: &str,
        screen: &mut Screen,
    ) -> Result<Backlog, TourError> {
        let backlog = Backlog::look(&tour.stack, &tour.sql).await?;
        let counts = Counts::read(&tour.sql).await?;
        if screen.is_terminal() && self.charted.is_none_or(|at| at.elapsed() >= CHART_EVERY) {
            self.chart_again(tour).await?;
        }
        self.under_way.refresh(tour).await?;
        self.truth.refresh(tour).await?;
        let rate = self.rate.see(counts.outbox.processed);
        let picture = self.lines(tour, what, &counts, &backlog, rate, screen.elapsed());
        let short = short(what, &counts, &backlog)
            + &self.under_way.short()
            + &self.truth.short()
            + &paused_in_short(&backlog);
        screen.draw(&picture, &short)?;
        Ok(backlog)
    }

    /// Reads the chart's figures again from the HTTP API.
    pub(super) async fn chart_again(&mut self, tour: &Tour) -> Result<(), TourError> {
        let summary = tour.revenue("summary", YEAR_DAYS, "").await?;
        let currencies = summary["byCurrency"].as_object().into_iter().flatten();
        for (currency, _) in currencies {
            let daily = tour.revenue("daily", YEAR_DAYS, &format!("&currency={currency}")).await?;
            self.months.insert(currency.clone(), Months::of_daily(&daily));
        }
        self.charted = Some(Instant::now());
        Ok(())
    }

    /// Returns the lines of the chart.
    pub(super) fn chart(&self) -> Vec<String> {
        chart(&self.months)
    }

    fn lines(
        &self,
        tour: &Tour,
        what: &str,
        counts: &Counts,
        backlog: &Backlog,
        rate: u128,
        elapsed: Duration,
    ) -> Vec<String> {
        let (outbox, runs) = (&counts.outbox, &counts.runs);
        let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs() % 60);
        let bold = |text: &str| format!("\x1b[1m{text}\x1b[0m");
        let dead = if outbox.dead > 0 {
            format!("\x1b[31m{}\x1b[0m", number(outbox.dead))
        } else {
            "0".to_owned()
        };
        let mut lines = vec![
            String::new(),
            format!("{}  {minutes}:{seconds:02}  {what}", bold("Penstock")),
            String::new(),
            format!(
                "rows      {} fetched   {} waiting   {} processed   {dead} dead   {rate}/s",
                number(outbox.fetched),
                number(outbox.waiting),
                number(outbox.processed),
            ),
            format!(
                "pulled    {} payments   {} contacts   {} calendar events",
                number(counts.payments),
                number(counts.contacts),
                number(counts.calendar_events)
            ),
            format!(
                "pushed    {} leads   {} product events",
                number(counts.leads),
                number(counts.events)
            ),
            format!(
                "queues    {}   {}   {}",
                depth("tickets", backlog.tickets),
                depth("requests", backlog.requests),
                depth("quick ones", backlog.quick)
            ),
            format!(
                "runs      {} running   {} succeeded   {} failed",
                runs.running, runs.succeeded, runs.failed
            ),
            format!("          latest: {}", runs.latest.as_deref().unwrap_or("none yet")),
            String::new(),
        ];
        lines.extend(paused(backlog));
        lines.extend(
            runs.last_error.iter().map(|error| format!("\x1b[31m          {error}\x1b[0m")),
        );
        for part in [self.under_way.lines(), self.truth.lines().to_vec()] {
            let gap = (!part.is_empty()).then(String::new);
            lines.extend(part.into_iter().map(|line| format!("          {line}")).chain(gap));
        }
        lines.extend(self.chart());
        lines.extend(links(tour));
        lines
    }
}

/// Returns the URLs and commands for further reading.
fn links(tour: &Tour) -> Vec<String> {
    let (url, key) = (tour.gateway.url(), &tour.key);
    let mut lines = vec![
        String::new(),
        format!("open      {url}/healthz   {url}/readyz"),
        format!("with key  KEY={key}"),
        format!("          curl -H \"x-api-key: $KEY\" {url}/metrics/revenue/summary"),
        format!(
            "          curl -H \"x-api-key: $KEY\" \"{url}/metrics/revenue/weekly?currency=EUR\""
        ),
        format!("          curl -H \"x-api-key: $KEY\" {url}/runs"),
        format!("          curl -H \"x-api-key: $KEY\" \"{url}/users/user-0/journey?limit=3\""),
        format!("to send   KEY={}", tour.ingest_key),
        format!(
            "          curl -H \"x-api-key: $KEY\" -d '{{\"email\":\"you@example.com\"}}' {url}/leads"
        ),
    ];
    if tour.vendors.is_some() {
        lines.push(
            "your own  keys that may read in .env (.env.example names them), and make run again"
                .to_owned(),
        );
    }
    lines
}

/// Returns a line for each pull that a vendor refuses. The others go on.
pub(super) fn paused(backlog: &Backlog) -> Vec<String> {
    let line = |why: &String| format!("paused    {why}; tried again by itself");
    backlog.paused.iter().map(line).collect()
}

/// Returns the pulls that are paused in a few words; empty if there is none.
fn paused_in_short(backlog: &Backlog) -> String {
    match backlog.paused.as_slice() {
        [] => String::new(),
        paused => format!("; paused: {}", paused.join(", ")),
    }
}

fn short(what: &str, counts: &Counts, backlog: &Backlog) -> String {
    let (outbox, runs) = (&counts.outbox, &counts.runs);
    format!(
        "{what}: {} fetched, {} waiting, {} processed, {} dead; {} runs under way, {} done; {} tickets",
        number(outbox.fetched),
        number(outbox.waiting),
        number(outbox.processed),
        number(outbox.dead),
        runs.running,
        runs.succeeded,
        backlog.tickets.waiting + backlog.tickets.in_flight,
    )
}

fn depth(name: &str, depth: Depth) -> String {
    format!("{} {name} ({} in work)", depth.waiting + depth.in_flight, depth.in_flight)
}

fn number(count: i64) -> String {
    grouped(&count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_that_is_paused_is_shown_and_is_no_work_that_is_left() {
        let why = "gcal event (full): gcal answers 404: notFound: Not Found".to_owned();
        let backlog = Backlog { paused: vec![why], ..Backlog::default() };
        assert!(backlog.is_drained(), "the tour goes on");
        let line = "paused    gcal event (full): gcal answers 404: notFound: Not Found; tried again by itself";
        assert_eq!(paused(&backlog), [line]);
        assert!(paused_in_short(&backlog).starts_with("; paused: gcal event (full)"));
        assert_eq!(paused_in_short(&Backlog::default()), "");
    }
}
