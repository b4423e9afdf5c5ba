//! Where every request of `fetch` for a page passes: it is counted, the memory of who sent it is noted, and some are the
//! last that their sender sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_testkit::memory_kib;

use crate::environments::{PULLS, pull_of};

type Killer = Box<dyn FnOnce() + Send>;

/// What is known of the environment that serves a pull.
#[derive(Default)]
struct Lane {
    pid: Option<u32>,
    /// Who is to be killed, after how many requests more.
    doomed: Option<(u32, Killer)>,
    /// Resident, in KiB, at each request.
    resident: Vec<u64>,
}

/// Shared by the three simulators.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<Vec<Lane>>>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(PULLS.iter().map(|_| Lane::default()).collect())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request through; whether it is for a page.
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

    /// From now on this process serves the pull.
    pub fn enter(&self, place: usize, pid: u32) {
        let lane = &mut self.lock()[place];
        (lane.pid, lane.doomed) = (Some(pid), None);
    }

    /// Has `killer` called at the pull's `nth` request from now.
    pub fn doom(&self, place: usize, nth: u32, killer: impl FnOnce() + Send + 'static) {
        self.lock()[place].doomed = Some((nth, Box::new(killer)));
    }

    /// What was resident at each request of a pull, in KiB.
    pub fn resident(&self, place: usize) -> Vec<u64> {
        self.lock()[place].resident.clone()
    }
}
