//! Google Calendar as a specification: the functions' own handlers over a real Postgres. The
//! calendar behaves, or misbehaves on command.

mod auth;
mod channels;
mod daily;
mod faults;
mod first_day;
mod handing_on;
mod kills;
mod left_out;
mod odd_replies;
mod pulling;
pub mod push;
mod rotation;
pub mod test_app;
