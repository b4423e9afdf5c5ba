//! `/metrics/revenue/{summary,daily,weekly}`: one reading, three views of it.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Date;
use penstock_domain::money::Currency;
use penstock_domain::revenue::{
    Calendar, DateRange, InvalidRange, Period, Revenue, Sums, Zone, parse_date,
};
use penstock_edge::http::{Call, Problem};
use penstock_store::StoreError;
use penstock_store::revenue::{self, RevenueQuery};
use serde::Serialize;
use tokio_postgres::Client;

use crate::asked::Asked;
use crate::config::MetricsConfig;
use crate::question::Question;

/// Days of the range where the caller names none, today included.
const DEFAULT_DAYS: i64 = 30;

/// Days that an unknown caller may make the database add up.
const CHEAP_DAYS: usize = 400;

/// Which of the three routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Summary,
    Daily,
    Weekly,
}

/// `GET /metrics/revenue/summary`
pub(crate) fn summary(
    config: &MetricsConfig,
    call: &mut Call<'_>,
) -> Result<RevenueQuestion, Problem> {
    RevenueQuestion::read(View::Summary, config, call)
}

/// `GET /metrics/revenue/daily`
pub(crate) fn daily(
    config: &MetricsConfig,
    call: &mut Call<'_>,
) -> Result<RevenueQuestion, Problem> {
    RevenueQuestion::read(View::Daily, config, call)
}

/// `GET /metrics/revenue/weekly`
pub(crate) fn weekly(
    config: &MetricsConfig,
    call: &mut Call<'_>,
) -> Result<RevenueQuestion, Problem> {
    RevenueQuestion::read(View::Weekly, config, call)
}

#[derive(Debug)]
pub(crate) struct RevenueQuestion {
    view: View,
    zone: Zone,
    calendar: Calendar,
    asked: Asked,
    currency: String,
    business_zone: String,
}

impl RevenueQuestion {
    /// Reads the query. Without `endDate` the range ends today, in `timezone`; without `startDate`
    /// it has 30 days.
    fn read(view: View, config: &MetricsConfig, call: &mut Call<'_>) -> Result<Self, Problem> {
        let (query, now) = (&mut call.query, call.now);
        // A bare plus is a space in a query string, and no zone has a space: Etc/GMT+5.
        let zone = query.take_as("timezone", |name| {
            Zone::parse(&name.replace(' ', "+")).map_err(|e| e.to_string())
        });
        let zone = zone.unwrap_or_else(Zone::utc);
        let start = query.take_as("startDate", |text| parse_date(text).map_err(|e| e.to_string()));
        let end = query.take_as("endDate", |text| parse_date(text).map_err(|e| e.to_string()));
        let asked = Asked::take(query);
        // A code that is in no list is a fair question: nothing counts in it.
        let currency = query.take_as("currency", |text| {
            Currency::code(text).ok_or_else(|| "must be an ISO 4217 code, such as EUR".to_owned())
        });
        let last = end.unwrap_or_else(|| zone.date_at(now));
        let first =
            start.unwrap_or_else(|| last.saturating_sub(Span::new().days(DEFAULT_DAYS - 1)));
        let range = DateRange::new(first, last);
        if let Err(error) = range {
            query.reject("startDate", &error.to_string());
        }
        // Rejected above: the caller reads that, and never this.
        let range = range.map_err(|_: InvalidRange| Problem::internal())?;
        Ok(Self {
            view,
            calendar: Calendar::new(&zone, range),
            zone,
            asked,
            currency: currency.unwrap_or_else(|| config.base_currency.clone()),
            business_zone: config.business_zone.clone(),
        })
    }
}

impl Question for RevenueQuestion {
    type Answer = RevenueReply;

    fn is_cheap(&self) -> bool {
        self.calendar.is_quarter_aligned() && self.calendar.cuts().len() <= CHEAP_DAYS
    }

    async fn ask(&self, on: &Client) -> Result<Option<RevenueReply>, StoreError> {
        let query = RevenueQuery {
            zone: &self.zone,
            calendar: &self.calendar,
            chosen: self.asked.chosen(),
            business_zone: &self.business_zone,
        };
        let revenue = revenue::read(on, &query).await?;
        Ok(Some(self.reply(&revenue)))
    }
}

/// The reply of the three routes. Amounts are in minor units, as decimal strings.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Revenue"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevenueReply {
    #[serde(flatten)]
    totals: Amounts,
    currency: String,
    #[cfg_attr(feature = "contract", schemars(extend("format" = "date")))]
    start_date: String,
    #[cfg_attr(feature = "contract", schemars(extend("format" = "date")))]
    end_date: String,
    /// The vendor that was asked about; null for all.
    source: Option<String>,
    /// The connection that was asked about; null for all.
    connection: Option<String>,
    timezone: String,
    by_currency: BTreeMap<String, Amounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breakdown: Option<Vec<Row>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Amounts"))]
#[serde(rename_all = "camelCase")]
struct Amounts {
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    total_revenue_cents: String,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    refunded_cents: String,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    disputed_cents: String,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    net_revenue_cents: String,
    count: i64,
}

/// A day or a week in the currency asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "RevenueRow"))]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    week_start_date: Option<String>,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    amount_cents: String,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    refunded_cents: String,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    disputed_cents: String,
    #[cfg_attr(
        feature = "contract",
        schemars(schema_with = "penstock_edge::contract::minor_units")
    )]
    net_cents: String,
    count: i64,
}

impl From<Sums> for Amounts {
    fn from(sums: Sums) -> Self {
        Self {
            total_revenue_cents: sums.collected.to_string(),
            refunded_cents: sums.refunded.to_string(),
            disputed_cents: sums.disputed.to_string(),
            net_revenue_cents: sums.net().to_string(),
            count: count(sums),
        }
    }
}

fn count(sums: Sums) -> i64 {
    i64::try_from(sums.count).unwrap_or(i64::MAX)
}

impl RevenueQuestion {
    fn reply(&self, revenue: &Revenue) -> RevenueReply {
        let totals = revenue.totals();
        let range = self.calendar.range();
        RevenueReply {
            totals: totals.get(&self.currency).copied().unwrap_or_default().into(),
            currency: self.currency.clone(),
            start_date: range.first().to_string(),
            end_date: range.last().to_string(),
            source: self.asked.source.clone(),
            connection: self.asked.connection.clone(),
            timezone: self.zone.name().to_owned(),
            by_currency: totals
                .into_iter()
                .map(|(currency, sums)| (currency, sums.into()))
                .collect(),
            breakdown: self.breakdown(revenue),
        }
    }

    fn breakdown(&self, revenue: &Revenue) -> Option<Vec<Row>> {
        let row = |period: &Period, name: fn(Date) -> (Option<String>, Option<String>)| {
            let (sums, (date, week_start_date)) =
                (period.in_currency(&self.currency), name(period.date));
            Row {
                date,
                week_start_date,
                amount_cents: sums.collected.to_string(),
                refunded_cents: sums.refunded.to_string(),
                disputed_cents: sums.disputed.to_string(),
                net_cents: sums.net().to_string(),
                count: count(sums),
            }
        };
        match self.view {
            View::Summary => None,
            View::Daily => Some(
                revenue.daily().iter().map(|p| row(p, |d| (Some(d.to_string()), None))).collect(),
            ),
            View::Weekly => Some(
                revenue.weekly().iter().map(|p| row(p, |d| (None, Some(d.to_string())))).collect(),
            ),
        }
    }
}
