//! The migrate function.
