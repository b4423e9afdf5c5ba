//! The rows of a batch, read one by one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::erasure::{ERASED, ErasedNames};
use penstock_domain::facts::Kept;
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::intake::{EVENTS, LEADS};
use penstock_domain::record::RowView;
use penstock_domain::source::{NotOurs, Stranger, Whose};
use penstock_store::erased_names::Replaced;
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
    /// Rows that are kept without people who were erased.
    pub replaced: Vec<Replaced>,
    /// Rows of such people, of which nothing is kept.
    pub forgotten: Vec<OutboxId>,
}

/// A claimed row, and its text without people who were erased.
pub(crate) struct Screened<'a> {
    claimed: Claimed<'a>,
    /// `None` if the payload names none of them.
    payload: Option<Vec<u8>>,
    query: Option<String>,
}

impl<'a> Screened<'a> {
    /// Looks for the names in a row.
    pub fn of(claimed: Claimed<'a>, names: &ErasedNames) -> Self {
        let payload = names.masked(claimed.row.payload);
        Self { claimed, payload, query: claimed.query.map(|query| names.kept(query)) }
    }

    fn is_named(&self) -> bool {
        self.payload.is_some() || self.query.as_deref() != self.claimed.query
    }

    /// The row as it is kept.
    fn replaced(&self, kept: Kept) -> Replaced {
        let id = self.claimed.row.id;
        if kept == Kept::Others {
            let payload = self.masked().payload.to_vec();
            return Replaced { id, payload, query: self.query.clone() };
        }
        Replaced { id, payload: Vec::new(), query: None }
    }

    /// The row as it is read if it is about others.
    fn masked(&self) -> RowView<'_> {
        let row = self.claimed.row;
        RowView { payload: self.payload.as_deref().unwrap_or(row.payload), ..row }
    }

    /// Whether the payload was taken out of the row when its person was erased.
    fn is_erased(&self) -> bool {
        let row = self.claimed.row;
        row.media.content_type == ERASED && ![LEADS, EVENTS].contains(&row.source)
    }
}

/// One row, read.
enum Read<F> {
    Facts(F),
    NotOurs(NotOurs, Option<Stranger>),
    Waits(&'static str),
}

/// Reads all rows that a batch has claimed.
pub(crate) fn read<'a, R: Reader>(
    rows: &'a [Screened<'a>],
    reader: &R,
    names: &ErasedNames,
) -> Readings<'a, R::Facts<'a>> {
    let mut readings = Readings::<R::Facts<'a>>::default();
    for screened in rows {
        let Claimed { row, run, .. } = screened.claimed;
        // A row that came without a run counts in no report.
        let mut none = RunTally::default();
        let tally = run.map_or(&mut none, |run| readings.runs.entry(run).or_default());
        if screened.is_erased() {
            tally.processed += 1;
            continue;
        }
        match read_kept(screened, reader, names) {
            Ok((Read::Facts(facts), kept)) => {
                tally.processed += 1;
                tally.unmapped.extend(facts.unmapped());
                readings.facts.append(facts);
                match kept {
                    Kept::All => {}
                    Kept::Others | Kept::Facts => readings.replaced.push(screened.replaced(kept)),
                    Kept::Nothing => readings.forgotten.push(row.id),
                }
            }
            Ok((Read::NotOurs(reason, stranger), kept)) => {
                tally.processed += 1;
                if let Some(stranger) = stranger {
                    readings.strangers.count(row.source, stranger);
                }
                readings.not_ours.push(Note { row: row.id, source: row.source, reason });
                if kept != Kept::All {
                    readings.replaced.push(screened.replaced(Kept::Facts));
                }
            }
            Ok((Read::Waits(reason), _)) => readings.waiting.push((row.id, reason)),
            Err(mut reason) => {
                tally.dead += 1;
                readings.facts.append(reader.unreadable(row, reason.kind));
                if screened.is_named() || names.has_object(row) {
                    readings.replaced.push(screened.replaced(Kept::Facts));
                }
                if let Cow::Owned(detail) = kept_text(&reason.detail, names) {
                    reason.detail = detail;
                }
                readings.dead.push(DeadRow { id: row.id, reason });
            }
        }
    }
    readings
}

fn kept_text<'t>(text: &'t str, names: &ErasedNames) -> Cow<'t, str> {
    if names.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(names.kept(text)) }
}

/// Reads a row, and takes out what is about people who were erased.
fn read_kept<'a, R: Reader>(
    screened: &'a Screened<'a>,
    reader: &R,
    names: &ErasedNames,
) -> Result<(Read<R::Facts<'a>>, Kept), Reason> {
    let row = screened.claimed.row;
    let mut read = read_one(row, reader)?;
    if names.is_empty() {
        return Ok((read, Kept::All));
    }
    let is_named = screened.is_named();
    let kept = match &mut read {
        Read::Facts(facts) => facts.forget(row, is_named, names),
        _ if is_named => Kept::Facts,
        _ => Kept::All,
    };
    if kept == Kept::Others {
        return Ok((read_one(screened.masked(), reader)?, kept));
    }
    Ok((read, kept))
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
