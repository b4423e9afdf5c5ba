//! The death of each process: SIGKILL, during a page's request or at a message to Postgres, by
//! seed.

use fastrand::Rng;
use penstock_testkit::{Cut, CuttingProxy, RuntimeHost};

use crate::environments::PULLS;
use crate::gate::Gate;

pub struct Kills(Rng);

impl Kills {
    pub fn by(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Decides the death of a pull's process: at its third to seventh page request, or before that
    /// at a message to Postgres.
    pub fn doom(&mut self, place: usize, host: &RuntimeHost, proxy: &CuttingProxy, gate: &Gate) {
        if place >= PULLS.len() {
            return;
        }
        gate.doom(place, self.0.u32(3..=7), host.killer());
        if self.0.bool() {
            let cut = if self.0.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
            proxy.cut_at(self.0.u64(30..=140), cut, host.killer());
        }
    }
}
