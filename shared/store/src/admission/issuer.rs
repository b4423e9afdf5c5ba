//! The proof that a key carries by itself, before it is looked up.

use std::fmt::Debug;
use std::pin::Pin;

use jiff::Timestamp;
use penstock_domain::access::PresentedKey;

/// The proof of a key's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The mark is ours: the key was made here. It may have been revoked since.
    Ours,
    /// The mark is not ours, or keys without a mark are refused.
    Forged,
    /// The key has no mark, or the secret is not at hand: only a look-up tells.
    Unproven,
}

/// A verdict on its way.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Judges keys by their marks.
pub trait Issuer: Debug + Send + Sync {
    /// Judges a key. Only with `waits` is the secret read for it, if it was not read before: the
    /// first requests of an environment are looked up instead.
    fn judge<'a>(&'a self, key: &'a PresentedKey, now: Timestamp, waits: bool) -> Judging<'a>;
}
