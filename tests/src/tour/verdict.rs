//! Checks the HTTP API and the tables against the vendors' own books, and that a second pull
//! changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio_postgres::Client;

use super::TourError;
use super::money::{grouped, readable};
use super::set_up::Tour;
use crate::simulators::stripe::Totals as Booked;
use crate::stack::StackError;
use crate::vendors::{Compared, Vendors, YEAR_DAYS};

/// Gross, refunded, disputed, net, in ISO 4217 minor units.
type Four = [i128; 4];

/// The [`Four`] of each currency.
pub(super) type Totals = BTreeMap<String, Four>;

const COLUMNS: [&str; 4] = ["gross", "refunded", "disputed", "net"];

/// The money of one source.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) source: &'static str,
    /// The totals of `GET /metrics/revenue/summary`.
    pub(super) ours: Totals,
    /// The simulated vendor's totals; `None` for a real account.
    theirs: Option<Totals>,
}

/// Reads the totals of each currency from `GET /metrics/revenue/summary`, of all sources or one.
pub(super) async fn totals(tour: &Tour, source: Option<&str>) -> Result<Totals, TourError> {
    let query = source.map_or_else(String::new, |source| format!("&source={source}"));
    let summary = tour.revenue("summary", 2 * YEAR_DAYS, &query).await?;
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

/// Returns the books of each source that has money, with the simulated vendor's own.
pub(super) async fn books(tour: &Tour) -> Result<Vec<Books>, TourError> {
    let mut books = Vec::new();
    for source in ["stripe", "hubspot"].into_iter().filter(|source| tour.sources.contains(source)) {
        let ours = totals(tour, Some(source)).await?;
        books.push(Books {
            source,
            ours,
            theirs: tour.vendors.as_ref().map(|vendors| booked(vendors, source)),
        });
    }
    Ok(books)
}

/// Returns Stripe's ledger or the sum of HubSpot's won deals, which are never refunded.
fn booked(vendors: &Vendors, source: &str) -> Totals {
    if source == "stripe" {
        let four = |b: Booked| [b.gross, b.refunded, b.disputed, b.net];
        return vendors
            .stripe
            .ledger()
            .into_iter()
            .map(|(currency, totals)| (currency, four(totals)))
            .collect();
    }
    vendors.won().into_iter().map(|(currency, won)| (currency, [won, 0, 0, won])).collect()
}

/// Returns the tables of totals, and a line each for contacts, deals and calendar events. Simulated
/// vendors are compared with their own books.
///
/// # Errors
///
/// [`TourError::Wrong`] with the tables and every difference.
pub(super) async fn compare(tour: &Tour) -> Result<Vec<String>, TourError> {
    let (all, books) = (totals(tour, None).await?, books(tour).await?);
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for books in &books {
        let (table, behind) = books.table();
        lines.extend(table);
        wrong.extend(
            (behind > 0)
                .then(|| format!("{behind} currencies differ from {}'s own books", books.source)),
        );
    }
    if sum(&books) != all {
        wrong.push(format!("the sources do not add up to what the summary of all says: {all:?}"));
    }
    lines.push(String::new());
    if let Some(vendors) = &tour.vendors {
        for compared in vendors.compare(&tour.sql()).await? {
            lines.push(objects(&compared));
            wrong.extend(
                (!compared.different.is_empty()).then(|| format!("{} differ", compared.what)),
            );
        }
    }
    if wrong.is_empty() {
        Ok(lines)
    } else {
        Err(TourError::Wrong(format!("{}\n{}", lines.join("\n"), wrong.join("; "))))
    }
}

fn sum(books: &[Books]) -> Totals {
    let mut sum = Totals::new();
    for (currency, four) in books.iter().flat_map(|books| &books.ours) {
        let total = sum.entry(currency.clone()).or_default();
        *total = std::array::from_fn(|i| total.get(i).unwrap_or(&0) + four.get(i).unwrap_or(&0));
    }
    sum
}

fn objects(compared: &Compared) -> String {
    let there = grouped(&compared.there.to_string());
    let named: Vec<&str> = compared.different.iter().take(5).map(String::as_str).collect();
    match compared.different.len() {
        0 => format!("{there} {}, each field as it is there", compared.what),
        n => format!("{there} {}: {n} are WRONG, such as {}", compared.what, named.join(", ")),
    }
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

    /// Returns a line for each currency, and the number of currencies that differ.
    fn table(&self) -> (Vec<String>, usize) {
        let remark = if self.theirs.is_none() { "two years" } else { "" };
        let mut lines = vec![String::new(), row(self.source, COLUMNS.map(str::to_owned), remark)];
        for currency in self.currencies() {
            let shown = |four: Four| four.map(|amount| readable(amount, currency));
            let (ours, theirs) = self.sides(currency);
            let Some(theirs) = theirs else {
                lines.push(row(currency, shown(ours), ""));
                continue;
            };
            let own = if self.source == "stripe" { "ledger" } else { "deals" };
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
    format!("{currency:<8}{amounts}  {remark}").trim_end().to_owned()
}

/// The physical version of each pulled row in Postgres. A row that was written again has another.
pub(super) struct Versions(BTreeMap<(String, String), String>);

impl Versions {
    pub(super) async fn read(on: &Client) -> Result<Self, TourError> {
        let sql = "select source || ' ' || kind, external_id, format('%s %s', xmin, ctid) from payments \
                   union all select source || ' contact', external_id, format('%s %s', xmin, ctid) from contacts \
                   union all select 'calendar event', external_id, format('%s %s', xmin, ctid) from calendar_events";
        let rows = on.query(sql, &[]).await.map_err(StackError::from)?;
        Ok(Self(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()))
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares the versions with later ones.
    ///
    /// # Errors
    ///
    /// [`TourError::Wrong`] if a row was added, removed or written again.
    pub(super) fn must_equal(&self, later: &Self) -> Result<(), TourError> {
        let keys: BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        let changed: Vec<_> =
            keys.into_iter().filter(|key| self.0.get(*key) != later.0.get(*key)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let named: Vec<_> =
            changed.iter().take(5).map(|(kind, id)| format!("{kind} {id}")).collect();
        Err(TourError::Wrong(format!(
            "{} rows changed, such as {}",
            changed.len(),
            named.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amounts: Four) -> Totals {
        [("USD".to_owned(), amounts)].into()
    }

    fn books(ours: Totals, theirs: Totals) -> Books {
        Books { source: "stripe", ours, theirs: Some(theirs) }
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
    fn the_sources_add_up_by_currency() {
        let eur = [("EUR".to_owned(), [3, 0, 0, 3])].into();
        let sources = [
            books(usd([5, 1, 0, 4]), Totals::new()),
            books(usd([2, 0, 0, 2]), Totals::new()),
            books(eur, Totals::new()),
        ];
        assert_eq!(
            sum(&sources),
            [("EUR".to_owned(), [3, 0, 0, 3]), ("USD".to_owned(), [7, 1, 0, 6])].into()
        );
    }

    #[test]
    fn objects_that_differ_are_named() {
        let mut compared = Compared { what: "deals", there: 1_200, different: Vec::new() };
        assert_eq!(objects(&compared), "1,200 deals, each field as it is there");
        compared.different.push("77".to_owned());
        assert_eq!(objects(&compared), "1,200 deals: 1 are WRONG, such as 77");
    }
}
