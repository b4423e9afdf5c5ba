//! The HTTP client of tests, tools and benchmarks.
//!
//! reqwest is built without a TLS provider, so whoever makes a client installs one first. The one
//! place for it keeps a test from passing only because another test of its process ran before.

/// Returns a client with reqwest's defaults.
///
/// # Panics
///
/// The system's TLS roots cannot be read.
#[must_use]
#[expect(clippy::expect_used, reason = "it fails only where the system has no TLS roots at all")]
pub fn new() -> reqwest::Client {
    builder().build().expect("an HTTP client")
}

/// Begins a client that needs more than the defaults.
#[expect(clippy::disallowed_methods, reason = "the home of the tests' client")]
pub fn builder() -> reqwest::ClientBuilder {
    // This fails only if a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
}
