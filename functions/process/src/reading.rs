//! The rows of a batch, read one by one.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::record::RowView;
use penstock_domain::source::{NotOurs, Stranger, Whose};
use penstock_store::facts::FactSet;
use penstock_store::not_ours::Note;
use penstock_store::outbox::{Claimed, DeadRow};
use penstock_store::sync_runs::RunTally;

use crate::Reader;
use crate::strangers::Strangers;

/// The rows of a batch, by what they are.
#[derive(Default)]
pub(crate) struct Readings<'a, F> {
    pub facts: F,
    pub dead: Vec<DeadRow>,
    pub not_ours: Vec<Note<'a>>,
    /// The connected accounts among them.
    pub strangers: Strangers<'a>,
    /// Rows of which it is not known whose they are, each with the reason.
    pub waiting: Vec<(OutboxId, &'static str)>,
    pub runs: BTreeMap<RunId, RunTally>,
}

/// One row, read.
enum Read<F> {
    Facts(F),
    NotOurs(NotOurs, Option<Stranger>),
    Waits(&'static str),
}

/// Reads all rows that a batch has claimed.
pub(crate) fn read<'a, R: Reader>(
    claimed: &[Claimed<'a>],
    reader: &R,
) -> Readings<'a, R::Facts<'a>> {
    let mut readings = Readings::<R::Facts<'a>>::default();
    for Claimed { row, run, .. } in claimed {
        // A row that came without a run counts in no report.
        let mut none = RunTally::default();
        let tally = run.map_or(&mut none, |run| readings.runs.entry(run).or_default());
        match read_one(*row, reader) {
            Ok(Read::Facts(facts)) => {
                tally.processed += 1;
                tally.unmapped.extend(facts.unmapped());
                readings.facts.append(facts);
            }
            Ok(Read::NotOurs(reason, stranger)) => {
                tally.processed += 1;
                if let Some(stranger) = stranger {
                    readings.strangers.count(row.source, stranger);
                }
                readings.not_ours.push(Note { row: row.id, source: row.source, reason });
            }
            Ok(Read::Waits(reason)) => readings.waiting.push((row.id, reason)),
            Err(reason) => {
                tally.dead += 1;
                readings.facts.append(reader.unreadable(*row, reason.kind));
                readings.dead.push(DeadRow { id: row.id, reason });
            }
        }
    }
    readings
}

/// Reads one row. A panic makes this row dead and no other.
fn read_one<'a, R: Reader>(row: RowView<'a>, reader: &R) -> Result<Read<R::Facts<'a>>, Reason> {
    let read = || match reader.whose(row) {
        Whose::Ours => reader.read(row).map(Read::Facts),
        Whose::NotOurs(reason @ NotOurs::ConnectedAccount) => {
            Ok(Read::NotOurs(reason, reader.stranger(row)))
        }
        Whose::NotOurs(reason) => Ok(Read::NotOurs(reason, None)),
        Whose::Unknown(reason) => Ok(Read::Waits(reason)),
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Reason::new(ReasonKind::Panicked, format!("our code panicked: {said}")))
    })
}
