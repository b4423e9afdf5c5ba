//! The lines of `archive` that alarms are made of.

use archive::Request;
use penstock_tests::captured_log::CapturedLog;

use super::filters::{Told, told};
use crate::archive::{ArchiveApp, Fault, NOW, Stored};

/// A file is not taken, and is taken by the next round.
async fn a_file_is_not_written() -> Told {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.db.until_over().await;
    app.objects.fails([Fault::Busy]);
    let log = CapturedLog::start();
    app.try_serve(Request::due()).await.unwrap_err();
    app.due().await;
    told("ArchiveWaitFilter", &log, 2)
}

/// Two files name somebody who was erased. One cannot be read. The other is written once more, and
/// its object cannot be deleted.
async fn files_name_a_person_still() -> [Told; 2] {
    let app = ArchiveApp::new().await;
    app.events(1, 7, "2026-03-27T12:00:00Z").await;
    app.events(8, 14, NOW).await;
    app.due().await;
    app.erase(1).await;
    let bad = app.objects.keys().remove(0);
    app.objects.store(&bad, Stored { body: "no Parquet".into(), facts: [].into() });
    app.objects.keeps([Fault::Refused]);
    let log = CapturedLog::start();
    app.due().await;
    ["FileNotSearchedFilter", "FileNotRemovedFilter"].map(|filter| told(filter, &log, 1))
}

pub(super) async fn copies() -> [Told; 3] {
    let [not_searched, not_removed] = Box::pin(files_name_a_person_still()).await;
    [Box::pin(a_file_is_not_written()).await, not_searched, not_removed]
}
