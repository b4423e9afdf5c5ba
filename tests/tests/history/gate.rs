//! The gate for every page request of `fetch`. It counts requests, records the sender's memory, and
//! kills some senders.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_testkit::memory_kib;

use crate::environments::{PULLS, pull_of};

type Killer = Box<dyn FnOnce() + Send>;

/// The environment that serves a pull.
#[derive(Default)]
struct Lane {
    pid: Option<u32>,
    /// The killer, and the number of further requests after which it is called.
    doomed: Option<(u32, Killer)>,
    /// Resident memory in KiB, at each request.
    resident: Vec<u64>,
}

/// The gate that the three simulators share.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<Vec<Lane>>>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(PULLS.iter().map(|_| Lane::default()).collect())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request through. Returns whether it is for a page.
    pub fn pass(&self, path: &str) -> bool {
        let Some(place) = pull_of(path) else { return false };
        let mut lanes = self.lock();
        let lane = &mut lanes[place];
        lane.resident.extend(lane.pid.and_then(|pid| memory_kib(pid, "VmRSS")));
        if let Some((left, killer)) = lane.doomed.take() {
            if left > 1 {
                lane.doomed = Some((left - 1, killer));
            } else {
                killer();
            }
        }
        true
    }

    /// Names the process that serves the pull from now on.
    pub fn enter(&self, place: usize, pid: u32) {
        let lane = &mut self.lock()[place];
        (lane.pid, lane.doomed) = (Some(pid), None);
    }

    /// Calls `killer` at the pull's `nth` request from now.
    pub fn doom(&self, place: usize, nth: u32, killer: impl FnOnce() + Send + 'static) {
        self.lock()[place].doomed = Some((nth, Box::new(killer)));
    }

    /// Returns the resident memory in KiB at each request of a pull.
    pub fn resident(&self, place: usize) -> Vec<u64> {
        self.lock()[place].resident.clone()
    }
}
