//! The words for an HTTP request that brought no reply.

/// Describes the error and its causes. The URL is left out, because its query may hold values that
/// no log should show.
pub(crate) fn describe(e: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(e), |e| e.source());
    let failure = if e.is_timeout() {
        "timed out"
    } else if e.is_connect() {
        "cannot connect"
    } else {
        "broken off"
    };
    std::iter::once(failure.to_owned())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
