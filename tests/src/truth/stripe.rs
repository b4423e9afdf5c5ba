//! Stripe: every charge, refund and dispute, and the account's books.

use std::collections::BTreeMap;

use jiff::Timestamp;
use penstock_testkit::TestDatabase;
use tokio_postgres::{Client, Error};

use super::assert_same;
use crate::simulators::stripe::{Kind, Ledger, StripeSimulator, Totals, TruthRow};

/// Stripe's first connection.
const FIRST: &str = "stripe";

/// A charge, refund or dispute, by the fields that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// In ISO 4217 minor units: the counted amount if there is one, else the object's amount.
    pub amount: i128,
    pub currency: String,
    /// Penstock's word.
    pub status: String,
    /// Stripe's word.
    pub raw_status: String,
    /// Stripe's `created`.
    pub occurred_at: Timestamp,
}

/// Charges, refunds and disputes by kind and id.
pub type Payments = BTreeMap<(String, String), Payment>;

/// Reads the rows of our tables that Stripe's first connection has.
///
/// # Panics
///
/// If Postgres refuses the query or cannot be reached.
pub async fn rows(db: &TestDatabase) -> Payments {
    rows_of(db, FIRST).await
}

/// As [`rows`], of the connection of that name.
///
/// # Panics
///
/// As [`rows`].
pub async fn rows_of(db: &TestDatabase, connection: &str) -> Payments {
    payments_of(&db.client().await, connection).await.expect("the payments")
}

/// Reads the rows of our tables that a connection has brought.
///
/// # Errors
///
/// Postgres refuses the query or cannot be reached.
pub async fn payments_of(on: &Client, connection: &str) -> Result<Payments, Error> {
    let sql = "select kind, external_id, amount, currency, status, raw_status, occurred_at from payments \
               where source = $1";
    let payment = |row: &tokio_postgres::Row| Payment {
        amount: row.get::<_, i64>(2).into(),
        currency: row.get(3),
        status: row.get(4),
        raw_status: row.get(5),
        occurred_at: row.get(6),
    };
    let rows = on.query(sql, &[&connection]).await?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), payment(row))).collect())
}

/// Returns the simulator's objects in Penstock's words.
///
/// # Panics
///
/// If an object's `created` is not a valid time.
pub fn true_rows(stripe: &StripeSimulator) -> Payments {
    payments(stripe.truth())
}

/// Returns an account's objects in Penstock's words.
///
/// # Panics
///
/// If an object's `created` is not a valid time.
pub fn payments(truth: Vec<TruthRow>) -> Payments {
    let row = |row: TruthRow| {
        let kind = match row.kind {
            Kind::Charge => "charge",
            Kind::Refund => "refund",
            _ => "dispute",
        };
        let payment = Payment {
            amount: if row.counted_iso_minor > 0 {
                row.counted_iso_minor
            } else {
                row.amount_iso_minor
            },
            currency: row.currency.to_owned(),
            status: status(&row).to_owned(),
            raw_status: row.raw_status.to_owned(),
            occurred_at: Timestamp::from_second(row.created).expect("a time"),
        };
        ((kind.to_owned(), row.id), payment)
    };
    truth.into_iter().map(row).collect()
}

/// Maps Stripe's status to Penstock's word. The map is written down here a second time, so that it
/// checks the product's.
fn status(row: &TruthRow) -> &'static str {
    match (row.kind, row.raw_status) {
        (Kind::Charge, "succeeded") if row.counted_iso_minor > 0 => "collected",
        (Kind::Charge, "succeeded") if row.void => "canceled",
        (Kind::Charge, "succeeded") => "authorized",
        (Kind::Charge, "pending") => "pending",
        (Kind::Charge, "failed") => "failed",
        (Kind::Refund, "succeeded") if row.void => "released",
        (Kind::Refund, "succeeded") => "refunded",
        (Kind::Refund, "pending" | "requires_action") => "refund_pending",
        (Kind::Refund, "failed") => "refund_failed",
        (Kind::Refund, "canceled") => "refund_canceled",
        (Kind::Dispute, "lost") => "disputed",
        (Kind::Dispute, "won" | "prevented") => "dispute_won",
        (Kind::Dispute, "needs_response" | "under_review") => "dispute_open",
        (Kind::Dispute, _) => "inquiry",
        (_, other) => panic!("no object of the simulator is {other}"),
    }
}

/// Sums and counts the payments that count, by currency.
///
/// # Panics
///
/// If Postgres refuses the query or cannot be reached.
pub async fn books(db: &TestDatabase) -> Ledger {
    books_of(db, FIRST).await
}

/// As [`books`], of the connection of that name.
///
/// # Panics
///
/// As [`books`].
pub async fn books_of(db: &TestDatabase, connection: &str) -> Ledger {
    totals(
        db,
        connection,
        "select currency, status, sum(amount)::text, count(*) from payments \
         where source = $1 and status in ('collected', 'refunded', 'disputed') group by 1, 2",
    )
    .await
}

/// Sums and counts the buckets of the revenue summary, by currency.
///
/// # Panics
///
/// As [`books`].
pub async fn summary(db: &TestDatabase) -> Ledger {
    summary_of(db, FIRST).await
}

/// As [`summary`], of the connection of that name.
///
/// # Panics
///
/// As [`books`].
pub async fn summary_of(db: &TestDatabase, connection: &str) -> Ledger {
    totals(
        db,
        connection,
        "select currency, status, sum(amount)::text, sum(count)::bigint from revenue_buckets \
         where source = $1 and grain = 'day' group by 1, 2 having sum(count) > 0",
    )
    .await
}

async fn totals(db: &TestDatabase, connection: &str, sql: &str) -> Ledger {
    let mut books = Ledger::new();
    for row in db.client().await.query(sql, &[&connection]).await.expect("sums") {
        let totals: &mut Totals = books.entry(row.get(0)).or_default();
        let sum: i128 = row.get::<_, String>(2).parse().expect("a whole number");
        let count = u64::try_from(row.get::<_, i64>(3)).expect("a count");
        match row.get(1) {
            "collected" => (totals.gross, totals.charges) = (sum, count),
            "refunded" => (totals.refunded, totals.refunds) = (sum, count),
            _ => (totals.disputed, totals.disputes) = (sum, count),
        }
    }
    for totals in books.values_mut() {
        totals.net = totals.gross - totals.refunded - totals.disputed;
    }
    books
}

/// Asserts that the tables hold Stripe's truth, object by object and to the cent.
///
/// # Panics
///
/// If a row or a sum differs.
pub async fn assert_true(db: &TestDatabase, stripe: &StripeSimulator) {
    assert_true_of(db, FIRST, stripe).await;
}

/// As [`assert_true`], of the connection of that name.
///
/// # Panics
///
/// If a row or a sum differs.
pub async fn assert_true_of(db: &TestDatabase, connection: &str, stripe: &StripeSimulator) {
    assert_same(connection, &rows_of(db, connection).await, &true_rows(stripe));
    let mut ledger = stripe.ledger();
    ledger.retain(|_, totals| *totals != Totals::default());
    assert_eq!(books_of(db, connection).await, ledger, "the payments are not the ledger");
    assert_eq!(summary_of(db, connection).await, ledger, "the buckets are not the ledger");
}
