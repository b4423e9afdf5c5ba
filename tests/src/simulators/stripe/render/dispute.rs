//! Renders a dispute as JSON.

use super::super::id::{self, Kind};
use super::super::model::{Charge, Dispute, DisputeStatus};
use super::template::{Shape, Template};

static DISPUTE: Template = Template::new(include_str!("templates/dispute.json"));
static TRANSACTION: Template = Template::new(include_str!("templates/balance_transaction.json"));

const REASONS: [&str; 5] =
    ["fraudulent", "general", "product_not_received", "duplicate", "subscription_canceled"];

/// Returns whether the id of the `index`-th dispute begins with `du_` instead of `dp_`.
pub(crate) const fn variant(index: u32) -> bool {
    index % 2 == 1
}

/// Writes a dispute of `charge`.
pub(crate) fn dispute(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    dispute: &Dispute,
    charge: &Charge,
) {
    DISPUTE.render(out, shape, indent, |out, slot, depth| match slot {
        "balance_transactions" => transactions(out, depth, shape, index, dispute, charge),
        "metadata" => super::metadata(out, index, dispute.notes, depth),
        "status" => out.push_str(dispute.status.word()),
        _ => field(out, slot, index, dispute, charge),
    });
}

fn field(out: &mut String, slot: &str, index: u32, dispute: &Dispute, charge: &Charge) {
    let owner = u64::from(dispute.charge);
    match slot {
        "id" => id::write(out, Kind::Dispute, variant(index), u64::from(index)),
        "amount" => super::number(out, dispute.amount),
        "balance_transaction" if dispute.withdrawn_at > 0 => {
            super::quoted_id(out, Kind::Transaction, (u64::from(index) << 3) | 3);
        }
        "charge" => id::write(out, Kind::Charge, charge.bank_debit, owner),
        "created" => super::number(out, dispute.created),
        "currency" => out.push_str(charge.currency.code()),
        "email" => {
            out.push_str("customer+");
            super::number(out, i64::from(dispute.charge));
            out.push_str("@example.com");
        }
        "name" => out.push_str(super::name(dispute.charge)),
        "due_by" => super::number(out, dispute.created + 21 * 86_400),
        "has_evidence" => super::boolean(out, dispute.submissions > 0),
        "submission_count" => super::number(out, i64::from(dispute.submissions)),
        "is_charge_refundable" => super::boolean(
            out,
            matches!(
                dispute.status,
                DisputeStatus::WarningNeedsResponse | DisputeStatus::WarningUnderReview
            ),
        ),
        "payment_intent" => id::write(out, Kind::Intent, false, owner),
        "case_type" if dispute.withdrawn_at > 0 => out.push_str("chargeback"),
        "case_type" => out.push_str("inquiry"),
        "reason" => {
            let pick = usize::try_from(index % 5).ok().and_then(|i| REASONS.get(i));
            out.push_str(pick.copied().unwrap_or("general"));
        }
        "status" => super::text_or_null(out, Some(dispute.status.word())),
        _ => out.push_str("null"),
    }
}

/// Writes up to two balance transactions: the money taken, and the money given back.
fn transactions(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    dispute: &Dispute,
    charge: &Charge,
) {
    let taken = (dispute.withdrawn_at, -dispute.amount, 3, "Chargeback withdrawal", "dispute");
    let given =
        (dispute.reinstated_at, dispute.amount, 4, "Chargeback reversal", "dispute_reversal");
    let moves: Vec<_> = [taken, given].into_iter().filter(|m| m.0 > 0).collect();
    if moves.is_empty() {
        return out.push_str("[]");
    }
    out.push('[');
    for (place, (at, amount, salt, what, category)) in moves.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        super::line(out, indent + 2);
        TRANSACTION.render(out, shape, indent + 2, |out, slot, _| match slot {
            "id" => id::write(out, Kind::Transaction, false, (u64::from(index) << 3) | salt),
            "amount" => super::number(out, *amount),
            "created" => super::number(out, *at),
            "description" => {
                out.push_str(what);
                out.push_str(" for ");
                let owner = u64::from(dispute.charge);
                id::write(out, Kind::Charge, charge.bank_debit, owner);
            }
            "category" => out.push_str(category),
            "source" => id::write(out, Kind::Dispute, variant(index), u64::from(index)),
            _ => out.push_str(charge.currency.code()),
        });
    }
    super::line(out, indent);
    out.push(']');
}

/// Writes the fields that differ, with their values in `before`, as members of an open object.
pub(super) fn previous(
    out: &mut String,
    indent: usize,
    shape: Shape,
    index: u32,
    charge: &Charge,
    before: &Dispute,
    after: &Dispute,
) -> bool {
    let write = |dispute: &Dispute, out: &mut String, name: &'static str| match name {
        "balance_transactions" => transactions(out, indent, shape, index, dispute, charge),
        "evidence_details" => evidence_details(out, indent, dispute),
        "metadata" => super::metadata_before(out, dispute.notes, indent),
        _ => field(out, name, index, dispute, charge),
    };
    let names =
        ["balance_transactions", "evidence_details", "is_charge_refundable", "metadata", "status"];
    super::differences(
        out,
        indent,
        &names,
        |out, name| write(before, out, name),
        |out, name| write(after, out, name),
    )
}

/// Writes the part of `evidence_details` that a submission changes.
fn evidence_details(out: &mut String, indent: usize, dispute: &Dispute) {
    out.push('{');
    super::line(out, indent + 2);
    out.push_str("\"has_evidence\": ");
    super::boolean(out, dispute.submissions > 0);
    out.push(',');
    super::line(out, indent + 2);
    out.push_str("\"submission_count\": ");
    super::number(out, i64::from(dispute.submissions));
    super::line(out, indent);
    out.push('}');
}
