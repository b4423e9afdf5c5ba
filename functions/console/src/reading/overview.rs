//! `/console`: is it well, what waits, what has failed, and today's money against a week ago.

use askama::Template;
use jiff::ToSpan as _;
use jiff::civil::Date;
use penstock_domain::clock::elapsed;
use penstock_domain::connection::QUEUES;
use penstock_domain::revenue::{Calendar, DateRange, Revenue, Sums};
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_store::console::MOST_COUNTED;
use penstock_store::failures::{self, MOST_COUNTED as MOST_FAILURES};
use penstock_store::revenue::{self, RevenueQuery};
use penstock_store::standing::{self, OfConnection, Standing};
use penstock_store::stats::{self, Recent, Waiting};

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::visitor::Visitor;

/// Seconds over which rates are taken, as `/stats` takes them.
const WINDOWS: [i64; 2] = [60, 300];

#[derive(Template)]
#[template(path = "reading/overview.html")]
struct Overview {
    shell: Shell,
    health: Part<Health>,
    work: Part<Work>,
    failed: Part<Failed>,
    money: Part<Money>,
    /// Whether all parts are of one snapshot.
    is_one: bool,
}

struct Health {
    is_well: bool,
    connections: Vec<ConnectionRow>,
    /// Why nothing is sent to the queues, if nothing is.
    queues: Option<Markup>,
}

struct ConnectionRow {
    name: Markup,
    source: Markup,
    is_well: bool,
    word: &'static str,
    last_sync: Markup,
    lag: Option<Markup>,
    /// Why it is not well.
    why: Vec<Markup>,
}

struct Work {
    pending: Vec<PendingRow>,
    total: Markup,
    oldest: Option<Markup>,
    rates: Vec<RateRow>,
}

struct PendingRow {
    name: Markup,
    count: Markup,
    held: Option<Markup>,
    oldest: Markup,
}

struct RateRow {
    name: Markup,
    window: String,
    received: Markup,
    processed: Markup,
    dead: Markup,
}

struct Failed {
    total: Markup,
    rows: Vec<(Markup, Markup, Markup)>,
}

struct Money {
    zone: String,
    today: Date,
    week_ago: Date,
    api: String,
    rows: Vec<MoneyRow>,
}

struct MoneyRow {
    name: &'static str,
    today: Markup,
    week_ago: Markup,
}

/// `GET /console`
pub(crate) async fn page(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let (config, now) = (&ports.config, call.now);
    let mut panels = Panels::of(&ports.database);
    let declared = config.source_names();
    let health = panels.read("health", async |on| standing::read(on, &declared).await).await;
    let work = async |on: &_| {
        tokio::try_join!(stats::waiting(on, MOST_COUNTED), stats::recent(on, now, &WINDOWS))
    };
    let work = panels.read("work", work).await;
    let failed = panels.read("failures", async |on| failures::count(on).await).await;
    let zone = &config.business_zone;
    let today = zone.date_at(now);
    let week_ago = today.saturating_sub(7.days());
    let range = DateRange::new(week_ago, today).map_err(Failure::internal)?;
    let calendar = Calendar::new(zone, range);
    let query = RevenueQuery {
        zone,
        calendar: &calendar,
        chosen: penstock_store::Chosen::default(),
        business_zone: zone.name(),
    };
    let money = panels.read("money", async |on| revenue::read(on, &query).await).await;
    let is_one = panels.end().await;
    let overview = Overview {
        shell: Shell::of(&call, Area::Overview, "Overview"),
        health: health.map(|standing| Health::of(&standing, ports, &call)),
        work: work.map(|(waiting, recent)| Work::of(waiting, recent, &call)),
        failed: failed.map(Failed::of),
        money: money.map(|revenue| Money::of(&revenue, ports, today, week_ago)),
        is_one,
    };
    page::html(StatusCode::OK, &overview)
}

impl Health {
    fn of(standing: &Standing, ports: &Ports, call: &Call<'_, Visitor>) -> Self {
        let (freshness, now) = (ports.config.freshness, call.now);
        let connections = standing.connections(freshness, now);
        Self {
            is_well: standing.is_well(freshness, now),
            connections: connections.iter().map(|of| ConnectionRow::of(of, ports, call)).collect(),
            queues: standing.circuit(QUEUES).map(|circuit| filters::text(&circuit.why)),
        }
    }
}

