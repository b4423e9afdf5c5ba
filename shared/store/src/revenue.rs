//! Revenue: the `revenue_sums` that the database keeps beside `payments`, what is not folded into
//! them yet, and their settings.

pub(crate) mod folding;
mod whole;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use penstock_domain::revenue::{Calendar, Cells, Ledger, Revenue, Sums, Zone};
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Chosen, Row, StoreError};
pub use folding::{fold, unfolded};
use whole::Whole;

statements! {
    revenue.read_edges: ReadEdges<'a> {
        first_midnight: DateTime,
        last_midnight: DateTime,
        cuts: &'a [i64],
        grains: &'a [&'a str],
        lows: &'a [DateTime],
        highs: &'a [DateTime],
        bounds: &'a [DateTime],
        only_mark: Option<DateTime>,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
    }
    revenue.read_business_days: ReadBusinessDays<'a> {
        zone: &'a str,
        first: Date,
        last: Date,
        step_minutes: i64,
        one: DateTime,
        other: DateTime,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
    }
    revenue.read_payments: ReadPayments<'a> {
        cuts: &'a [Timestamp],
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
    }
    revenue.set_business_zone: SetBusinessZone<'a> { zone: &'a str }
    revenue.rebuild: Rebuild {}
    revenue.unmapped: Unmapped<'a> { vendor: Option<&'a str>, connection: Option<&'a str> }
}

/// The revenue that is asked for.
#[derive(Debug, Clone)]
pub struct RevenueQuery<'a> {
    /// The time zone of the days.
    pub zone: &'a Zone,
    /// The days, with their beginnings and ends.
    pub calendar: &'a Calendar,
    /// The connections that count.
    pub chosen: Chosen<'a>,
    /// The zone whose days the database is believed to keep. A wrong one costs a round trip, no
    /// more.
    pub business_zone: &'a str,
}

/// Returns the revenue of the calendar's days, all as of one snapshot.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn read(
    on: &impl GenericClient,
    query: &RevenueQuery<'_>,
) -> Result<Revenue, StoreError> {
    let mut ledger = Ledger::new(query.calendar);
    if query.calendar.is_empty() {
        return Ok(ledger.into_revenue());
    }
    if !query.calendar.is_quarter_aligned() {
        read_payments(on, query, &mut ledger).await?;
    } else if !read_business_days(on, query, &mut ledger).await? {
        read_edges(on, query, &mut ledger).await?;
    }
    Ok(ledger.into_revenue())
}

/// Returns false if the database does not keep these days, or knows other rules of the zone. They
/// are made of quarter hours then.
async fn read_business_days(
    on: &impl GenericClient,
    query: &RevenueQuery<'_>,
    ledger: &mut Ledger<'_>,
) -> Result<bool, StoreError> {
    let zone = query.zone.name();
    if zone != query.business_zone || zone == "UTC" {
        return Ok(false);
    }
    let range = query.calendar.range();
    let Chosen { vendor, connection } = query.chosen;
    let (first, last) = (range.first(), range.last());
    let Cells { step_minutes, one, other } = query.calendar.cells();
    let read = ReadBusinessDays { zone, first, last, step_minutes, one, other, vendor, connection };
    let rows = read.rows(on).await?;
    for row in &rows {
        let day: Option<i64> = row.read("day")?;
        if let Some(day) = day.and_then(|d| usize::try_from(d).ok()) {
            ledger.add_day(day, row.read("currency")?, sums(row)?);
        }
    }
    Ok(!rows.is_empty())
}

