//! Replies that cannot be used, such as a body that was cut off: often the next one is whole.

use penstock_domain::clock::Clock;
use penstock_domain::paging::{Page, PageError};
use penstock_domain::retry::backoff;

use crate::error::FetchError;

/// Unusable replies in a row after which the invocation fails.
const MOST: u32 = 3;

/// The unusable replies in a row to one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unusable {
    faults: u32,
    /// Whether a reply was doubted, and the request sent once more.
    doubted: bool,
}

impl Unusable {
    /// Counts one more unusable reply.
    ///
    /// # Errors
    /// [`FetchError::Page`] if this was the last attempt.
    pub fn one_more(self, source_name: &str, error: PageError) -> Result<Self, FetchError> {
        let unusable = self.faults + 1;
        if unusable == MOST {
            return Err(FetchError::Page { source_name: source_name.to_owned(), error });
        }
        tracing::warn!(
            event = "reply_unusable",
            source = source_name,
            unusable,
            error = error.to_string()
        );
        Ok(Self { faults: unusable, ..self })
    }

    /// Notes a page that may be a fault that passes: its request is sent once more. `None` where
    /// the page is believed, because nothing speaks against it, or because it came a second time.
    pub fn doubt(self, source_name: &str, page: &Page<'_>) -> Option<Self> {
        let reason = page.doubt.filter(|_| !self.doubted)?;
        tracing::warn!(event = "reply_doubted", source = source_name, reason);
        Some(Self { doubted: true, ..self })
    }

    /// Pauses before the request is sent again; not before the first.
    pub async fn pause(self, clock: &impl Clock) {
        let sent = self.faults + u32::from(self.doubted);
        if sent > 0 {
            clock.sleep(backoff(sent, fastrand::u32(..))).await;
        }
    }
}
