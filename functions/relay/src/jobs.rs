//! The work on jobs that somebody has started, each at its rate, until the round's time is over.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::{JobId, OutboxId};
use penstock_domain::job::JobKind;
use penstock_domain::ticket::Ticket;
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::jobs::step::{self, AtWorkJob, Message};

use crate::{PATIENCE, Ports, ROWS, RelayError};

/// Jobs that are worked in a round. The others wait for the next.
pub(crate) const JOBS: i64 = 10;

/// Items that one transaction works.
pub(crate) const ITEMS: usize = 100;

/// Messages that are sent again at once.
const MESSAGES: i64 = 100;

/// The work on jobs in a round.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    /// The number of items that were begun.
    pub items: u64,
    /// Whether a job could not be worked. The next round goes on with it.
    pub failed: bool,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Works the jobs that run until `stop_at`. A job that fails holds up no other.
    pub(crate) async fn work_jobs(&self, stop_at: Timestamp) -> Worked {
        let mut all = Worked::default();
        let reading = async {
            let connection = self.database.connection().await?;
            step::at_work(&**connection, JOBS).await
        };
        let jobs: Result<Vec<AtWorkJob>, StoreError> =
            self.database.within(PATIENCE, reading).await;
        let jobs = jobs.unwrap_or_else(|error| {
            tracing::error!(event = "jobs_not_worked", error = chain(&error));
            all.failed = true;
            Vec::new()
        });
        for job in jobs {
            match self.work_job(&job, stop_at).await {
                Ok(items) => all.items += items,
                Err(error) => {
                    let job = job.id;
                    tracing::error!(event = "job_not_worked", %job, error = chain(&error));
                    all.failed = true;
                }
            }
        }
        if let Err(error) = self.search_for_people(stop_at).await {
            tracing::error!(event = "search_failed", error = chain(&error));
            all.failed = true;
        }
        if let Err(error) = self.settle_letters(stop_at).await {
            tracing::error!(event = "letters_not_settled", error = chain(&error));
            all.failed = true;
        }
        all
    }

    /// Begins as many items of a job as its rate allows, and notes what has become of others.
    async fn work_job(&self, job: &AtWorkJob, stop_at: Timestamp) -> Result<u64, RelayError> {
        let now = self.clock.now();
        let mut left = job.allowance(now);
        let mut items = 0;
        if job.kind == JobKind::Erase {
            return self.erase_person(job.id, left, stop_at).await;
        }
        if job.kind == JobKind::Replay {
            let sent = self.send_messages(job.id, left).await?;
            left = left.saturating_sub(sent);
            items += sent;
        }
        while left > 0 && !self.is_late(stop_at) {
            let begun = self.put_back_to_work(job, left.min(ITEMS)).await?;
            left = left.saturating_sub(begun);
            items += begun;
            if begun == 0 {
                break;
            }
        }
        let noting = async {
            let connection = self.database.connection().await?;
            step::note(&**connection, job.id, now).await
        };
        self.database.within(PATIENCE, noting).await?;
        self.settle(job.id, stop_at).await?;
        tracing::info!(event = "job_worked", job = %job.id, kind = job.kind.as_str(), items);
        Ok(u64::try_from(items).unwrap_or(u64::MAX))
    }

    pub(crate) fn is_late(&self, stop_at: Timestamp) -> bool {
        elapsed(self.clock.now(), stop_at).is_zero()
    }

    /// Puts rows back to work and sends their tickets. The rows are due, so that a ticket that is
    /// lost is sent again. Returns the number of items that were worked, with those that are
    /// skipped.
    async fn put_back_to_work(&self, job: &AtWorkJob, items: usize) -> Result<usize, RelayError> {
        let now = self.clock.now();
        let putting = async {
            let mut connection = self.database.connection().await?;
            step::put_back_to_work(&mut connection, job, items, now).await
        };
        let worked: Vec<Option<OutboxId>> = self.database.within(PATIENCE, putting).await?;
        let rows: Vec<OutboxId> = worked.iter().copied().flatten().collect();
        if !rows.is_empty() {
            let tickets = Ticket::split(&rows).map(|ticket| ticket.to_body()).collect();
            self.tickets.send_all(tickets).await?;
        }
        Ok(worked.len())
    }

    /// Sends messages again that never became rows, if they are requests to `fetch`. A crash after
    /// the sending sends them once more: a request that comes twice does no harm.
    async fn send_messages(&self, id: JobId, most: usize) -> Result<usize, RelayError> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX).min(MESSAGES);
        let reading = async {
            let connection = self.database.connection().await?;
            step::messages(&**connection, id, limit).await
        };
        let messages = self.database.within(PATIENCE, reading).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let outcomes: Vec<_> = messages.iter().map(|message| (message, refused(message))).collect();
        let bodies = messages.iter().filter_map(request).collect::<Vec<_>>();
        self.send_requests(&bodies).await?;
        let now = self.clock.now();
        let noting = async {
            let connection = self.database.connection().await?;
            step::sent_again(&**connection, id, &outcomes, now).await
        };
        self.database.within(PATIENCE, noting).await?;
        Ok(messages.len())
    }

    /// Notes the outcomes of the rows that were put back to work, and ends the job after the last.
    async fn settle(&self, id: JobId, stop_at: Timestamp) -> Result<(), RelayError> {
        let mut after = Some(-1);
        while let Some(place) = after.filter(|_| !self.is_late(stop_at)) {
            let settling = async {
                let connection = self.database.connection().await?;
                step::settle(&**connection, id, place, ROWS).await
            };
            after = self.database.within(PATIENCE, settling).await?;
        }
        let now = self.clock.now();
        let completing = async {
            let connection = self.database.connection().await?;
            step::complete(&**connection, id, now).await
        };
        if self.database.within(PATIENCE, completing).await? {
            tracing::info!(event = "job_completed", job = %id);
        }
        Ok(())
    }

    /// Settles the letters of rows that were replayed and are processed, whoever has replayed them.
    async fn settle_letters(&self, stop_at: Timestamp) -> Result<(), RelayError> {
        let mut after = None;
        while !self.is_late(stop_at) {
            let now = self.clock.now();
            let settling = async {
                let connection = self.database.connection().await?;
                step::settle_letters(&**connection, after, now, ROWS).await
            };
            after = self.database.within(PATIENCE, settling).await?;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// The request to `fetch` that a message carries.
fn request(message: &Message) -> Option<FetchRequest> {
    std::str::from_utf8(&message.body).ok().and_then(FetchRequest::of_message)
}

/// Why a message is not sent again; `None` if it is.
fn refused(message: &Message) -> Option<&'static str> {
    match (message.letter, request(message)) {
        (None, _) => Some("it is gone"),
        (Some(_), None) => Some("it is no request to fetch: send its body again yourself"),
        (Some(_), Some(_)) => None,
    }
}
