//! Draws revenue by month and currency as small bars.

use std::collections::BTreeMap;

use serde_json::Value;

use super::money::readable;

/// Months in the chart, the present one included.
const MONTHS: usize = 12;

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const NAMES: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Net revenue of one currency by month (`YYYY-MM`), in minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Months(BTreeMap<String, i128>);

impl Months {
    /// Adds up the days of a reply of `GET /metrics/revenue/daily`.
    pub(super) fn of_daily(reply: &Value) -> Self {
        let mut months = BTreeMap::new();
        for day in reply["breakdown"].as_array().into_iter().flatten() {
            let month = day["date"].as_str().and_then(|date| date.get(..7)).unwrap_or_default();
            let net = day["netCents"]
                .as_str()
                .and_then(|text| text.parse::<i128>().ok())
                .unwrap_or_default();
            *months.entry(month.to_owned()).or_default() += net;
        }
        Self(months)
    }

    fn total(&self) -> i128 {
        self.0.values().sum()
    }
}

/// Returns the names of the last months, and below them a row of bars for each currency. Each row
/// has a scale of its own, and its total at the end.
pub(super) fn chart(by_currency: &BTreeMap<String, Months>) -> Vec<String> {
    let Some(longest) = by_currency.values().max_by_key(|months| months.0.len()) else {
        return Vec::new();
    };
    let all: Vec<&String> = longest.0.keys().collect();
    let shown = all.get(all.len().saturating_sub(MONTHS)..).unwrap_or_default();
    let name = |month: &&&String| {
        let number = month.get(5..7).and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(1);
        NAMES.get(number.saturating_sub(1)).copied().unwrap_or("?")
    };
    let names = shown.iter().map(|month| format!("{:<4}", name(&month))).collect::<String>();
    let mut lines = vec![format!("     {names} {:>21}", "net of the year")];
    for (currency, months) in by_currency {
        let net = |month: &&String| months.0.get(*month).copied().unwrap_or_default().max(0);
        let most = shown.iter().map(net).max().unwrap_or_default();
        let bars: String = shown.iter().map(|month| bar(net(month), most)).collect();
        lines.push(format!("{currency:<4} {bars} {:>21}", readable(months.total(), currency)));
    }
    lines
}

/// Draws a bar three characters wide and eight steps high. Every amount above 0 gets at least one
/// step.
fn bar(amount: i128, most: i128) -> String {
    let step = if most == 0 { 0 } else { (amount * 8 + most - 1) / most };
    let glyph = usize::try_from(step).ok().and_then(|step| BARS.get(step)).copied().unwrap_or('?');
    format!("{}{}{} ", glyph, glyph, glyph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_months_and_months_become_bars() {
        let day = |date: &str, net: &str| serde_json::json!({"date": date, "netCents": net});
        let days = [
            day("2026-10-01", "100"),
            day("2026-10-31", "-50"),
            day("2026-11-01", "400"),
            day("2026-12-24", "1"),
        ];
        let months = Months::of_daily(&serde_json::json!({ "breakdown": days }));
        assert_eq!(
            chart(&[("USD".to_owned(), months)].into()),
            ["     Oct Nov Dec        net of the year", "USD  ▁▁▁ ███ ▁▁▁                   4.51"],
        );
    }
}
