//! The statements of `load`.

/// Those of `load`.
pub(super) const LOAD: &[&str] = &[
    "archive_loads.*",
    "archive_rebuilds.*",
    "archive_targets.*",
    "circuits.close",
    "circuits.find",
    "circuits.open",
    "circuits.probe",
    "circuits.try_now",
];
