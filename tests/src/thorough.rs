//! How much the tests try that could try for ever: `make test` tries a part, continuous integration
//! all.

use penstock_edge::config;

/// Returns how many of `all` seeds, points or cases a test tries: a sixth, or all of them if
/// PENSTOCK_THOROUGH is 1, as in continuous integration.
#[must_use]
pub fn part(all: u64) -> u64 {
    if is_thorough() { all } else { all.div_ceil(6) }
}

/// Returns whether PENSTOCK_THOROUGH is 1.
#[must_use]
pub fn is_thorough() -> bool {
    config::from_process().given("PENSTOCK_THOROUGH") == Some("1")
}