async fn read_edges(
    on: &impl GenericClient,
    query: &RevenueQuery<'_>,
    ledger: &mut Ledger<'_>,
) -> Result<(), StoreError> {
    let Some((first_midnight, last_midnight)) = query.calendar.midnights() else { return Ok(()) };
    let edges = query.calendar.edges();
    let cuts: Vec<i64> = edges.iter().filter_map(|e| i64::try_from(e.index).ok()).collect();
    let grains: Vec<_> = edges.iter().map(|e| e.grain).collect();
    let lows: Vec<_> = edges.iter().map(|e| e.low).collect();
    let highs: Vec<_> = edges.iter().map(|e| e.high).collect();
    let read = ReadEdges {
        first_midnight,
        last_midnight,
        cuts: &cuts,
        grains: &grains,
        lows: &lows,
        highs: &highs,
        bounds: &query.calendar.bounds(),
        only_mark: query.calendar.only_mark(),
        vendor: query.chosen.vendor,
        connection: query.chosen.connection,
    };
    for row in read.rows(on).await? {
        let (currency, sums) = (row.read("currency")?, sums(&row)?);
        let utc_day: Option<Date> = row.read("utc_day")?;
        let cut: Option<i64> = row.read("cut")?;
        let piece: Option<i64> = row.read("piece_from_one")?;
        if let Some(day) = utc_day {
            ledger.add_utc_day(day, currency, sums);
        } else if let Some(cut) = cut.and_then(|c| usize::try_from(c).ok()) {
            ledger.add_edge(cut, currency, sums);
        } else if let Some(piece) = piece.and_then(|p| usize::try_from(p - 1).ok()) {
            ledger.add_piece(piece, currency, sums);
        }
    }
    Ok(())
}

async fn read_payments(
    on: &impl GenericClient,
    query: &RevenueQuery<'_>,
    ledger: &mut Ledger<'_>,
) -> Result<(), StoreError> {
    let cuts = query.calendar.cuts();
    let Chosen { vendor, connection } = query.chosen;
    for row in (ReadPayments { cuts: &cuts, vendor, connection }).rows(on).await? {
        let piece: i64 = row.read("piece_from_one")?;
        if let Ok(piece) = usize::try_from(piece - 1) {
            ledger.add_piece(piece, row.read("currency")?, sums(&row)?);
        }
    }
    Ok(())
}

fn sums(row: &Row) -> Result<Sums, StoreError> {
    let whole = |column| row.read::<Whole>(column).map(|Whole(value)| value);
    Ok(Sums {
        collected: whole("collected")?,
        refunded: whole("refunded")?,
        disputed: whole("disputed")?,
        count: whole("count")?,
    })
}

/// Makes `zone` the zone of the business days. Returns true if it was another one before, and its
/// days were computed anew. Writers and readers go on meanwhile, and nobody folds.
///
/// # Errors
/// Returns a [`StoreError`] that is dead by [`StoreError::disposition`] if Postgres does not know
/// the zone.
pub async fn set_business_zone(on: &impl GenericClient, zone: &str) -> Result<bool, StoreError> {
    SetBusinessZone { zone }.one(on).await?.read("changed")
}

/// Corrects every sum from the payments. Writers and readers go on meanwhile, and nobody folds. For
/// use after a change of Postgres' time zone data, or when the sums are in doubt.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn rebuild(on: &impl GenericClient) -> Result<(), StoreError> {
    Rebuild {}.one(on).await.map(|_| ())
}

/// A raw status that no map knows. The payments that carry it count as nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedStatus {
    /// The name of the vendor that sent it.
    pub vendor: String,
    /// The name of the connection that it came by.
    pub source: String,
    /// The kind of payment: charge, refund, dispute or deal.
    pub kind: String,
    /// The status as the source wrote it.
    pub raw_status: String,
    /// The number of payments that carry it.
    pub count: i64,
    /// The time at which one was last written.
    pub last_seen: Timestamp,
}

/// Returns the raw statuses of these connections that no map knows.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unmapped(
    on: &impl GenericClient,
    chosen: Chosen<'_>,
) -> Result<Vec<UnmappedStatus>, StoreError> {
    let Chosen { vendor, connection } = chosen;
    let rows = Unmapped { vendor, connection }.rows(on).await?;
    let status = |row: &Row| {
        Ok(UnmappedStatus {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            kind: row.read("kind")?,
            raw_status: row.read("raw_status")?,
            count: row.read("count")?,
            last_seen: row.read("last_seen")?,
        })
    };
    rows.iter().map(status).collect()
}