impl ConnectionRow {
    fn of(of: &OfConnection<'_>, ports: &Ports, call: &Call<'_, Visitor>) -> Self {
        let (zone, now) = (&call.caller.zone, call.now);
        let place =
            format!("/readyz#/checks/{}/lagS", of.name.replace('~', "~0").replace('/', "~1"));
        let lag = of.last_sync.map(|at| filters::seconds(elapsed(at, now).as_secs(), &place));
        let mut why: Vec<Markup> = of
            .refused
            .iter()
            .map(|pause| filters::text(&format!("{} is refused ({})", pause.entity, pause.mode)))
            .collect();
        why.extend(of.circuit.map(|circuit| filters::text(&circuit.why)));
        let late = of.pulls.iter().filter(|pull| pull.lag(now) > ports.config.freshness);
        why.extend(late.map(|pull| {
            let silent = filters::span(pull.lag(now).as_secs());
            filters::text(&format!("{} is silent for {silent}", pull.entity))
        }));
        Self {
            name: filters::text(of.name),
            source: filters::text(of.source),
            is_well: of.is_well,
            word: match (of.is_active, of.is_well) {
                (false, _) => "paused by a person",
                (true, true) => "well",
                (true, false) => "not well",
            },
            last_sync: filters::maybe_time(of.last_sync, zone),
            lag,
            why,
        }
    }
}

impl Work {
    fn of(waiting: Vec<Waiting>, recent: Vec<Recent>, call: &Call<'_, Visitor>) -> Self {
        let now = call.now;
        let total: i64 = waiting.iter().map(|of| of.count).sum();
        let is_capped = total >= MOST_COUNTED;
        let age = |of: &Waiting| elapsed(of.oldest, now).as_secs();
        let oldest = waiting.iter().map(age).max();
        let pending = waiting.iter().enumerate().map(|(at, of)| PendingRow {
            name: filters::text(&of.source),
            count: filters::at_least(of.count, is_capped, &format!("/stats#/pending/{at}/count")),
            held: (of.held > 0)
                .then(|| filters::number(of.held, &format!("/stats#/pending/{at}/held"))),
            oldest: filters::seconds(age(of), &format!("/stats#/pending/{at}/oldestAgeS")),
        });
        let rates = recent.iter().enumerate().map(|(at, of)| {
            let number =
                |value, name: &str| filters::number(value, &format!("/stats#/rates/{at}/{name}"));
            RateRow {
                name: filters::text(&of.source),
                window: filters::span(u64::try_from(of.window_s).unwrap_or_default()),
                received: number(of.received, "received"),
                processed: number(of.processed, "processed"),
                dead: number(of.dead, "dead"),
            }
        });
        Self {
            pending: pending.collect(),
            total: filters::at_least(total, is_capped, "/admin/metrics#/pending"),
            oldest: oldest.map(|age| filters::seconds(age, "/stats#/oldestPendingAgeS")),
            rates: rates.collect(),
        }
    }
}

impl Failed {
    fn of(counted: Vec<failures::Counted>) -> Self {
        let total: i64 = counted.iter().map(|of| of.count).sum();
        let rows = counted.iter().enumerate().map(|(at, of)| {
            let place = format!("/admin/metrics#/failures/{at}/count");
            let (source, entity) = (of.source.as_deref(), of.entity.as_deref());
            (filters::maybe(source), filters::maybe(entity), filters::number(of.count, &place))
        });
        Self { total: filters::at_least(total, total >= MOST_FAILURES, ""), rows: rows.collect() }
    }
}

impl Money {
    fn of(revenue: &Revenue, ports: &Ports, today: Date, week_ago: Date) -> Self {
        let (currency, zone) = (&ports.config.base_currency, ports.config.business_zone.name());
        let on = |place: usize| {
            let day = revenue.daily().get(place);
            day.map_or_else(Sums::default, |day| day.in_currency(currency))
        };
        let (now, then) = (on(7), on(0));
        let row = |name, field: &str, of: fn(&Sums) -> i128| MoneyRow {
            name,
            today: filters::sum(of(&now), currency, &format!("/breakdown/7/{field}")),
            week_ago: filters::sum(of(&then), currency, &format!("/breakdown/0/{field}")),
        };
        Self {
            api: format!(
                "/metrics/revenue/daily?startDate={week_ago}&endDate={today}&timezone={zone}&currency={currency}"
            ),
            zone: zone.to_owned(),
            today,
            week_ago,
            rows: vec![
                row("Gross", "amountCents", |of| of.collected),
                row("Refunded", "refundedCents", |of| of.refunded),
                row("Disputed", "disputedCents", |of| of.disputed),
                row("Net", "netCents", Sums::net),
            ],
        }
    }
}
