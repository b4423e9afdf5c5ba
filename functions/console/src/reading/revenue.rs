//! `/console/revenue`: by day, week or month, as a chart and a table of the same numbers.
//!
//! The numbers come from the same reading as `/metrics/revenue/*`.

mod asked;
mod flags;

use askama::Template;
use jiff::civil::Date;
use penstock_domain::revenue::{ByCurrency, Period, Revenue, Sums};
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_store::console::reconciled;
use penstock_store::revenue;

use crate::chart::{Bars, Series};
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::Address;
use crate::visitor::Visitor;
use crate::{Ports, csv as table};
use asked::{By, Question};
use flags::{Flag, Flags};

/// The most days, weeks or months on a page; the newest of them. The table has all of them.
const MOST: usize = 62;

#[derive(Template)]
#[template(path = "reading/revenue.html")]
struct RevenuePage {
    shell: Shell,
    question: Question,
    words: [By; 3],
    csv: String,
    revenue: Part<Shown>,
    compared: Part<Vec<(Markup, Markup)>>,
    is_one: bool,
}

struct Shown {
    /// The route of the API that has the same numbers.
    api: Option<String>,
    summary: String,
    totals: Vec<Total>,
    chart: Markup,
    rows: Vec<Row>,
    /// How many earlier rows the table leaves out.
    left_out: usize,
}

/// The money of the whole range in one currency.
struct Total {
    currency: Markup,
    cells: [Markup; 4],
    count: Markup,
}

struct Row {
    date: Date,
    place: usize,
    cells: [Markup; 4],
    count: Markup,
    flag: Flag,
}

/// An amount: the name of its column, its name in the API, the class that colours it, and itself.
type Amount = (&'static str, &'static str, &'static str, fn(&Sums) -> i128);

const AMOUNTS: [Amount; 4] = [
    ("Gross", "amountCents", "gross", |sums| sums.collected),
    ("Refunded", "refundedCents", "refunded", |sums| sums.refunded),
    ("Disputed", "disputedCents", "disputed", |sums| sums.disputed),
    ("Net", "netCents", "net", Sums::net),
];

/// The names of the same amounts in the totals of the API.
const TOTALS: [&str; 4] =
    ["totalRevenueCents", "refundedCents", "disputedCents", "netRevenueCents"];

/// `GET /console/revenue`: `by`, `startDate`, `endDate`, `timezone`, `currency`, `source`,
/// `connection`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let question = Question::take(&mut call, &ports.config)?;
    let mut panels = Panels::of(&ports.database);
    let query = question.query(&ports.config);
    let read = panels.read("revenue", async |on| revenue::read(on, &query).await).await;
    let (chosen, days) = (question.asked.chosen(), question.utc_days());
    let looks = async |on: &_| reconciled::looks(on, chosen, days).await;
    let looks = panels.read("reconciled", looks).await;
    let is_one = panels.end().await;
    let flags = looks.get().map(|looks| Flags::of(looks, &question.zone));
    let zone = &call.caller.zone;
    let page = RevenuePage {
        shell: Shell::of(&call, Area::Revenue, "Revenue"),
        words: By::ALL,
        csv: question.address("/console/revenue.csv").to_string(),
        revenue: read.map(|revenue| Shown::of(&revenue, &question, flags.as_ref())),
        compared: looks.map(|looks| {
            let what = |look: &reconciled::Look| format!("{} {}", look.source, look.entity);
            let row = |look| (filters::text(&what(look)), filters::time(look.began, zone));
            looks.iter().map(row).collect()
        }),
        is_one,
        question,
    };
    page::html(StatusCode::OK, &page)
}

/// `GET /console/revenue.csv`: the same, all of it, in every currency.
pub(crate) async fn csv(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let question = Question::take(&mut call, &ports.config)?;
    let query = question.query(&ports.config);
    let read = async {
        let connection = ports.database.connection().await?;
        revenue::read(&**connection, &query).await
    };
    let revenue = ports.database.in_time(read).await?;
    let names = [
        question.by.column(),
        "currency",
        "gross",
        "refunded",
        "disputed",
        "net",
        "count",
        "timezone",
    ];
    let zone = question.zone.name();
    let rows = question.periods(&revenue).into_iter().flat_map(|period| {
        let of_day = period.sums.into_iter();
        of_day.map(move |(currency, sums)| {
            let money = AMOUNTS.map(|(_, _, _, of)| decimal(of(&sums), &currency));
            let [gross, refunded, disputed, net] = money;
            let (date, count) = (period.date.to_string(), sums.count.to_string());
            vec![date, currency, gross, refunded, disputed, net, count, zone.to_owned()]
        })
    });
    Ok(table::reply("revenue.csv", &names, rows))
}

