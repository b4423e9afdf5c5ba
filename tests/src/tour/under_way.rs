//! The full runs under way, as the HTTP API reports them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::TourError;
use super::money::grouped;
use super::set_up::Tour;

/// The time between two refreshes. Each reads the list of runs and the progress of one run.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Cells of a progress bar.
const CELLS: u32 = 24;

/// A full run under way.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    id: String,
    what: String,
    pages: i64,
    rows: i64,
    /// The progress in percent; `None` if it is unknown.
    done: Option<u32>,
}

/// The full runs under way.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    looked: Option<Instant>,
    looks: usize,
    runs: Vec<Run>,
}

impl UnderWay {
    /// Reads the runs again if the last refresh is long enough ago.
    pub(super) async fn refresh(&mut self, tour: &Tour) -> Result<(), TourError> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        self.see(&tour.gateway.get("/runs?status=running&limit=50", &tour.key).await?);
        // One run each time, in turn: only a run's own page has its progress.
        self.looks += 1;
        if let Some(run) =
            self.looks.checked_rem(self.runs.len()).and_then(|index| self.runs.get_mut(index))
        {
            run.done = done(&tour.gateway.get(&format!("/runs/{}", run.id), &tour.key).await?);
        }
        Ok(())
    }

    /// Takes over a list of runs, and keeps the known progress of each.
    fn see(&mut self, reply: &Value) {
        let listed =
            reply["runs"].as_array().into_iter().flatten().filter(|run| run["mode"] == "full");
        let runs = listed.map(|run| {
            let text = |field: &str| run[field].as_str().unwrap_or_default();
            let id = text("runId").to_owned();
            let known = self.runs.iter().find(|known| known.id == id).and_then(|known| known.done);
            Run {
                what: format!("{} {}", text("source"), text("entity")),
                pages: run["pages"].as_i64().unwrap_or_default(),
                rows: run["rowsSeen"].as_i64().unwrap_or_default(),
                done: done(run).or(known),
                id,
            }
        });
        let mut runs: Vec<Run> = runs.collect();
        runs.sort_by(|one, other| one.what.cmp(&other.what));
        self.runs = runs;
    }

    /// Returns a line for each run.
    pub(super) fn lines(&self) -> Vec<String> {
        self.runs
            .iter()
            .map(|run| {
                let (pages, rows) =
                    (grouped(&run.pages.to_string()), grouped(&run.rows.to_string()));
                format!(
                    "{:<19} {} {:>5}  {pages} pages, {rows} rows",
                    run.what,
                    bar(run.done),
                    percent(run.done)
                )
            })
            .collect()
    }

    /// Returns the runs in a few words, for output that is not a terminal; empty if there is none.
    pub(super) fn short(&self) -> String {
        let words = |run: &Run| {
            format!(
                "{} {}",
                run.what,
                run.done.map_or(format!("{} rows", run.rows), |_| percent(run.done))
            )
        };
        let runs: Vec<String> = self.runs.iter().map(words).collect();
        if runs.is_empty() { String::new() } else { format!("; full runs: {}", runs.join(", ")) }
    }
}

/// Returns the progress in percent; `None` if it is missing or null.
#[allow(clippy::float_arithmetic, reason = "the length of a bar, not money")]
fn done(run: &Value) -> Option<u32> {
    let done = run["progress"]["done"].as_f64()?;
    (0..=100).rev().find(|percent| f64::from(*percent) <= done * 100.0).or(Some(0))
}

fn percent(done: Option<u32>) -> String {
    done.map_or_else(String::new, |done| format!("{done} %"))
}

/// Draws a bar. It is dotted if the progress is unknown.
fn bar(done: Option<u32>) -> String {
    let cell = |cell: u32| match done {
        None => '·',
        Some(done) if cell * 100 < done * CELLS => '█',
        Some(_) => '░',
    };
    (0..CELLS).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(id: &str, mode: &str, progress: Value) -> Value {
        let mut run = json!({"runId": id, "source": "stripe", "entity": "charge", "mode": mode, "pages": 3, "rowsSeen": 3_000});
        if !progress.is_null() {
            run["progress"] = progress;
        }
        run
    }

    #[test]
    fn a_full_run_under_way_is_a_bar_and_what_cannot_be_told_is_not_made_up() {
        let mut under_way = UnderWay::default();
        under_way.see(&json!({"runs": [run("1", "full", json!({"done": 0.5})), run("2", "incremental", json!(null))]}));
        assert_eq!(
            under_way.lines(),
            [format!(
                "stripe charge       {}{}  50 %  3 pages, 3,000 rows",
                "█".repeat(12),
                "░".repeat(12)
            )]
        );
        for unknown in [
            json!(null),
            json!({"done": null, "reached": null}),
            json!({"estimatedEnd": 5}),
            json!("soon"),
        ] {
            let mut under_way = UnderWay::default();
            under_way.see(&json!({"runs": [run("1", "full", unknown)]}));
            assert_eq!(
                under_way.lines(),
                [format!("stripe charge       {}        3 pages, 3,000 rows", "·".repeat(24))]
            );
            assert_eq!(under_way.short(), "; full runs: stripe charge 3000 rows");
        }
    }

    #[test]
    fn what_a_run_has_told_is_kept_until_it_tells_more() {
        let mut under_way = UnderWay::default();
        under_way.see(&json!({"runs": [run("1", "full", json!({"done": 0.25}))]}));
        under_way.see(&json!({"runs": [run("1", "full", json!(null))]}));
        assert_eq!(under_way.short(), "; full runs: stripe charge 25 %");
        under_way.see(&json!({"runs": []}));
        assert_eq!((under_way.lines(), under_way.short()), (Vec::new(), String::new()));
    }
}
