//! The pushes of a company's own clients while the tour runs: leads, and events of users.

use serde_json::{Value, json};

use super::TourError;
use super::set_up::Tour;

/// Events in one request.
const BATCH: u32 = 50;

/// The number of users that the events belong to.
const USERS: u32 = 20;

/// The leads and events sent so far.
#[derive(Debug, Default)]
pub(super) struct Senders {
    leads: u32,
    events: u32,
}

impl Senders {
    /// Sends a lead and a batch of events to the HTTP API. It sends each twice, as a client does
    /// that got no reply.
    pub(super) async fn send(&mut self, tour: &Tour) -> Result<(), TourError> {
        let (n, first) = (self.leads, self.events);
        // Counted first: what is not answered is not sent a third time.
        self.leads += 1;
        self.events += BATCH;
        let lead = json!({"email": format!("lead{n}@example.com"), "name": format!("Lead {n}"), "source": "tour"});
        let event = |i: u32| {
            let id = first + i;
            let kind =
                ["page_view", "click", "signup", "purchase"][usize::try_from(id % 4).unwrap_or(0)];
            let user = format!("user-{}", id % USERS);
            json!({"userId": user, "sessionId": format!("s-{n}"), "type": kind, "payload": {"n": id}})
        };
        let events = json!((0..BATCH).map(event).collect::<Vec<_>>());
        for (lead_status, events_status) in [(201, 202), (200, 202)] {
            post(tour, "/leads", &format!("lead-{n}"), &lead, lead_status).await?;
            post(tour, "/events", &format!("events-{n}"), &events, events_status).await?;
        }
        Ok(())
    }

    /// Compares the rows of the tables with what was sent.
    pub(super) async fn must_be_there(&self, tour: &Tour) -> Result<String, TourError> {
        let counts = "select (select count(*) from leads), (select count(*) from events)";
        let row =
            tour.sql().query_one(counts, &[]).await.map_err(crate::stack::StackError::from)?;
        let (leads, events): (i64, i64) = (row.get(0), row.get(1));
        let journey = tour.gateway.get("/users/user-0/journey?limit=1000", &tour.key).await?;
        let seen = journey["events"].as_array().map_or(0, Vec::len);
        let (sent_leads, sent_events, of_user) =
            (self.leads, self.events, self.events.div_ceil(USERS));
        if (leads, events) != (i64::from(sent_leads), i64::from(sent_events))
            || u32::try_from(seen) != Ok(of_user)
        {
            let said = format!(
                "{leads} of {sent_leads} leads, {events} of {sent_events} events, {seen} of {of_user} of user-0"
            );
            return Err(TourError::Wrong(said));
        }
        Ok(format!(
            "{leads} leads and {events} events sent twice, each there once; the journey of user-0 has its {seen}"
        ))
    }
}

async fn post(
    tour: &Tour,
    path: &str,
    key: &str,
    body: &Value,
    status: u16,
) -> Result<(), TourError> {
    let headers = [
        ("X-Api-Key", tour.ingest_key.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    let reply = tour.gateway.post(path, &headers, body.to_string()).await?;
    if reply.status != status {
        return Err(TourError::Wrong(format!(
            "POST {path} was answered {}: {}",
            reply.status, reply.body
        )));
    }
    Ok(())
}