/// An amount as programs read it: a plain minus, and no groups.
fn decimal(minor: i128, currency: &str) -> String {
    filters::amount(minor, currency).replace('\u{2212}', "-").replace(',', "")
}

impl Shown {
    fn of(revenue: &Revenue, question: &Question, flags: Option<&Flags<'_>>) -> Self {
        let periods = question.periods(revenue);
        let left_out = periods.len().saturating_sub(MOST);
        let shown = &periods[left_out..];
        let currency = &question.currency;
        let sums: Vec<Sums> = shown.iter().map(|period| period.in_currency(currency)).collect();
        let row = |(at, (period, sums)): (usize, (&Period, &Sums))| {
            let at = left_out + at;
            Row {
                date: period.date,
                place: at - left_out,
                cells: AMOUNTS.map(|(_, field, _, of)| {
                    filters::sum(of(sums), currency, &question.place(at, field))
                }),
                count: filters::number(count(sums), &question.place(at, "count")),
                flag: flags.map_or(Flag::Unknown, |flags| {
                    flags.of_days(question.by.days_of(period.date, question.range()))
                }),
            }
        };
        Self {
            api: question.api(),
            summary: question.summary().to_string(),
            totals: totals(revenue.totals(), currency),
            chart: chart(question, shown, &sums),
            rows: shown.iter().zip(&sums).enumerate().map(row).collect(),
            left_out,
        }
    }
}

fn count(sums: &Sums) -> i64 {
    i64::try_from(sums.count).unwrap_or(i64::MAX)
}

/// The totals of all currencies. That which was asked for comes first, whether it has any or not.
fn totals(all: ByCurrency, asked: &str) -> Vec<Total> {
    let first = (asked.to_owned(), all.get(asked).copied().unwrap_or_default());
    let others = all.into_iter().filter(|(currency, _)| currency != asked);
    let total = |(currency, sums): (String, Sums)| {
        let place = |field: &str| match currency == asked {
            true => format!("/{field}"),
            false => format!("/byCurrency/{currency}/{field}"),
        };
        let mut fields = TOTALS.into_iter();
        Total {
            cells: AMOUNTS.map(|(_, _, _, of)| {
                filters::sum(of(&sums), &currency, &place(fields.next().unwrap_or_default()))
            }),
            count: filters::number(count(&sums), &place("count")),
            currency: filters::text(&currency),
        }
    };
    std::iter::once(first).chain(others).map(total).collect()
}

fn chart(question: &Question, shown: &[Period], sums: &[Sums]) -> Markup {
    let net: i128 = sums.iter().map(Sums::net).sum();
    let (first, last) = (shown.first(), shown.last());
    let (Some(first), Some(last)) = (first, last) else { return Markup::default() };
    let currency = &question.currency;
    let bars = Bars {
        title: format!("Revenue by {} in {currency}", question.by.word()),
        description: format!(
            "Gross, refunded, disputed and net amounts from {} to {}, {} in all net. The table below has the same numbers.",
            first.date,
            last.date,
            filters::amount(net, currency)
        ),
        labels: shown.iter().map(|period| period.date.to_string()).collect(),
        series: AMOUNTS
            .map(|(name, _, class, of)| Series {
                name,
                class,
                values: sums.iter().map(of).collect(),
            })
            .to_vec(),
        shown: filters::amount,
        unit: currency.clone(),
    };
    bars.draw("revenue")
}

impl Question {
    /// The address of a page with the same question.
    fn address(&self, path: &str) -> Address {
        let range = self.range();
        let address = Address::of(path)
            .with("by", Some(self.by.word()))
            .with("startDate", Some(&range.first().to_string()))
            .with("endDate", Some(&range.last().to_string()))
            .with("timezone", Some(self.zone.name()))
            .with("currency", Some(&self.currency));
        self.asked.add_to(address)
    }

    /// The same question to the API, of which a column has `field` in row `at`.
    fn place(&self, at: usize, field: &str) -> String {
        if self.by == By::Month { String::new() } else { format!("/breakdown/{at}/{field}") }
    }

    /// The route of the API that has the rows; it knows no months.
    fn api(&self) -> Option<String> {
        let path = match self.by {
            By::Day => "/metrics/revenue/daily",
            By::Week => "/metrics/revenue/weekly",
            By::Month => return None,
        };
        Some(self.address(path).with("by", None).to_string())
    }

    /// The route of the API that has the totals.
    fn summary(&self) -> Address {
        self.address("/metrics/revenue/summary").with("by", None)
    }
}
