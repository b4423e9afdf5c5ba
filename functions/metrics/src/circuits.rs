//! Open circuits, as replies show them. Nothing is asked of a service whose circuit is open.

use jiff::Timestamp;
use penstock_store::circuits::Circuit;
use serde::Serialize;

/// The state of an open circuit.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "OpenCircuit"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenCircuit {
    /// `open` while nothing is asked, then `half_open`: one request finds out.
    state: &'static str,
    /// How often in a row it has failed.
    failures: u32,
    /// When it first failed.
    since: Timestamp,
    /// From when on one request finds out whether it answers.
    next_try_at: Timestamp,
}

/// A service that does not answer, or makes us wait, and its last word.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Outage"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outage {
    /// The vendor; `sqs` for the queues.
    source: String,
    connection: String,
    #[serde(flatten)]
    circuit: OpenCircuit,
    /// The last failure, in the service's own words if it had any.
    error: String,
}

impl OpenCircuit {
    pub(crate) fn of(circuit: &Circuit, now: Timestamp) -> Self {
        Self {
            state: if circuit.rests_until > now { "open" } else { "half_open" },
            failures: circuit.failures,
            since: circuit.since,
            next_try_at: circuit.rests_until,
        }
    }
}

impl Outage {
    pub(crate) fn of(vendor: String, circuit: Circuit, now: Timestamp) -> Self {
        let open = OpenCircuit::of(&circuit, now);
        let Circuit { source: connection, why: error, .. } = circuit;
        Self { source: vendor, connection, circuit: open, error }
    }
}
