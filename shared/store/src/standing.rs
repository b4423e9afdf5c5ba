//! How the deployment stands: what `/readyz` and the console call well.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::connection::QUEUES;
use tokio_postgres::GenericClient;

use crate::StoreError;
use crate::circuits::{self, Circuit};
use crate::freshness::{self, Pull};
use crate::sync_state::pauses::{self, Pause};

/// The state of vendors and services, as Postgres has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The pulls of all connections, by connection.
    pub pulls: Vec<Pull>,
    /// Those that vendors refuse, each with its vendor.
    pub refused: Vec<(String, Pause)>,
    /// The circuits that are open, each with its vendor.
    pub open: Vec<(String, Circuit)>,
}

/// The state of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfConnection<'a> {
    /// The name of the connection.
    pub name: &'a str,
    /// The name of the vendor.
    pub source: &'a str,
    /// Whether nothing is wrong with it. One that a person has paused is never wrong.
    pub is_well: bool,
    /// Whether it is pulled; otherwise a person has paused it.
    pub is_active: bool,
    /// When its most backward pull last succeeded; `None` if one of them never has.
    pub last_sync: Option<Timestamp>,
    /// Its pulls.
    pub pulls: &'a [Pull],
    /// The pulls that the vendor refuses.
    pub refused: Vec<&'a Pause>,
    /// Present while the vendor does not answer, or makes us wait.
    pub circuit: Option<&'a Circuit>,
}

/// Returns how the deployment stands. `declared` is the names of the sources whose first
/// connections the template declares.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn read(on: &impl GenericClient, declared: &[&str]) -> Result<Standing, StoreError> {
    let (pulls, refused, open) =
        tokio::try_join!(freshness::pulls(on, declared), pauses::all(on), circuits::all(on))?;
    Ok(Standing { pulls, refused, open })
}

impl Standing {
    /// Returns the state of each connection. A pull that was silent for longer than `freshness` is
    /// late.
    #[must_use]
    pub fn connections(&self, freshness: Duration, now: Timestamp) -> Vec<OfConnection<'_>> {
        let of_one = self.pulls.chunk_by(|a, b| a.connection == b.connection);
        of_one.filter_map(|pulls| self.connection(pulls, freshness, now)).collect()
    }

    fn connection<'a>(
        &'a self,
        pulls: &'a [Pull],
        freshness: Duration,
        now: Timestamp,
    ) -> Option<OfConnection<'a>> {
        let first = pulls.first()?;
        let name = first.connection.as_str();
        let of_it = self.refused.iter().map(|(_, pause)| pause);
        let refused: Vec<&Pause> = of_it.filter(|pause| pause.source == name).collect();
        let is_late = pulls.iter().any(|pull| pull.lag(now) > freshness);
        let all_synced = pulls.iter().map(|pull| pull.last_success).collect::<Option<Vec<_>>>();
        let circuit = self.circuit(name);
        Some(OfConnection {
            name,
            source: &first.source,
            is_well: !first.is_active || !is_late && refused.is_empty() && circuit.is_none(),
            is_active: first.is_active,
            last_sync: all_synced.and_then(|times| times.into_iter().min()),
            pulls,
            refused,
            circuit,
        })
    }

    /// Returns the open circuit of a connection or a service.
    #[must_use]
    pub fn circuit(&self, name: &str) -> Option<&Circuit> {
        self.open.iter().map(|(_, circuit)| circuit).find(|circuit| circuit.source == name)
    }

    /// Whether nothing is wrong: with no connection, and with the queues.
    #[must_use]
    pub fn is_well(&self, freshness: Duration, now: Timestamp) -> bool {
        let connections = self.connections(freshness, now);
        connections.iter().all(|of| of.is_well) && self.circuit(QUEUES).is_none()
    }
}
