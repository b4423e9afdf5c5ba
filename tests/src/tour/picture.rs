//! The live picture of the tour.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::TourError;
use super::chart::{Months, chart};
use super::counts::{Counts, Runs};
use super::layout::Part;
use super::money::grouped;
use super::screen::Screen;
use super::set_up::Tour;
use super::truth::Truth;
use super::under_way::UnderWay;
use crate::stack::{Backlog, Depth, Outbox};
use crate::vendors::YEAR_DAYS;

/// The chart sends one HTTP request for each currency, so it is refreshed less often than the
/// picture.
const CHART_EVERY: Duration = Duration::from_secs(2);

/// The state of the picture that is kept between two frames.
#[derive(Default)]
pub(super) struct Picture {
    months: BTreeMap<String, Months>,
    charted: Option<Instant>,
    counts: Counts,
    backlog: Backlog,
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
    fn see(&mut self, processed: i64) {
        let (at, before) = *self.since.get_or_insert((Instant::now(), processed));
        let elapsed = at.elapsed();
        if elapsed >= Duration::from_secs(1) {
            let rows = u128::try_from(processed - before).unwrap_or_default();
            self.rows_a_second = rows * 1_000 / elapsed.as_millis().max(1);
            self.since = Some((Instant::now(), processed));
        }
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
        self.read(tour, screen.is_terminal()).await?;
        self.draw(tour, what, screen)?;
        Ok(self.backlog.clone())
    }

    /// Reads the state. The chart is read for a terminal only.
    pub(super) async fn read(&mut self, tour: &Tour, chart: bool) -> Result<(), TourError> {
        self.backlog = Backlog::look(&tour.stack, &tour.sql()).await?;
        self.counts = Counts::read(&tour.sql()).await?;
        self.rate.see(self.counts.outbox.processed);
        if chart && self.charted.is_none_or(|at| at.elapsed() >= CHART_EVERY) {
            self.chart_again(tour).await?;
        }
        self.under_way.refresh(tour).await?;
        self.truth.refresh(tour).await
    }

    /// Draws the state that was read last.
    pub(super) fn draw(
        &self,
        tour: &Tour,
        what: &str,
        screen: &mut Screen,
    ) -> Result<(), TourError> {
        let short = short(what, &self.counts, &self.backlog)
            + &self.under_way.short()
            + &self.counts.transactions.short()
            + &self.truth.short()
            + &paused_in_short(&self.backlog);
        Ok(screen.draw(self.parts(&tour.links(), what, screen.elapsed()), &short)?)
    }

    /// Returns the backlog that was read last.
    pub(super) const fn backlog(&self) -> &Backlog {
        &self.backlog
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

    /// Returns the parts of the picture. The links come early: lines above them never come and go,
    /// so a line that is being marked with the mouse stays where it is.
    fn parts(&self, links: &[String], what: &str, elapsed: Duration) -> Vec<Part> {
        let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs() % 60);
        let head = format!("\x1b[1mPenstock\x1b[0m  {minutes}:{seconds:02}  {what}");
        let Counts { outbox, runs, .. } = &self.counts;
        let error = runs.last_error.iter().map(|error| format!("\x1b[31m{error}\x1b[0m"));
        let latest = format!("latest    {}", runs.latest.as_deref().unwrap_or("none yet"));
        vec![
            Part::cut(0, vec![head]),
            Part::whole(0, links.to_vec()),
            Part::cut(0, vec![rows(outbox, self.rate.rows_a_second)]),
            Part::cut(1, self.tables()),
            Part::cut(4, self.counts.transactions.line().into_iter().collect()),
            Part::cut(6, vec![queues(&self.backlog)]),
            Part::cut(2, vec![ended(runs)]),
            Part::cut(7, vec![latest]),
            Part::cut(1, paused(&self.backlog)),
            Part::cut(2, error.collect()),
            Part::cut(4, self.under_way.lines()),
            Part::cut(3, self.truth.lines().to_vec()),
            Part::cut(5, self.chart()),
        ]
    }

    fn tables(&self) -> Vec<String> {
        let Counts { payments, contacts, calendar_events, leads, events, transactions, .. } =
            self.counts;
        let pulled = format!(
            "pulled    {} payments   {} contacts   {} calendar events",
            number(payments),
            number(contacts),
            number(calendar_events)
        );
        let pushed = format!(
            "pushed    {} leads   {} product events   {} transactions, {} open",
            number(leads),
            number(events),
            number(transactions.all()),
            number(transactions.open())
        );
        vec![pulled, pushed]
    }
}

