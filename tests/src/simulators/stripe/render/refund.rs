//! Renders a refund as JSON.

use super::super::id::{self, Kind};
use super::super::model::{Charge, Refund, RefundStatus};
use super::template::{Shape, Template};

static REFUND: Template = Template::new(include_str!("templates/refund.json"));

/// Writes a refund of `charge`.
pub(crate) fn refund(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    refund: &Refund,
    charge: &Charge,
) {
    REFUND.render(out, shape, indent, |out, slot, depth| match slot {
        "failure" if refund.status == RefundStatus::Failed => {
            for name in ["failure_balance_transaction", "failure_reason"] {
                optional(out, depth, name, index, refund, charge);
            }
        }
        "next" if refund.status == RefundStatus::RequiresAction => {
            optional(out, depth, "next_action", index, refund, charge);
        }
        "pending" if refund.status == RefundStatus::Pending => {
            out.push_str("\"pending_reason\": ");
            field(out, "pending_reason", index, refund, charge);
            out.push(',');
            super::line(out, depth);
        }
        "failure" | "next" | "pending" => {}
        "metadata" => super::metadata(out, index, refund.notes, depth),
        "status" => out.push_str(refund.status.word()),
        _ => field(out, slot, index, refund, charge),
    });
}

/// Appends a line that only some refunds have, to the end of the line before it.
fn optional(
    out: &mut String,
    indent: usize,
    name: &str,
    index: u32,
    refund: &Refund,
    charge: &Charge,
) {
    super::line(out, indent);
    out.push('"');
    out.push_str(name);
    out.push_str("\": ");
    field(out, name, index, refund, charge);
    out.push(',');
}

fn field(out: &mut String, slot: &str, index: u32, refund: &Refund, charge: &Charge) {
    let owner = u64::from(refund.charge);
    let moved =
        !refund.release && (refund.status == RefundStatus::Succeeded || refund.had_succeeded);
    let failed = refund.status == RefundStatus::Failed;
    match slot {
        "id" => id::write(out, Kind::Refund, charge.bank_debit, u64::from(index)),
        "amount" => super::number(out, refund.amount),
        "balance_transaction" if moved => {
            super::quoted_id(out, Kind::Transaction, (u64::from(index) << 3) | 1);
        }
        "failure_balance_transaction" if failed && refund.had_succeeded => {
            super::quoted_id(out, Kind::Transaction, (u64::from(index) << 3) | 2);
        }
        "failure_reason" if failed => out.push_str("\"expired_or_canceled_card\""),
        "charge" => id::write(out, Kind::Charge, charge.bank_debit, owner),
        "created" => super::number(out, refund.created),
        "currency" => out.push_str(charge.currency.code()),
        "destination" => {
            out.push_str(if charge.bank_debit { "sepa_bank_transfer" } else { "card" })
        }
        "payment_intent" => id::write(out, Kind::Intent, false, owner),
        "payment_method" => id::write(out, Kind::Method, false, owner),
        "next_action" if refund.status == RefundStatus::RequiresAction => {
            out.push_str("{}");
        }
        "pending_reason" if refund.status == RefundStatus::Pending => {
            out.push_str("\"processing\"")
        }
        "reason" if refund.release && charge.expired => {
            out.push_str("\"expired_uncaptured_charge\"")
        }
        "reason" if !refund.release && index.is_multiple_of(3) => {
            out.push_str("\"requested_by_customer\"");
        }
        "status" => super::text_or_null(out, Some(refund.status.word())),
        _ => out.push_str("null"),
    }
}

const CHANGING: [&str; 6] = [
    "balance_transaction",
    "failure_balance_transaction",
    "failure_reason",
    "next_action",
    "pending_reason",
    "status",
];

/// Writes the fields that differ, with their values in `before`, as members of an open object.
pub(super) fn previous(
    out: &mut String,
    indent: usize,
    index: u32,
    charge: &Charge,
    before: &Refund,
    after: &Refund,
) -> bool {
    let any = super::differences(
        out,
        indent,
        &CHANGING,
        |out, name| field(out, name, index, before, charge),
        |out, name| field(out, name, index, after, charge),
    );
    if before.notes == after.notes {
        return any;
    }
    if any {
        out.push(',');
    }
    super::line(out, indent);
    out.push_str("\"metadata\": ");
    super::metadata_before(out, before.notes, indent);
    true
}
