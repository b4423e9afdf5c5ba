//! The money of each connection, beside the books of its vendor.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::TourError;
use super::money::readable;
use super::set_up::Tour;
use crate::vendors::{Connection, YEAR_DAYS};

/// Gross, refunded, disputed, net, in ISO 4217 minor units.
type Four = [i128; 4];

/// The [`Four`] of each currency.
pub(super) type Totals = BTreeMap<String, Four>;

const COLUMNS: [&str; 4] = ["gross", "refunded", "disputed", "net"];

/// The sources that have money.
const EARNING: [&str; 2] = ["stripe", "hubspot"];

/// The money of one connection.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) connection: Connection,
    /// The totals of `GET /metrics/revenue/summary`.
    pub(super) ours: Totals,
    /// The simulated vendor's totals; `None` for a real account.
    theirs: Option<Totals>,
}

/// Reads the totals of each currency from `GET /metrics/revenue/summary`. `which` is empty, or
/// chooses a source or a connection.
pub(super) async fn totals(tour: &Tour, which: &str) -> Result<Totals, TourError> {
    let summary = tour.revenue("summary", 2 * YEAR_DAYS, which).await?;
    let currencies = summary["byCurrency"].as_object().into_iter().flatten();
    currencies.map(|(currency, sums)| Ok((currency.clone(), four(sums)?))).collect()
}

fn four(sums: &Value) -> Result<Four, TourError> {
    let fields = ["totalRevenueCents", "refundedCents", "disputedCents", "netRevenueCents"];
    let mut four = [0; 4];
    for (amount, field) in four.iter_mut().zip(fields) {
        let text = sums[field].as_str().and_then(|text| text.parse().ok());
        *amount =
            text.ok_or_else(|| TourError::Wrong(format!("the summary has no {field}: {sums}")))?;
    }
    Ok(four)
}

/// Returns the books of each connection that has money, with the simulated vendor's own.
pub(super) async fn books(tour: &Tour) -> Result<Vec<Books>, TourError> {
    let mut books = Vec::new();
    for connection in &tour.connections {
        if EARNING.contains(&connection.source) {
            let ours = totals(tour, &format!("&connection={}", connection.name)).await?;
            let theirs = tour.vendors.as_ref().map(|vendors| vendors.books(connection.name));
            books.push(Books { connection: *connection, ours, theirs });
        }
    }
    Ok(books)
}

/// Checks that the connections add up to what the summary says of their vendors, and to what it
/// says of all. Returns the differences.
pub(super) async fn not_adding_up(tour: &Tour, books: &[Books]) -> Result<Vec<String>, TourError> {
    let mut wrong = Vec::new();
    for source in EARNING {
        let ours: Vec<&Books> =
            books.iter().filter(|one| one.connection.source == source).collect();
        if ours.is_empty() {
            continue;
        }
        let vendor = totals(tour, &format!("&source={source}")).await?;
        if sum(ours) != vendor {
            wrong.push(format!(
                "the connections of {source} do not add up to what its summary says: {vendor:?}"
            ));
        }
    }
    let all = totals(tour, "").await?;
    if sum(books) != all {
        wrong.push(format!("the connections do not add up to the summary of all: {all:?}"));
    }
    Ok(wrong)
}

fn sum<'b>(books: impl IntoIterator<Item = &'b Books>) -> Totals {
    let mut sum = Totals::new();
    for (currency, four) in books.into_iter().flat_map(|books| &books.ours) {
        let total = sum.entry(currency.clone()).or_default();
        *total = std::array::from_fn(|i| total.get(i).unwrap_or(&0) + four.get(i).unwrap_or(&0));
    }
    sum
}

impl Books {
    fn currencies(&self) -> BTreeSet<&String> {
        self.ours.keys().chain(self.theirs.iter().flatten().map(|(code, _)| code)).collect()
    }

    /// Returns both sides of a currency; the vendor's is `None` for a real account.
    fn sides(&self, currency: &str) -> (Four, Option<Four>) {
        let of = |totals: &Totals| totals.get(currency).copied().unwrap_or_default();
        (of(&self.ours), self.theirs.as_ref().map(of))
    }

    /// Returns the number of currencies that differ from the vendor's books.
    pub(super) fn behind(&self) -> usize {
        let differs =
            |(ours, theirs): (Four, Option<Four>)| theirs.is_some_and(|theirs| theirs != ours);
        self.currencies().into_iter().filter(|currency| differs(self.sides(currency))).count()
    }

    /// Returns the number of currencies that there are on either side.
    pub(super) fn currency_count(&self) -> usize {
        self.currencies().len()
    }

    /// Returns a line for each currency, and the number of currencies that differ.
    pub(super) fn table(&self) -> (Vec<String>, usize) {
        let remark = if self.theirs.is_none() { "two years" } else { "" };
        let mut lines =
            vec![String::new(), row(self.connection.name, COLUMNS.map(str::to_owned), remark)];
        for currency in self.currencies() {
            let shown = |four: Four| four.map(|amount| readable(amount, currency));
            let (ours, theirs) = self.sides(currency);
            let Some(theirs) = theirs else {
                lines.push(row(currency, shown(ours), ""));
                continue;
            };
            let own = if self.connection.source == "stripe" { "ledger" } else { "deals" };
            let equal = format!("= {own}");
            lines.push(row(currency, shown(ours), if ours == theirs { &equal } else { "WRONG" }));
            if ours != theirs {
                lines.push(row("", shown(theirs), own));
                let difference = std::array::from_fn(|i| {
                    ours.get(i).unwrap_or(&0) - theirs.get(i).unwrap_or(&0)
                });
                lines.push(row("", shown(difference), "difference"));
            }
        }
        (lines, self.behind())
    }
}

fn row(currency: &str, amounts: [String; 4], remark: &str) -> String {
    let amounts: String = amounts.iter().map(|amount| format!(" {amount:>20}")).collect();
    format!("{currency:<13}{amounts}  {remark}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amounts: Four) -> Totals {
        [("USD".to_owned(), amounts)].into()
    }

    fn books(ours: Totals, theirs: Totals) -> Books {
        Books { connection: Connection::declared("stripe"), ours, theirs: Some(theirs) }
    }

    #[test]
    fn a_cent_too_much_is_told_with_its_difference() {
        let (lines, behind) = books(usd([500, 100, 0, 400]), usd([499, 100, 0, 399])).table();
        let told = lines.join("\n");
        assert!(
            behind == 1
                && told.contains("WRONG")
                && told.contains("difference")
                && told.contains("0.01"),
            "{told}"
        );
        assert_eq!(books(usd([500, 100, 0, 400]), usd([500, 100, 0, 400])).table().1, 0);
        assert_eq!(
            books(usd([1, 0, 0, 1]), Totals::new()).table().1,
            1,
            "a currency that nobody booked"
        );
        assert_eq!(
            books(Totals::new(), usd([1, 0, 0, 1])).table().1,
            1,
            "a currency that is missing"
        );
    }

    #[test]
    fn the_connections_add_up_by_currency() {
        let eur = [("EUR".to_owned(), [3, 0, 0, 3])].into();
        let connections = [
            books(usd([5, 1, 0, 4]), Totals::new()),
            books(usd([2, 0, 0, 2]), Totals::new()),
            books(eur, Totals::new()),
        ];
        assert_eq!(
            sum(&connections),
            [("EUR".to_owned(), [3, 0, 0, 3]), ("USD".to_owned(), [7, 1, 0, 6])].into()
        );
    }
}
