//! The statements of `archive`.

/// Those of `archive`.
pub(super) const ARCHIVE: &[&str] = &[
    "analytics.*",
    "archive_batches.*",
    "archive_epochs.*",
    "archive_marks.advance",
    "archive_marks.ensure",
    "archive_marks.find",
    "archive_marks.hold",
    "archive_marks.manifested",
    "archive_marks.note_waiting",
    "archive_marks.oldest_waiting",
    "archive_marks.touch",
    "archive_marks.unmanifested",
    "archive_marks.waiting",
    "erased_names.since",
];
