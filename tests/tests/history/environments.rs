//! The environments of `fetch`: one for each pull, and one for refetches.

use std::time::Duration;

use penstock_testkit::{CuttingProxy, Outcome, RuntimeHost, binary, memory_kib};
use serde_json::Value;

use crate::gate::Gate;
use crate::history_test::HistoryTest;
use crate::kills::Kills;

pub const EVENT: usize = 0;
pub const CONTACT: usize = 4;
pub const DEAL: usize = 5;
pub const CALENDAR: usize = 6;
pub const REFETCHES: usize = 7;

/// Source and entity of each pull, by place.
pub const PULLS: [(&str, &str); 7] = [
    ("stripe", "event"),
    ("stripe", "charge"),
    ("stripe", "refund"),
    ("stripe", "dispute"),
    ("hubspot", "contact"),
    ("hubspot", "deal"),
    ("gcal", "event"),
];

/// Returns the pull whose page a path is.
pub fn pull_of(path: &str) -> Option<usize> {
    match path {
        "/v1/events" => Some(EVENT),
        "/v1/charges" => Some(1),
        "/v1/refunds" => Some(2),
        "/v1/disputes" => Some(3),
        "/crm/objects/2026-09/contacts" | "/crm/objects/2026-09/contacts/search" => Some(CONTACT),
        "/crm/objects/2026-09/deals" | "/crm/objects/2026-09/deals/search" => Some(DEAL),
        _ => (path.starts_with("/calendar/v3/calendars/") && path.ends_with("/events"))
            .then_some(CALENDAR),
    }
}

/// Returns the place of the environment that serves a request to `fetch`.
pub fn place_of(request: &Value) -> usize {
    let of = |(source, entity): &(&str, &str)| {
        request["source"] == *source && request["entity"] == *entity
    };
    if request["mode"] == "object" {
        return REFETCHES;
    }
    PULLS.iter().position(of).unwrap_or_else(|| panic!("no environment serves {request}"))
}

/// An environment of `fetch`.
pub struct Environment {
    pub place: usize,
    host: RuntimeHost,
    /// The proxy before Postgres, if the environment may be killed at a message.
    proxy: Option<CuttingProxy>,
}

impl Environment {
    /// Starts a process. With `kills`, the point of its death is decided now.
    pub async fn start(
        place: usize,
        test: &HistoryTest,
        gate: &Gate,
        kills: Option<&mut Kills>,
    ) -> Self {
        let proxy = match kills {
            Some(_) => Some(CuttingProxy::start(test.db.login_of("fetch")).await),
            None => None,
        };
        let settings = test
            .settings(proxy.as_ref().map_or_else(|| test.db.url_of("fetch"), CuttingProxy::url));
        let env: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let host = RuntimeHost::start(&binary("fetch"), &env).await;
        if place < PULLS.len() {
            gate.enter(place, host.pid());
        }
        if let (Some(kills), Some(proxy)) = (kills, &proxy) {
            kills.doom(place, &host, proxy, gate);
        }
        Self { place, host, proxy }
    }

    /// Invokes the function, and returns the environment with the event and the outcome.
    pub async fn invoke(self, event: Value, deadline: Duration) -> (Self, Value, Outcome) {
        let outcome = self.host.invoke_with_deadline(event.clone(), deadline).await;
        (self, event, outcome)
    }

    /// Returns whether it was killed at a message to Postgres.
    pub fn was_cut(&self) -> bool {
        self.proxy.as_ref().is_some_and(CuttingProxy::was_cut)
    }

    /// Returns the peak of its resident memory, in KiB.
    pub fn peak_kib(&self) -> Option<u64> {
        memory_kib(self.host.pid(), "VmHWM")
    }
}
