//! The export of spans. Without the feature `otlp` nothing is kept, and nothing is sent.

use crate::span::Ended;
use crate::work::Work;

impl Work {
    /// Notes that this work has ended. [`flush`] sends it.
    pub fn ended(&self, ended: Ended) {
        #[cfg(feature = "otlp")]
        crate::otlp::note(self, ended);
        #[cfg(not(feature = "otlp"))]
        let _ = ended;
    }
}

/// Sends the spans that were noted, before the invocation ends: Lambda freezes what comes later.
/// Without the feature `otlp` there are none.
pub async fn flush() {
    #[cfg(feature = "otlp")]
    crate::otlp::flush().await;
}
