//! Why an invocation fails.

use penstock_clients::queue::QueueError;
use penstock_clients::vendor::VendorError;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::paging::PageError;
use penstock_store::StoreError;

/// Why an invocation failed. The cursor is where the last committed page left it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The event is neither a request nor a batch of requests.
    #[error("not a fetch request: {0}")]
    NotARequest(#[from] serde_json::Error),
    /// The request names a source, entity or mode that no configured source has.
    #[error("{source_name} has no {entity} to fetch in mode {mode}")]
    Unknown {
        /// The source asked for.
        source_name: String,
        /// The entity asked for.
        entity: String,
        /// The mode asked for.
        mode: &'static str,
    },
    /// The vendor gives no reply, or refuses.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// The vendor's reply cannot be used, although it was asked for several times.
    #[error("{source_name}: {error}")]
    Page {
        /// The source that replied.
        source_name: &'static str,
        /// The reason why its reply cannot be used.
        error: PageError,
    },
    /// Postgres failed, or another invocation has taken the lease.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQS did not take the message that goes on with the run.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl FetchError {
    pub(crate) fn unknown(request: &FetchRequest) -> Self {
        let FetchRequest { source, entity, mode, .. } = request;
        Self::Unknown { source_name: source.clone(), entity: entity.clone(), mode: mode.as_str() }
    }

    /// Whether Postgres knows the work still to do, as a run under way or an object to read again.
    /// Then `relay` requests it again minutes later, and the message is done. If SQS delivered it
    /// again as well, an outage would only make it a dead letter.
    pub(crate) fn is_in_postgres(&self) -> bool {
        matches!(self, Self::Vendor(_) | Self::Page { .. } | Self::Store(StoreError::FenceLost(_)))
    }
}
