//! The line of `archive` that an alarm is made of.

use archive::Request;
use penstock_tests::captured_log::CapturedLog;

use super::filters::{Told, told};
use crate::archive::{ArchiveApp, Fault, NOW};

/// A file is not taken, and is taken by the next round.
async fn a_file_is_not_written() -> [Told; 1] {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.db.until_over().await;
    app.objects.fails([Fault::Busy]);
    let log = CapturedLog::start();
    app.try_serve(Request::due()).await.unwrap_err();
    app.due().await;
    [told("ArchiveWaitFilter", &log, 2)]
}

pub(super) async fn copies() -> [Told; 1] {
    Box::pin(a_file_is_not_written()).await
}
