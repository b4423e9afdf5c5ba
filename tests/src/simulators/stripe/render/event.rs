//! Renders an event as JSON: the object as it was at the change, in the event's own version.

use super::super::event::{ApiVersion, Event, Snapshot};
use super::super::id::{self, Kind};
use super::template::{Shape, Template};

static EVENT: Template = Template::new(include_str!("templates/event.json"));

/// Returns the id of the object in a snapshot.
pub(crate) fn snapshot_id(snapshot: &Snapshot) -> String {
    match snapshot {
        Snapshot::Charge(i, c, _) => id::encode(Kind::Charge, c.bank_debit, u64::from(*i)),
        Snapshot::Refund(i, _, c) => id::encode(Kind::Refund, c.bank_debit, u64::from(*i)),
        Snapshot::Dispute(i, _, _) => {
            id::encode(Kind::Dispute, super::dispute_variant(*i), u64::from(*i))
        }
    }
}

impl Shape {
    /// Returns the shape of objects in this version, unexpanded.
    pub(crate) const fn of(version: ApiVersion) -> Self {
        if version.expands_refunds() { Self::Old } else { Self::New }
    }
}

/// Writes an event.
pub(crate) fn event(out: &mut String, indent: usize, index: u32, event: &Event) {
    let shape = Shape::of(event.version);
    EVENT.render(out, Shape::New, indent, |out, slot, depth| match slot {
        "id" => id::write(out, Kind::Event, false, u64::from(index)),
        "api_version" => out.push_str(event.version.word()),
        "created" => super::number(out, event.created),
        "object" => snapshot(out, depth, shape, &event.after),
        "previous" => previous(out, depth, shape, event),
        "request" if event.request > 0 => {
            super::quoted_id(out, Kind::Request, u64::from(event.request));
        }
        "idempotency_key" if event.request > 0 => {
            out.push_str("\"8b2f5c1e-5d0a-4c7e-9a53-");
            super::number(out, 100_000_000_000 + i64::from(event.request));
            out.push('"');
        }
        "type" => out.push_str(event.kind.word()),
        _ => out.push_str("null"),
    });
}

fn snapshot(out: &mut String, indent: usize, shape: Shape, of: &Snapshot) {
    match of {
        Snapshot::Charge(index, charge, refunds) => {
            super::charge(out, indent, shape, *index, charge, refunds);
        }
        Snapshot::Refund(index, refund, charge) => {
            super::refund(out, indent, shape, *index, refund, charge);
        }
        Snapshot::Dispute(index, dispute, charge) => {
            super::dispute(out, indent, shape, *index, dispute, charge);
        }
    }
}

/// Writes `previous_attributes`. The field is absent if the object is new or nothing differs.
fn previous(out: &mut String, indent: usize, shape: Shape, event: &Event) {
    let Some(before) = event.before.as_deref() else { return };
    let mut inner = String::new();
    let deeper = indent + 2;
    let any = match (before, &event.after) {
        (Snapshot::Charge(i, was, old), Snapshot::Charge(_, is, new)) => {
            super::charge::previous(&mut inner, deeper, shape, *i, (was, old), (is, new))
        }
        (Snapshot::Refund(i, was, charge), Snapshot::Refund(_, is, _)) => {
            super::refund::previous(&mut inner, deeper, *i, charge, was, is)
        }
        (Snapshot::Dispute(i, was, charge), Snapshot::Dispute(_, is, _)) => {
            super::dispute::previous(&mut inner, deeper, shape, *i, charge, was, is)
        }
        _ => false,
    };
    if any {
        out.push(',');
        super::line(out, indent);
        out.push_str("\"previous_attributes\": {");
        out.push_str(&inner);
        super::line(out, indent);
        out.push('}');
    }
}
