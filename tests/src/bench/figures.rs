//! The figures by name, as a table and as a JSON file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The measured values, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(BTreeMap<String, f64>);

/// The target of a figure.
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "drain_ratio_1" | "drain_ratio_2" | "drain_ratio_4" => Self::AtLeast(0.7),
            "drain_speedup_4" => Self::AtLeast(1.5),
            "soak_last_to_first_ratio" => Self::AtLeast(0.9),
            "backfill_ratio" | "backfill_wait_ratio_4_at_once" | "archive_ratio" => {
                Self::AtLeast(0.5)
            }
            "archive_peak_mb" => Self::AtMost(256.0),
            "metrics_daily_speedup_1m_utc" | "metrics_daily_speedup_1m_business" => {
                Self::AtLeast(50.0)
            }
            "metrics_daily_speedup_1m_other" => Self::AtLeast(10.0),
            "gateway_req_s_32" => Self::AtLeast(2_000.0),
            "events_batch_ratio" => Self::AtLeast(0.5),
            "transact_p99_ms" => Self::AtMost(20.0),
            _ if name.ends_with("_p50_ratio") => Self::AtMost(1.5),
            _ if (name.starts_with("journey_") || name.starts_with("failed_"))
                && name.ends_with("growth_10k_1m") =>
            {
                Self::AtMost(1.5)
            }
            _ if name.starts_with("metrics_") && name.contains("_growth_100k_1m") => {
                Self::AtMost(1.5)
            }
            "console_slowest_first_paint_p95_ms" => Self::AtMost(300.0),
            _ if name.starts_with("console_") && name.ends_with("_p95_ms") => Self::AtMost(150.0),
            _ if name.starts_with("init_ms_") => Self::AtMost(15.0),
            _ if name.starts_with("rss_mb_") => Self::AtMost(20.0),
            _ if name.starts_with("zip_mb_") => Self::AtMost(5.0),
            _ => return None,
        })
    }

    /// Returns the target, and whether the value meets it.
    fn verdict(&self, value: f64) -> String {
        let (sign, aim, met) = match *self {
            Self::AtLeast(aim) => (">=", aim, value >= aim),
            Self::AtMost(aim) => ("<=", aim, value <= aim),
        };
        format!("{sign} {aim:<5} {}", if met { "met" } else { "MISSED" })
    }
}

impl Figures {
    /// Adds a figure, rounded to three digits after the point.
    pub fn note(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), (value * 1000.0).round() / 1000.0);
    }

    /// Returns the figure with a name; `None` if it was not measured.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Reads the figures of an earlier run; empty if there is no file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        Self(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Writes the figures as one flat JSON object.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(&self.0)? + "\n")
    }

    /// Returns a line for each figure, with its target if it has one.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.0.keys().map(String::len).max().unwrap_or(0);
        let line = |(name, value): (&String, &f64)| {
            let aim =
                Aim::of(name).map(|aim| format!("   {}", aim.verdict(*value))).unwrap_or_default();
            format!("{name:width$}  {value:>12}{aim}\n")
        };
        self.0.iter().map(line).collect()
    }
}

/// Returns the middle value. For an even number of values, it returns the mean of the middle two.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Returns the smallest value that is not below `percent` percent of the values.
pub(super) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Converts a duration to milliseconds.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns `count` per second.
pub(super) fn per_second(count: usize, duration: Duration) -> f64 {
    f64::from(u32::try_from(count).expect("a count of rows")) / duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert!((percentile(&values, 99) - 198.0).abs() < 1e-9);
        assert!((percentile(&values, 50) - 100.0).abs() < 1e-9);
        assert!((percentile(&[7.0], 99) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn the_table_says_which_aims_are_met() {
        let mut figures = Figures::default();
        figures.note("drain_ratio_1", 0.71234);
        figures.note("init_ms_fetch", 16.0);
        figures.note("drain_rows_s_1", 9000.0);
        let table = figures.table();
        assert_eq!(
            table.lines().map(str::trim_end).collect::<Vec<_>>(),
            [
                "drain_ratio_1          0.712   >= 0.7   met",
                "drain_rows_s_1          9000",
                "init_ms_fetch             16   <= 15    MISSED",
            ]
        );
    }
}
