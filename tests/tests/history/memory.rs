//! Memory that does not grow with the history.

use crate::environments::PULLS;
use crate::gate::Gate;
use crate::local_lambda::LocalLambda;

/// The limit of resident memory at any time, in KiB.
const MOST: u64 = 64 * 1024;

/// The most that memory may grow after a tenth of the pages, in KiB.
const GROWTH: u64 = 8 * 1024;

/// Pulls of fewer pages say nothing about growth.
const PAGES: usize = 40;

/// Asserts that no process exceeded the limit, and that memory stayed flat after a tenth of the
/// pages. If processes were killed, each life is too short to show growth.
pub fn assert_flat(lambda: &LocalLambda<'_>, gate: &Gate, killed: bool) {
    if !cfg!(target_os = "linux") {
        println!("memory was not looked at: only Linux says how much is resident");
        return;
    }
    let mut grown = Vec::new();
    for (place, peak) in lambda.peaks() {
        let (source, entity) = PULLS[place];
        let resident = gate.resident(place);
        let peak = resident.iter().copied().fold(peak, u64::max);
        let (early, last) = (resident[resident.len() / 10], resident[resident.len() - 1]);
        println!(
            "fetch of {source} {entity}: {} requests for pages, {} KiB resident after a tenth of them, {} KiB in the end, at most {peak} KiB",
            resident.len(),
            early,
            last
        );
        if peak >= MOST || (!killed && resident.len() >= PAGES && last >= early + GROWTH) {
            grown.push((source, entity));
        }
    }
    assert!(grown.is_empty(), "{grown:?} took more than {MOST} KiB, or grew by {GROWTH}");
}
