//! The daily digest of the tour's data, as a page to open in a browser.

use serde_json::json;

use super::TourError;
use super::set_up::Tour;
use crate::repository::root;

/// The file, from the root of the repository.
const PAGE: &str = ".local/digest.html";

/// Has `digest` compose the digest, writes its page, and returns a line with the path.
///
/// # Errors
///
/// [`TourError`] if the function fails, or the file cannot be written.
pub(super) async fn write(tour: &Tour) -> Result<String, TourError> {
    let reply = tour.stack.invoke("digest", &json!({"digest": "preview"})).await?;
    let text = |name: &str| reply["preview"][name].as_str().unwrap_or_default();
    std::fs::write(root().join(PAGE), text("html"))?;
    Ok(format!("digest: {} - {PAGE}", text("subject")))
}
