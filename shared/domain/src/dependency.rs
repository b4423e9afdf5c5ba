//! Services that a request depends on and may find away, such as Postgres.

use std::error::Error;

/// An error of such a service. A reply depends on one thing: is the same request worth another try?
pub trait Dependency: Error + Send + Sync + 'static {
    /// Whether the dependency cannot be reached now and may be back in seconds.
    fn is_unreachable(&self) -> bool;
}
