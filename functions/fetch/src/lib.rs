//! The fetch function.
