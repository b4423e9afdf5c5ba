//! Replies that cannot be used, such as a body that was cut off: often the next one is whole.

use penstock_domain::clock::Clock;
use penstock_domain::paging::PageError;
use penstock_domain::retry::backoff;

use crate::error::FetchError;

/// Unusable replies in a row after which the invocation fails.
const MOST: u32 = 3;

/// The number of unusable replies in a row to one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unusable(u32);

impl Unusable {
    /// Counts one more unusable reply.
    ///
    /// # Errors
    /// [`FetchError::Page`] if this was the last attempt.
    pub fn one_more(self, source_name: &'static str, error: PageError) -> Result<Self, FetchError> {
        let unusable = self.0 + 1;
        if unusable == MOST {
            return Err(FetchError::Page { source_name, error });
        }
        tracing::warn!(
            event = "reply_unusable",
            source = source_name,
            unusable,
            error = error.to_string()
        );
        Ok(Self(unusable))
    }

    /// Pauses before the request is sent again; not before the first.
    pub async fn pause(self, clock: &impl Clock) {
        if self.0 > 0 {
            clock.sleep(backoff(self.0, fastrand::u32(..))).await;
        }
    }
}
