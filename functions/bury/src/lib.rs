//! The bury function.
