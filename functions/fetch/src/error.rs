//! Why an invocation fails.

use penstock_clients::queue::QueueError;
use penstock_clients::vendor::VendorError;
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::json::place;
use penstock_domain::paging::PageError;
use penstock_domain::source::Source;
use penstock_store::StoreError;

/// The modes in which a source may have an entity.
const MODES: [Mode; 5] =
    [Mode::Full, Mode::Incremental, Mode::Refetch, Mode::Watch, Mode::Reconcile];

/// Why an invocation failed. The cursor is where the last committed page left it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The event is neither a request nor a batch of requests.
    #[error("not a fetch request: {0}")]
    NotARequest(String),
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
        source_name: String,
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

/// Says where the message is wrong, without any text of it.
impl From<serde_json::Error> for FetchError {
    fn from(error: serde_json::Error) -> Self {
        Self::NotARequest(place(&error))
    }
}

impl FetchError {
    /// Says what a request asks for in vain of a connection, or of none that is known. A name that
    /// none has is not repeated, because the message may hold anything there.
    pub(crate) fn unknown(source: Option<&dyn Source>, request: &FetchRequest) -> Self {
        let FetchRequest { source: name, entity, mode, .. } = request;
        let has = |mode: Mode| {
            source.is_some_and(|source| source.entities(mode).contains(&entity.as_str()))
        };
        let is_entity = MODES.into_iter().any(has);
        Self::Unknown {
            source_name: source.map_or("an unknown source", |_| name).to_owned(),
            entity: if is_entity { entity.clone() } else { "unknown entity".to_owned() },
            mode: mode.as_str(),
        }
    }

    /// Returns the class of failures that this error is of. A reply that cannot be used is a fault
    /// of the vendor, and the same page is asked for again.
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::NotARequest(_) | Self::Unknown { .. } => FailureClass::Permanent,
            Self::Vendor(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Page { .. } | Self::Queue(_) => FailureClass::Dependency,
        }
    }

    /// Whether the vendor gives no answer. Then it gives none to other pulls of its connection.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Vendor(VendorError::Unavailable { .. }))
    }

    /// Whether Postgres knows the work still to do, as a run under way or an object to read again.
    /// Then `relay` requests it again minutes later, and the message is done. If SQS delivered it
    /// again as well, an outage would only make it a dead letter.
    pub(crate) fn is_in_postgres(&self) -> bool {
        matches!(self, Self::Vendor(_) | Self::Page { .. } | Self::Store(StoreError::FenceLost(_)))
    }
}
