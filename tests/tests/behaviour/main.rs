//! The main job as a specification: the functions' own handlers over a real Postgres and a Stripe that
//! behaves, or misbehaves on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]

mod arrivals;
mod books;
mod corrections;
mod door;
mod ingest_events;
mod ingest_hostile;
mod ingest_kills;
mod ingest_leads;
mod ingest_spill;
mod kills;
mod money;
mod other_sources;
mod outbox;
mod pauses;
mod process;
mod pulling;
mod reconcile;
mod relay;
mod rolodex;
mod rotation;
mod ties;
mod trigger;
mod trigger_reports;
mod two_sources;
mod unconfigured;
mod vendor_faults;
mod verdicts;
mod versions;
mod webhook;
mod webhook_events;
mod webhook_kills;
mod webhook_secrets;
mod webhook_spill;
mod windows;
