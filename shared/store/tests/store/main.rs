//! The tables of Postgres, and the statements over them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "to fail is to panic")]

mod admission;
mod connections;
mod erasing;
mod filled_migration;
mod isolation;
mod migrations;
mod outbox_move;
mod removal;
mod revenue_migration;
mod statements;
mod storage;
mod tls;
