//! One batch in one transaction: as many round trips as it has kinds of effects and three more, whatever
//! its size and however many sources its rows come from.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::calendar_event::CalendarEvent;
use penstock_domain::clock::Clock;
use penstock_domain::contact::Contact;
use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::intake::Lead;
use penstock_domain::payment::{Payment, Status};
use penstock_domain::record::RowView;
use penstock_domain::settings::Settings;
use penstock_store::events::{self, Taken};
use penstock_store::outbox::{self, Claimed, Verdict};
use penstock_store::sync_runs::{self, Outcome};
use penstock_store::{
    StoreError, Transaction, begin, calendar_events, commit, contacts, leads, payments, refetch,
};

use crate::collapse::{collapse, newest};
use crate::{Effect, Normalize, Ports, Tally};

/// How long `relay` leaves a request for another look to the message that was sent with it.
const REFETCH_PAUSE: Duration = Duration::from_secs(300);

/// A batch, read.
#[derive(Default)]
struct Readings<'a> {
    movements: Vec<(&'a Claimed<'a>, Payment)>,
    contacts: Vec<(&'a Claimed<'a>, Contact)>,
    calendar: Vec<(&'a Claimed<'a>, CalendarEvent)>,
    leads: Vec<Lead>,
    events: Vec<Taken<'a>>,
    verdicts: Vec<Verdict>,
    runs: BTreeMap<RunId, Outcome>,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Claims, reads, upserts, marks and commits; or leaves everything as it was.
    pub(crate) async fn work_part(
        &self,
        ids: &[OutboxId],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let rows = outbox::claim(&tx, ids, now).await?;
        let claimed = rows.read()?;
        let readings = read(&claimed, self.normalize, &self.settings);
        let ties = self.upsert(&tx, &readings.movements, &claimed, now).await?;
        contacts::upsert(&tx, &people(&readings.contacts), now).await?;
        calendar_events::upsert(&tx, &entries(&readings.calendar), now).await?;
        leads::insert(&tx, &readings.leads).await?;
        events::insert(&tx, &readings.events).await?;
        outbox::bury(&tx, &readings.verdicts, now).await?;
        let runs: Vec<_> = readings.runs.into_iter().collect();
        sync_runs::count_processed(&tx, &runs, now).await?;
        commit(tx).await?;

        for verdict in &readings.verdicts {
            // The reason stands in the dead letter; here it could repeat what stands in the body (rule 12).
            tracing::warn!(event = "row_dead", outbox_id = %verdict.id, kind = verdict.reason.kind.as_str());
        }
        tally.dead += readings.verdicts.len();
        tally.processed += claimed.len() - readings.verdicts.len();
        tally.ties.extend(ties);
        if claimed.len() < ids.len() {
            // Processed before, or in the hands of another: only the latter must be looked at again.
            let pending = outbox::pending(&**connection, ids).await?;
            tally.left.extend(pending.into_iter().map(|(id, _)| id));
        }
        Ok(())
    }

    async fn upsert(
        &self,
        tx: &Transaction<'_>,
        movements: &[(&Claimed<'_>, Payment)],
        claimed: &[Claimed<'_>],
        now: Timestamp,
    ) -> Result<Vec<payments::Tie>, StoreError> {
        if movements.is_empty() {
            return Ok(Vec::new());
        }
        let find_ties = self.refetches.is_some();
        let batch: Vec<OutboxId> = claimed.iter().map(|row| row.id).collect();
        let versions = movements.iter().map(|(row, payment)| payments::Version {
            source: row.source,
            payment,
            row: row.id,
        });
        let collapsed = collapse(versions);
        let mut ties = payments::upsert(tx, &collapsed.newest, &batch, find_ties, now).await?;
        if !find_ties {
            return Ok(ties);
        }
        ties.extend(collapsed.ties);
        ties.sort_unstable();
        ties.dedup();
        if !ties.is_empty() {
            let objects: Vec<_> = ties
                .iter()
                .map(|t| (t.source.as_str(), t.kind.as_str(), t.external_id.as_str()))
                .collect();
            refetch::request(tx, &objects, now, now + REFETCH_PAUSE).await?;
        }
        Ok(ties)
    }
}

/// One version a contact.
fn people<'a>(contacts: &'a [(&'a Claimed<'a>, Contact)]) -> Vec<contacts::Version<'a>> {
    let versions = contacts.iter().map(|(row, contact)| contacts::Version {
        source: row.source,
        contact,
        row: row.id,
    });
    newest(versions, |v| (v.source, v.contact.external_id.as_str()), |v| v.contact.precedence())
}

/// One version an entry.
fn entries<'a>(
    calendar: &'a [(&'a Claimed<'a>, CalendarEvent)],
) -> Vec<calendar_events::Version<'a>> {
    let versions = calendar.iter().map(|(row, event)| calendar_events::Version {
        source: row.source,
        event,
        row: row.id,
    });
    let key = |v: calendar_events::Version<'a>| {
        (v.source, v.event.calendar_id.as_str(), v.event.external_id.as_str())
    };
    newest(versions, key, |v| v.event.precedence())
}

fn read<'a>(claimed: &'a [Claimed<'a>], normalize: Normalize, settings: &Settings) -> Readings<'a> {
    let mut readings = Readings::default();
    for row in claimed {
        let result = read_one(row, normalize, settings);
        let outcome = row.run.map(|run| readings.runs.entry(run).or_default());
        match result {
            Ok(effect) => {
                if let Some(outcome) = outcome {
                    outcome.processed += 1;
                    let unmapped =
                        effect.movements().iter().filter(|p| p.status == Status::Unmapped);
                    outcome
                        .unmapped
                        .extend(unmapped.map(|p| format!("{}:{}", p.kind.as_str(), p.raw_status)));
                }
                readings.take(row, effect);
            }
            Err(reason) => {
                if let Some(outcome) = outcome {
                    outcome.dead += 1;
                }
                readings.verdicts.push(Verdict { id: row.id, reason });
            }
        }
    }
    readings
}

impl<'a> Readings<'a> {
    fn take(&mut self, row: &'a Claimed<'a>, effect: Effect<'a>) {
        match effect {
            Effect::Payments(movements) => {
                self.movements.extend(movements.into_iter().map(|p| (row, p)))
            }
            Effect::Contacts(contacts) => {
                self.contacts.extend(contacts.into_iter().map(|c| (row, c)))
            }
            Effect::CalendarEvents(events) => {
                self.calendar.extend(events.into_iter().map(|e| (row, e)))
            }
            Effect::Nothing => {}
            Effect::Lead(lead) => self.leads.push(lead),
            Effect::Event(event) => {
                self.events.push(Taken { row: row.id, event_id: row.external_id, event })
            }
        }
    }
}

/// Reads one row; a panic is that row's own (trap 49).
fn read_one<'a>(
    row: &'a Claimed<'a>,
    normalize: Normalize,
    settings: &Settings,
) -> Result<Effect<'a>, Reason> {
    let view = RowView {
        id: row.id,
        entity: row.entity,
        external_id: row.external_id,
        version_at: row.version_at,
        payload: row.payload,
    };
    catch_unwind(AssertUnwindSafe(|| normalize(row.source, view, settings))).unwrap_or_else(
        |panic| {
            let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Reason::new(ReasonKind::Panicked, format!("our code panicked: {said}")))
        },
    )
}
