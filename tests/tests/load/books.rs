//! Compares the replies that the clients got with the rows in the database, by id.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use crate::kinds::Found;
use crate::load_test::LoadTest;
use crate::queues::Brought;
use crate::traffic::{Answer, Plan};

/// A row of the outbox: its key, and its effects; `pending` if it is not processed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    key: String,
    effects: Vec<String>,
}

impl Row {
    fn is(&self, found: &Found) -> bool {
        let effects = self.effects.len() == found.effects.len()
            && self
                .effects
                .iter()
                .zip(&found.effects)
                .all(|(effect, wanted)| is_like(effect, wanted));
        effects && is_like(&self.key, &found.key)
    }
}

/// Returns whether words match the expected ones; a star matches any word.
fn is_like(words: &str, expected: &str) -> bool {
    let same = |(word, wanted): (&str, &str)| wanted == "*" || wanted == word;
    words.split(' ').count() == expected.split(' ').count()
        && words.split(' ').zip(expected.split(' ')).all(same)
}

/// The counts of a run.
#[derive(Debug, Default)]
pub struct Counts {
    requests: usize,
    answers: BTreeMap<(&'static str, u64), usize>,
    brought: Brought,
    rows: usize,
    slowest: Duration,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, answers, brought, rows, slowest } = self;
        let (sent, away) = (answers.values().sum::<usize>(), self.unavailable());
        let Brought { waited, delivered, rows: replayed } = brought;
        let direct = rows - usize::try_from(*replayed).unwrap_or(0);
        writeln!(
            f,
            "{requests} requests, sent {sent} times, {away} times in vain (503); the slowest answer took {slowest:?}"
        )?;
        writeln!(f, "{rows} rows: {direct} stored directly, {replayed} replayed")?;
        writeln!(f, "{waited} requests were spilled, and delivered {delivered} times")?;
        answers
            .iter()
            .try_for_each(|((kind, status), count)| writeln!(f, "  {kind}: {count} times {status}"))
    }
}

impl Counts {
    /// Returns how many requests were spilled.
    pub fn spilled(&self) -> usize {
        self.brought.waited
    }

    /// Returns how many answers were a 503.
    pub fn unavailable(&self) -> usize {
        self.answers.iter().filter(|((_, status), _)| *status == 503).map(|(_, count)| count).sum()
    }
}

/// Compares, and fails with the differences and all counts.
pub async fn check(test: &LoadTest, plan: &Plan, answers: &[Answer], brought: Brought) -> Counts {
    let mut counts = Counts { requests: plan.requests.len(), brought, ..Counts::default() };
    let (mut kept, mut wrong) = (vec![false; plan.requests.len()], Vec::new());
    for Answer { place, status, took } in answers {
        let kind = plan.requests[*place].kind;
        *counts.answers.entry((kind.name, *status)).or_default() += 1;
        counts.slowest = counts.slowest.max(*took);
        kept[*place] |= kind.kept.contains(status);
        if *status != 503 && !kind.kept.contains(status) && !kind.refused.contains(status) {
            wrong.push(format!("{} was answered {status}", kind.name));
        }
    }
    let mut there = rows(test).await;
    counts.rows = there.values().map(Vec::len).sum();
    for (request, kept) in plan.requests.iter().zip(kept) {
        for found in request.found() {
            match there.remove(&found.payload).unwrap_or_default().as_slice() {
                [] if !kept => {}
                [row] if row.is(&found) => {}
                rows => {
                    let (Found { key, effects, .. }, kind, n) =
                        (&found, request.kind.name, request.n);
                    wrong.push(format!(
                        "{kind} {n}: wanted {key:?} and {effects:?}, found {rows:?}"
                    ));
                }
            }
        }
    }
    wrong.extend(there.values().flatten().map(|row| format!("nobody sent {row:?}")));
    wrong.extend(contested_keys(test).await);
    assert!(
        wrong.is_empty(),
        "{} wrong, the first: {:#?}\n{counts}",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );
    counts
}

/// The outbox by payload.
async fn rows(test: &LoadTest) -> HashMap<Vec<u8>, Vec<Row>> {
    let sql = "
        with effects as (
            select outbox_id, concat_ws(' ', 'payment', external_id, amount, status) as effect from payments
            union all
            select outbox_id, concat_ws(' ', 'lead', state, coalesce(email, '-')) from leads
            union all
            select outbox_id, concat_ws(' ', 'event', event_id, user_id, type) from events
            union all
            select outbox_id, concat_ws(' ', 'letter', error_kind) from dead_letters
            union all
            select id, 'pending' from outbox where status = 'pending'
        )
        select o.payload, concat_ws(' ', o.source, o.entity, o.external_id, o.version_key),
               array_remove(array_agg(e.effect), null)
        from outbox o left join effects e on e.outbox_id = o.id
        group by o.id";
    let mut there: HashMap<Vec<u8>, Vec<Row>> = HashMap::new();
    for row in test.postgres.client().await.query(sql, &[]).await.unwrap() {
        there.entry(row.get(0)).or_default().push(Row { key: row.get(1), effects: row.get(2) });
    }
    there
}

/// Returns the shared Idempotency-Keys that do not have exactly one accepted lead, or whose
/// conflicting leads do not refer to it.
async fn contested_keys(test: &LoadTest) -> Vec<String> {
    let sql = "
        select concat_ws(' ', 'under', l.name, 'there are', count(*) filter (where l.state = 'accepted'), 'leads')
        from leads l left join leads first on first.id = l.conflicts_with
        where l.name like 'shared-%'
        group by l.name
        having count(*) filter (where l.state = 'accepted') <> 1
            or count(*) filter (where l.state = 'conflicting' and (first.name is distinct from l.name
                                                                   or first.state <> 'accepted')) > 0";
    let rows = test.postgres.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