fn rows(outbox: &Outbox, a_second: u128) -> String {
    let dead = number(outbox.dead);
    let dead = if outbox.dead > 0 { format!("\x1b[31m{dead}\x1b[0m") } else { dead };
    format!(
        "rows      {} fetched   {} waiting   {} processed   {dead} dead   {a_second}/s",
        number(outbox.fetched),
        number(outbox.waiting),
        number(outbox.processed),
    )
}

fn queues(backlog: &Backlog) -> String {
    format!(
        "queues    {}   {}   {}",
        depth("tickets", backlog.tickets),
        depth("requests", backlog.requests),
        depth("quick ones", backlog.quick)
    )
}

fn ended(runs: &Runs) -> String {
    let Runs { running, succeeded, failed, .. } = runs;
    format!("runs      {running} running   {succeeded} succeeded   {failed} failed")
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
    use crate::tour::layout::{Size, fit};
    use crate::tour::links::links;
    use crate::vendors::Vendors;

    /// The links of a run, with keys as long as they are.
    fn commands() -> Vec<String> {
        let key = |scope: &str| format!("penstock_{scope}_{}.{}", "k".repeat(43), "m".repeat(32));
        let url = "http://127.0.0.1:8787";
        let console = format!("{url}/console/link?token={}", "t".repeat(32));
        links(url, &key("read"), &key("ingest"), &console)
    }

    #[test]
    fn on_80_by_24_an_ordinary_picture_has_a_line_for_each_connection() {
        let truth = Truth::of(&Vendors::CONNECTIONS.map(|connection| connection.name));
        let mut picture = Picture { truth, ..Picture::default() };
        for currency in ["EUR", "GBP", "JPY", "USD"] {
            let days = serde_json::json!({"breakdown": [{"date": "2026-10-01", "netCents": "1"}]});
            picture.months.insert(currency.to_owned(), Months::of_daily(&days));
        }
        let parts = picture.parts(&commands(), "up to date", Duration::from_secs(61));
        let lines = fit(parts, Size { columns: 80, rows: 24 });
        for connection in Vendors::CONNECTIONS {
            let shown = lines.iter().find(|line| line.text.starts_with(connection.name));
            let shown = shown.unwrap_or_else(|| panic!("{}: {lines:#?}", connection.name));
            assert!(shown.text.ends_with("= there"), "{shown:?}");
        }
    }

    /// A picture with everything in it, and more of it than usual.
    fn full() -> Picture {
        let mut picture = Picture::default();
        picture.counts.runs.last_error = Some("e".repeat(300));
        picture.counts.runs.latest = Some("stripe event incremental: 1 new of 2 rows".to_owned());
        picture.backlog.paused = vec!["p".repeat(300)];
        for currency in ["EUR", "GBP", "JPY", "USD"] {
            let days = serde_json::json!({"breakdown": [{"date": "2026-10-01", "netCents": "1"}]});
            picture.months.insert(currency.to_owned(), Months::of_daily(&days));
        }
        picture
    }

    #[test]
    fn on_80_by_24_the_picture_fits_and_its_commands_are_whole() {
        let links = commands();
        let parts = full().parts(&links, &"w".repeat(200), Duration::from_secs(61));
        let lines = fit(parts, Size { columns: 80, rows: 24 });
        let rows: usize = lines.iter().map(|line| line.rows).sum();
        assert!(rows < 24, "{rows} rows: {lines:#?}");
        for link in &links {
            let shown = lines.iter().find(|line| line.text == *link);
            let shown = shown.unwrap_or_else(|| panic!("{link} is not whole: {lines:#?}"));
            assert_eq!(shown.rows, link.len().div_ceil(80));
        }
        for start in ["rows ", "pulled ", "pushed ", "runs ", "paused "] {
            assert!(lines.iter().any(|line| line.text.starts_with(start)), "{start}: {lines:#?}");
        }
        let (head, rest) = lines.split_first().unwrap();
        assert!(head.text.contains("1:01"), "{head:?}");
        assert!(rest.iter().all(|line| !line.text.contains(['│', '┌', '─'])), "{rest:?}");
    }

    #[test]
    fn a_key_stands_on_a_line_of_its_own_and_an_event_and_the_docs_are_among_the_commands() {
        let links = commands();
        assert!(links[0].starts_with("READ=penstock_read_") && !links[0].contains(' '));
        assert!(links[1].starts_with("SEND=penstock_ingest_") && !links[1].contains(' '));
        assert!(links.iter().any(|link| link.starts_with("curl ") && link.ends_with("/events")));
        assert!(links.iter().any(|link| link.ends_with("/docs")));
        let all_fit = links.iter().skip(2).filter(|link| link.len() > 80).count();
        assert!(all_fit <= 1, "{links:#?}");
    }

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
