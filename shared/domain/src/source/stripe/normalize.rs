//! Stripe's objects as payments. Reads the shapes of every API version since 2014 (trap 6).

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::origin::Origin;
use crate::disposition::{Reason, ReasonKind};
use crate::facts::Facts;
use crate::money::{Currency, from_stripe};
use crate::payment::{Kind, Payment, Status};
use crate::record::{RowView, is_vanished};
use crate::text::{LONGEST_INDEXED, printable};
use crate::version::{Stamp, Version};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
}

/// The fields that a charge, a refund and a dispute share, and those that only some have.
#[derive(Deserialize)]
struct Money<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    amount: i64,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    created: i64,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    captured: Option<bool>,
    amount_captured: Option<i64>,
    refunded: Option<bool>,
    #[serde(borrow)]
    refunds: Option<&'a RawValue>,
    #[serde(borrow)]
    balance_transactions: Option<&'a RawValue>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct BalanceTransaction {
    amount: i64,
}

/// The row that an object came in, who stamped its version, and the account that its event names.
#[derive(Clone, Copy)]
struct Context<'a> {
    row: RowView<'a>,
    stamp: Stamp,
    account: Option<&'a str>,
}

/// Reads a row as payments, refunds and disputes.
pub(super) fn normalize(row: RowView<'_>) -> Result<Facts<'_>, Reason> {
    Ok(Facts { payments: row.facts(movements(row)?), ..Facts::default() })
}

/// The payment, refund or dispute whose newest version cannot be read.
pub(super) fn unreadable(row: RowView<'_>, why: ReasonKind) -> Facts<'_> {
    // An event about an object without an id stands for itself (`item.rs`).
    let is_event = row.external_id.starts_with("evt_");
    let kind = Kind::parse(row.entity).filter(|kind| *kind != Kind::Deal && !is_event);
    let movement = kind.map(|kind| Payment::unreadable(kind, row, why));
    Facts { payments: row.facts(movement), ..Facts::default() }
}

/// The payments in a row; empty for an object that is not money.
fn movements(row: RowView<'_>) -> Result<Vec<Payment>, Reason> {
    if is_vanished(row.payload) {
        return vanished(row).map(|movement| vec![movement]);
    }
    let envelope: Envelope<'_> = parse(row.payload)?;
    let is_event = envelope.object.as_deref() == Some("event");
    let (raw, stamp) = match envelope.data {
        Some(Data { object: Some(object) }) if is_event => (object.get(), Stamp::Native),
        Some(Data { object: None }) if is_event => {
            let why = "the event carries no object";
            return Err(Reason::new(ReasonKind::Malformed, why).at("/data/object"));
        }
        _ => (text(row.payload)?, Stamp::Observed),
    };
    let origin = Origin::of(row.payload);
    let context = Context { row, stamp, account: origin.account() };
    let place = if stamp == Stamp::Native { "/data/object" } else { "" };
    movements_of(raw, context).map_err(|reason| reason.within(place))
}

/// The payments in an object.
fn movements_of(raw: &str, context: Context<'_>) -> Result<Vec<Payment>, Reason> {
    let object: Object<'_> = parse(raw.as_bytes())?;
    match object.object.as_deref() {
        Some("charge") => charge(raw, context),
        Some("refund") => Ok(vec![refund(raw, true, context)?]),
        Some("dispute") => Ok(vec![dispute(raw, context)?]),
        Some(_) => Ok(Vec::new()),
        None => {
            let why = "the payload does not say what object it is";
            Err(Reason::new(ReasonKind::Malformed, why).at("/object"))
        }
    }
}

/// A payment that Stripe does not show any more ([`crate::record::vanished_movement`]): it counts
/// for nothing.
fn vanished(row: RowView<'_>) -> Result<Payment, Reason> {
    let raw = text(row.payload)?;
    let (object, money): (Object<'_>, Money<'_>) = (parse(row.payload)?, parse(row.payload)?);
    let kind = match object.object.as_deref() {
        Some("charge") => Kind::Charge,
        Some("refund") => Kind::Refund,
        Some("dispute") => Kind::Dispute,
        _ => return Err(Reason::new(ReasonKind::Malformed, "the tombstone does not say of what")),
    };
    let context = Context { row, stamp: Stamp::Observed, account: None };
    let movement = payment(kind, &money, 0, Status::Canceled, raw, context)?;
    Ok(Payment { amount: money.amount, raw_status: "vanished".to_owned(), ..movement })
}

/// A charge, and the refunds that older API versions render inside it.
fn charge(raw: &str, context: Context<'_>) -> Result<Vec<Payment>, Reason> {
    let money: Money<'_> = parse(raw.as_bytes())?;
    let captured = money.captured.unwrap_or(true);
    let status = match money.status.as_deref() {
        // "paid" before 2015-02-18.
        Some("succeeded" | "paid") if captured => Status::Collected,
        // An authorisation that ran out or was cancelled says refunded, though nothing was ever
        // captured.
        Some("succeeded" | "paid") if money.refunded == Some(true) => Status::Canceled,
        Some("succeeded" | "paid") => Status::Authorized,
        Some("pending") => Status::Pending,
        Some("failed") => Status::Failed,
        _ => Status::Unmapped,
    };
    let amount = match status {
        Status::Collected => money.amount_captured.unwrap_or(money.amount),
        _ => money.amount,
    };
    let mut movements = vec![payment(Kind::Charge, &money, amount, status, raw, context)?];
    if let Some(refunds) = money.refunds {
        let place = if refunds.get().starts_with('[') { "/refunds" } else { "/refunds/data" };
        for (i, raw) in embedded(refunds)?.into_iter().enumerate() {
            let refund = refund(raw, captured, context);
            movements.push(refund.map_err(|reason| reason.within(&format!("{place}/{i}")))?);
        }
    }
    Ok(movements)
}

/// The refunds inside a charge, as slices of the same text: before 2014-06-17 a bare array,
/// afterwards a list, and since 2022-11-15 absent unless expanded.
fn embedded(refunds: &RawValue) -> Result<Vec<&str>, Reason> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let text = refunds.get();
    let items = match text.as_bytes().first() {
        Some(b'[') => parse::<Vec<&RawValue>>(text.as_bytes())?,
        Some(b'{') => parse::<List<'_>>(text.as_bytes())?.data,
        _ => Vec::new(),
    };
    Ok(items.into_iter().map(RawValue::get).collect())
}

/// Before 2025-03-31 an authorisation that was cancelled or ran out left a refund object behind,
/// though nothing had been collected (docs.stripe.com/changelog/basil/2025-03-31).
fn refund(raw: &str, of_captured: bool, context: Context<'_>) -> Result<Payment, Reason> {
    let money: Money<'_> = parse(raw.as_bytes())?;
    let release = !of_captured || money.reason.as_deref() == Some("expired_uncaptured_charge");
    let status = match money.status.as_deref() {
        Some("succeeded") if release => Status::Released,
        Some("succeeded") => Status::Refunded,
        Some("pending" | "requires_action") => Status::RefundPending,
        Some("failed") => Status::RefundFailed,
        Some("canceled") => Status::RefundCanceled,
        _ => Status::Unmapped,
    };
    payment(Kind::Refund, &money, money.amount, status, raw, context)
}

fn dispute(raw: &str, context: Context<'_>) -> Result<Payment, Reason> {
    let money: Money<'_> = parse(raw.as_bytes())?;
    let status = match money.status.as_deref() {
        // An appeal comes after a loss, and the loss counts until the appeal is won.
        Some("lost" | "appeal_needs_response" | "appeal_under_review") => Status::Disputed,
        // "charge_refunded" in older versions: the refund itself is counted.
        Some("won" | "charge_refunded") => Status::DisputeWon,
        Some("needs_response" | "under_review") => Status::DisputeOpen,
        Some("warning_needs_response" | "warning_under_review" | "warning_closed") => {
            Status::Inquiry
        }
        // Settled before it became a chargeback: with or without the money, and the balance tells
        // which.
        Some("prevented") if withdrawn(&money)? => Status::Disputed,
        Some("prevented") => Status::DisputeWon,
        _ => Status::Unmapped,
    };
    payment(Kind::Dispute, &money, money.amount, status, raw, context)
}

fn withdrawn(money: &Money<'_>) -> Result<bool, Reason> {
    let Some(raw) = money.balance_transactions else { return Ok(false) };
    let movements: Vec<BalanceTransaction> = parse(raw.get().as_bytes())?;
    Ok(movements.iter().map(|m| i128::from(m.amount)).sum::<i128>() < 0)
}

fn payment(
    kind: Kind,
    money: &Money<'_>,
    amount: i64,
    status: Status,
    raw: &str,
    context: Context<'_>,
) -> Result<Payment, Reason> {
    let invalid = |what: &str, why: String| {
        Reason::new(
            ReasonKind::Invalid,
            format!("{} {}: {what}: {why}", kind.as_str(), printable(&money.id)),
        )
        .at(format!("/{what}"))
    };
    for (what, text) in [("id", Some(&money.id)), ("status", money.status.as_ref())] {
        if text.is_some_and(|text| text.chars().count() > LONGEST_INDEXED) {
            let why = format!("the {what} is longer than {LONGEST_INDEXED} characters");
            let why = format!("{}: {why}", kind.as_str());
            return Err(Reason::new(ReasonKind::Invalid, why).at(format!("/{what}")));
        }
    }
    let currency: Currency =
        money.currency.parse().map_err(|e| invalid("currency", format!("{e}")))?;
    let amount = from_stripe(amount, currency).map_err(|e| invalid("amount", e.to_string()))?;
    let occurred_at =
        Timestamp::from_second(money.created).map_err(|e| invalid("created", e.to_string()))?;
    if occurred_at < Timestamp::UNIX_EPOCH {
        // Stripe is younger, and Postgres does not take every year that a number can name.
        return Err(invalid("created", "it is before 1970".to_owned()));
    }
    Ok(Payment {
        kind,
        external_id: printable(&money.id),
        amount,
        currency,
        status,
        raw_status: money.status.as_deref().map_or_else(|| "null".to_owned(), printable),
        occurred_at,
        account: context.account.map(printable),
        version: Version::of_part(context.row, raw, context.stamp),
    })
}

fn text(payload: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(payload)
        .map_err(|e| Reason::new(ReasonKind::Malformed, format!("the payload is not UTF-8: {e}")))
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Reason> {
    serde_json::from_slice(json).map_err(|e| Reason::malformed::<T>(json, &e))
}
