//! Accounts of people: their roles, addresses, passwords, tokens and limits.

pub mod email;
pub mod letter;
pub mod limits;
pub mod link;
pub mod password;
mod role;
pub mod session;
pub mod token;

pub use email::Email;
pub use role::Role;

/// The longest name of a person, in characters.
pub const LONGEST_NAME: usize = 255;

/// The longest URL of a picture, in characters.
pub const LONGEST_IMAGE: usize = 2048;
