//! Which connections a question is about.

/// The connections that a question is about: all of a vendor, one of them, or all there are.
///
/// A statement asks for them by `connections_of(:vendor, :connection)`, in a select of its own. So
/// Postgres calls the function once, and not for each row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The name of a vendor; `None` for all.
    pub vendor: Option<&'a str>,
    /// The name of a connection; `None` for all. One of another vendor than `vendor` is none.
    pub connection: Option<&'a str>,
}
