//! Many versions of one object in a batch become the one that stands: a statement must not touch a key
//! twice (trap 17).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use penstock_domain::ids::OutboxId;
use penstock_domain::payment::Payment;
use penstock_store::payments::Tie;

/// A batch with one version a key.
pub(crate) struct Collapsed<'a> {
    pub newest: Vec<(&'a Payment, OutboxId)>,
    /// Keys whose newest versions carry the same second and do not say the same.
    pub ties: Vec<Tie>,
}

pub(crate) fn collapse(movements: &[(Payment, OutboxId)]) -> Collapsed<'_> {
    let mut newest: HashMap<_, (&Payment, OutboxId, bool)> = HashMap::with_capacity(movements.len());
    for (payment, id) in movements {
        match newest.entry((payment.kind, payment.external_id.as_str())) {
            Entry::Vacant(free) => {
                free.insert((payment, *id, false));
            }
            Entry::Occupied(mut held) => {
                let (other, _, tied) = *held.get();
                let same_second = payment.version_at == other.version_at;
                let tied =
                    (tied && payment.version_at <= other.version_at) || (same_second && !payment.agrees_with(other));
                if payment.precedence() > other.precedence() {
                    held.insert((payment, *id, tied));
                } else {
                    held.get_mut().2 = tied;
                }
            }
        }
    }
    let tie = |p: &Payment| Tie { kind: p.kind.as_str().to_owned(), external_id: p.external_id.clone() };
    let ties = newest.values().filter(|(.., tied)| *tied).map(|(p, ..)| tie(p)).collect();
    Collapsed { newest: newest.into_values().map(|(p, id, _)| (p, id)).collect(), ties }
}
