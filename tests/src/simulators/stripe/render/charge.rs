//! Renders a charge as JSON.

use super::super::id::{self, Kind};
use super::super::model::{Charge, ChargeStatus, Refund};
use super::template::{Shape, Template};

static CHARGE: Template = Template::new(include_str!("templates/charge.json"));
static CARD: Template = Template::new(include_str!("templates/card.json"));
static DEBIT: Template = Template::new(include_str!("templates/debit.json"));

/// Writes a charge. `refunds` are the charge's own, newest first. They appear if the shape has
/// them.
pub(crate) fn charge(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    charge: &Charge,
    refunds: &[(u32, Refund)],
) {
    CHARGE.render(out, shape, indent, |out, slot, depth| match slot {
        "refunds" => refund_list(out, depth, shape, index, charge, refunds),
        "payment_method_details" if charge.bank_debit => {
            DEBIT.render(out, shape, depth, |_, _, _| ())
        }
        "payment_method_details" => {
            CARD.render(out, shape, depth, |out, _, _| super::number(out, charge.amount));
        }
        "metadata" => super::metadata(out, index, charge.notes, depth),
        _ => field(out, slot, index, charge),
    });
}

fn field(out: &mut String, slot: &str, index: u32, charge: &Charge) {
    let declined = charge.status == ChargeStatus::Failed;
    match slot {
        "id" => id::write(out, Kind::Charge, charge.bank_debit, u64::from(index)),
        "amount" => super::number(out, charge.amount),
        "amount_captured" => super::number(out, charge.captured_amount),
        "amount_refunded" => super::number(out, charge.refunded_amount),
        "balance_transaction" if has_transaction(charge) => {
            super::quoted_id(out, Kind::Transaction, u64::from(index) << 3);
        }
        "captured" => super::boolean(out, charge.captured),
        "created" => super::number(out, charge.created),
        "currency" => out.push_str(charge.currency.code()),
        "disputed" => super::boolean(out, charge.dispute != super::super::model::NONE),
        "paid" => super::boolean(out, charge.is_paid()),
        "refunded" => super::boolean(out, charge.is_refunded()),
        "status" => out.push_str(charge.status.word()),
        "payment_intent" => id::write(out, Kind::Intent, false, u64::from(index)),
        "payment_method" => id::write(out, Kind::Method, false, u64::from(index)),
        "customer" if super::customer(index).is_some() => {
            super::quoted_id(out, Kind::Customer, super::customer(index).unwrap_or(0));
        }
        "dispute" if charge.dispute != super::super::model::NONE => {
            let variant = super::dispute_variant(charge.dispute);
            out.push('"');
            id::write(out, Kind::Dispute, variant, u64::from(charge.dispute));
            out.push('"');
        }
        "failure_code" if declined => out.push_str(failure(charge).0),
        "failure_message" if declined => out.push_str(failure(charge).1),
        "receipt_url" if charge.is_paid() => {
            out.push_str("\"https://pay.stripe.com/receipts/payment/");
            super::number(out, i64::from(index));
            out.push('"');
        }
        "outcome_reason" if declined => out.push_str("\"generic_decline\""),
        _ => words(out, slot, index, charge),
    }
}

fn words(out: &mut String, slot: &str, index: u32, charge: &Charge) {
    let declined = charge.status == ChargeStatus::Failed;
    match slot {
        "email" => {
            out.push_str("customer+");
            super::number(out, i64::from(index));
            out.push_str("@example.com");
        }
        "name" => out.push_str(super::name(index)),
        "description" => {
            out.push_str("Order ");
            super::number(out, 6_000 + i64::from(index));
            out.push_str(" – “Penstock”");
        }
        "country" => out.push_str(if charge.bank_debit { "\"DE\"" } else { "null" }),
        "network_status" if declined => out.push_str("declined_by_network"),
        "network_status" => out.push_str("approved_by_network"),
        "seller_message" if declined => {
            out.push_str("The bank did not return any further details with this decline.")
        }
        "seller_message" => out.push_str("Payment complete."),
        "outcome_type" if declined => out.push_str("issuer_declined"),
        "outcome_type" => out.push_str("authorized"),
        _ => out.push_str("null"),
    }
}

const fn failure(charge: &Charge) -> (&'static str, &'static str) {
    if charge.bank_debit {
        (
            "\"insufficient_funds\"",
            "\"The customer's account has insufficient funds to cover this payment.\"",
        )
    } else {
        ("\"card_declined\"", "\"Your card was declined.\"")
    }
}

const fn has_transaction(charge: &Charge) -> bool {
    matches!(charge.status, ChargeStatus::Succeeded) && charge.captured && charge.settled
}

/// The fields that actions change, in the order of `previous_attributes`.
const CHANGING: [&str; 11] = [
    "amount_captured",
    "amount_refunded",
    "balance_transaction",
    "captured",
    "disputed",
    "failure_code",
    "failure_message",
    "paid",
    "receipt_url",
    "refunded",
    "status",
];

/// Writes the fields that differ, with their values in `before`, as members of an open object.
pub(super) fn previous(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    (before, old): (&Charge, &[(u32, Refund)]),
    (after, new): (&Charge, &[(u32, Refund)]),
) -> bool {
    let write = |charge: &Charge, out: &mut String, name: &'static str| {
        if name == "status" {
            super::text_or_null(out, Some(charge.status.word()));
        } else {
            field(out, name, index, charge);
        }
    };
    let mut any = super::differences(
        out,
        indent,
        &CHANGING,
        |out, name| write(before, out, name),
        |out, name| write(after, out, name),
    );
    if before.notes != after.notes {
        member(out, indent, &mut any, "metadata");
        super::metadata_before(out, before.notes, indent);
    }
    if shape == Shape::Old && old.len() != new.len() {
        member(out, indent, &mut any, "refunds");
        refund_list(out, indent, shape, index, before, old);
    }
    any
}

fn member(out: &mut String, indent: usize, any: &mut bool, name: &str) {
    if std::mem::replace(any, true) {
        out.push(',');
    }
    super::line(out, indent);
    out.push('"');
    out.push_str(name);
    out.push_str("\": ");
}

/// Writes a charge's refunds: Stripe expands at most the ten newest.
fn refund_list(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    charge: &Charge,
    refunds: &[(u32, Refund)],
) {
    out.push('{');
    super::line(out, indent + 2);
    out.push_str("\"object\": \"list\",");
    super::line(out, indent + 2);
    out.push_str("\"data\": [");
    for (place, (number, refund)) in refunds.iter().take(10).enumerate() {
        if place > 0 {
            out.push(',');
        }
        super::line(out, indent + 4);
        super::refund(out, indent + 4, shape, *number, refund, charge);
    }
    if !refunds.is_empty() {
        super::line(out, indent + 2);
    }
    out.push_str("],");
    super::line(out, indent + 2);
    out.push_str("\"has_more\": ");
    super::boolean(out, refunds.len() > 10);
    out.push(',');
    super::line(out, indent + 2);
    if shape == Shape::Old {
        out.push_str("\"total_count\": ");
        super::number(out, i64::try_from(refunds.len()).unwrap_or(0));
        out.push(',');
        super::line(out, indent + 2);
    }
    out.push_str("\"url\": \"/v1/charges/");
    id::write(out, Kind::Charge, charge.bank_debit, u64::from(index));
    out.push_str("/refunds\"");
    super::line(out, indent);
    out.push('}');
}
