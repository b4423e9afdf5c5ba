//! Whether the HTTP API says what the account's own books say, and whether a second pull changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio_postgres::Client;

use super::TourError;
use super::money::readable;
use super::site::{Site, YEAR_DAYS};
use crate::simulator::Totals as Booked;
use crate::stack::StackError;

/// Gross, refunded, disputed, net, in ISO 4217 minor units.
type Four = [i128; 4];

const COLUMNS: [&str; 4] = ["gross", "refunded", "disputed", "net"];

/// What `GET /metrics/revenue/summary` says of each currency.
pub(super) async fn totals(site: &Site) -> Result<BTreeMap<String, Four>, TourError> {
    let summary = site.revenue("summary", 2 * YEAR_DAYS, "").await?;
    let currencies = summary["byCurrency"].as_object().into_iter().flatten();
    currencies.map(|(currency, sums)| Ok((currency.clone(), four(sums)?))).collect()
}

fn four(sums: &Value) -> Result<Four, TourError> {
    let fields = ["totalRevenueCents", "refundedCents", "disputedCents", "netRevenueCents"];
    let mut four = [0; 4];
    for (amount, field) in four.iter_mut().zip(fields) {
        let text = sums[field].as_str().and_then(|text| text.parse().ok());
        *amount = text.ok_or_else(|| TourError::Wrong(format!("the summary has no {field}: {sums}")))?;
    }
    Ok(four)
}

/// The table of totals, each line compared with the simulator's ledger where there is one.
///
/// # Errors
/// [`TourError::Wrong`] with the table and every difference.
pub(super) async fn compare(site: &Site) -> Result<Vec<String>, TourError> {
    let totals = totals(site).await?;
    let ledger = site.simulator.as_ref().map(|simulator| {
        let booked = |b: Booked| [b.gross, b.refunded, b.disputed, b.net];
        simulator.ledger().into_iter().map(|(currency, totals)| (currency, booked(totals))).collect()
    });
    table(&totals, ledger.as_ref())
}

fn table(totals: &BTreeMap<String, Four>, ledger: Option<&BTreeMap<String, Four>>) -> Result<Vec<String>, TourError> {
    let currencies: BTreeSet<&String> =
        totals.keys().chain(ledger.into_iter().flatten().map(|(code, _)| code)).collect();
    let mut lines =
        vec![String::new(), row("", COLUMNS.map(str::to_owned), if ledger.is_none() { "two years" } else { "" })];
    let mut differences = 0;
    for currency in currencies {
        let shown = |four: Four| four.map(|amount| readable(amount, currency));
        let ours = totals.get(currency).copied().unwrap_or_default();
        let Some(theirs) = ledger.map(|ledger| ledger.get(currency).copied().unwrap_or_default()) else {
            lines.push(row(currency, shown(ours), ""));
            continue;
        };
        lines.push(row(currency, shown(ours), if ours == theirs { "= ledger" } else { "WRONG" }));
        if ours != theirs {
            differences += 1;
            lines.push(row("", shown(theirs), "ledger"));
            let difference = std::array::from_fn(|i| ours.get(i).unwrap_or(&0) - theirs.get(i).unwrap_or(&0));
            lines.push(row("", shown(difference), "difference"));
        }
    }
    lines.push(String::new());
    if differences > 0 {
        return Err(TourError::Wrong(format!("{}\n{differences} currencies differ from the ledger", lines.join("\n"))));
    }
    Ok(lines)
}

fn row(currency: &str, amounts: [String; 4], remark: &str) -> String {
    let amounts: String = amounts.iter().map(|amount| format!(" {amount:>20}")).collect();
    format!("{currency:<4}{amounts}  {remark}").trim_end().to_owned()
}

/// Which version of each payment Postgres holds: a row that was written again has another.
pub(super) struct Versions(BTreeMap<(String, String), String>);

impl Versions {
    pub(super) async fn read(on: &Client) -> Result<Self, TourError> {
        let sql = "select kind, external_id, format('%s %s', xmin, ctid) from payments";
        let rows = on.query(sql, &[]).await.map_err(StackError::from)?;
        Ok(Self(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()))
    }

    /// How many payments there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// # Errors
    /// [`TourError::Wrong`] where a row came, went or was written again.
    pub(super) fn must_equal(&self, later: &Self) -> Result<(), TourError> {
        let keys: BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        let changed: Vec<_> = keys.into_iter().filter(|key| self.0.get(*key) != later.0.get(*key)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let named: Vec<_> = changed.iter().take(5).map(|(kind, id)| format!("{kind} {id}")).collect();
        Err(TourError::Wrong(format!("{} rows changed, such as {}", changed.len(), named.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amounts: Four) -> BTreeMap<String, Four> {
        [("USD".to_owned(), amounts)].into()
    }

    #[test]
    fn a_cent_too_much_is_told_with_its_difference() {
        let told = table(&usd([500, 100, 0, 400]), Some(&usd([499, 100, 0, 399]))).unwrap_err().to_string();
        assert!(told.contains("WRONG") && told.contains("difference") && told.contains("0.01"), "{told}");
        assert!(table(&usd([500, 100, 0, 400]), Some(&usd([500, 100, 0, 400]))).is_ok());
        assert!(table(&usd([1, 0, 0, 1]), Some(&BTreeMap::new())).is_err(), "a currency that nobody booked");
        assert!(table(&BTreeMap::new(), Some(&usd([1, 0, 0, 1]))).is_err(), "a currency that is missing");
    }
}
