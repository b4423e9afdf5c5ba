//! Postgres only: one module a table, and its statements in `sql/<table>/<verb>.sql`.
//!
//! Every statement goes out by the extended protocol without a name ([`Sql`]): one round trip, and
//! no session state for RDS Proxy to pin on. A function of this crate returns a [`StoreError`] if
//! its statement fails: Postgres refused it, the connection broke, or a column cannot be read.

pub mod account_links;
pub mod admission;
pub mod api_keys;
pub mod archive;
pub mod audit;
pub mod call_windows;
mod chosen;
pub mod circuits;
pub mod connections;
pub mod console;
pub mod database;
pub mod dead_letters;
pub mod deliveries;
pub mod digests;
pub mod erased_names;
mod error;
pub mod facts;
pub mod failures;
pub mod freshness;
pub mod held_sweeps;
pub mod intake;
pub mod jobs;
pub mod journey;
pub mod leads;
pub mod loads;
pub mod migrations;
pub mod not_ours;
pub mod notifications;
pub mod outbox;
pub mod push_channels;
pub mod reconciliations;
pub mod refetch;
pub mod reset_requests;
pub mod retention;
pub mod revenue;
pub mod roles;
mod row;
pub mod run_requests;
pub mod server;
pub mod sessions;
pub mod sign_in_limits;
pub mod snapshots;
mod sql;
pub mod standing;
pub mod stats;
pub mod strange_accounts;
pub mod sync_runs;
pub mod sync_state;
mod tls;
pub mod transactions;
pub mod users;
pub mod vendor_accounts;

pub use chosen::Chosen;
pub use database::{
    Connection, Database, Login, LoginSource, StaticLogin, begin, commit, snapshot,
};
pub use error::{DriverError, StoreError};
pub use row::Row;
pub use sql::{Element, Sql};
pub use tls::{RootsSource, Tls};
pub use tokio_postgres::{GenericClient, Transaction};

/// Every statement of this crate, for the test that PREPAREs each against the migrated schema.
pub fn all_statements() -> Vec<&'static Sql> {
    let tables = [
        account_links::STATEMENTS,
        admission::STATEMENTS,
        api_keys::STATEMENTS,
        archive::STATEMENTS,
        archive::batches::STATEMENTS,
        archive::kept::STATEMENTS,
        archive::rows::STATEMENTS,
        archive::searches::STATEMENTS,
        audit::STATEMENTS,
        call_windows::STATEMENTS,
        circuits::STATEMENTS,
        connections::STATEMENTS,
        connections::accounts::STATEMENTS,
        connections::change::STATEMENTS,
        connections::erasing::STATEMENTS,
        connections::removal::STATEMENTS,
        console::calendar::STATEMENTS,
        console::contacts::STATEMENTS,
        console::queues::STATEMENTS,
        console::reconciled::STATEMENTS,
        console::runs::STATEMENTS,
        dead_letters::STATEMENTS,
        dead_letters::lately::STATEMENTS,
        digests::STATEMENTS,
        digests::issues::STATEMENTS,
        erased_names::STATEMENTS,
        facts::unseen::STATEMENTS,
        failures::STATEMENTS,
        freshness::STATEMENTS,
        held_sweeps::STATEMENTS,
        intake::STATEMENTS,
        jobs::STATEMENTS,
        jobs::REPORT_STATEMENTS,
        jobs::erase::STATEMENTS,
        jobs::plan::STATEMENTS,
        jobs::step::STATEMENTS,
        journey::STATEMENTS,
        leads::STATEMENTS,
        loads::STATEMENTS,
        loads::rebuilds::STATEMENTS,
        loads::targets::STATEMENTS,
        not_ours::STATEMENTS,
        notifications::STATEMENTS,
        outbox::STATEMENTS,
        outbox::insert::STATEMENTS,
        outbox::leaves::STATEMENTS,
        push_channels::STATEMENTS,
        reconciliations::STATEMENTS,
        reconciliations::report::STATEMENTS,
        refetch::STATEMENTS,
        refetch::ended::STATEMENTS,
        reset_requests::STATEMENTS,
        retention::STATEMENTS,
        revenue::STATEMENTS,
        revenue::folding::STATEMENTS,
        roles::STATEMENTS,
        run_requests::STATEMENTS,
        server::STATEMENTS,
        sessions::STATEMENTS,
        sign_in_limits::STATEMENTS,
        stats::STATEMENTS,
        strange_accounts::STATEMENTS,
        sync_runs::STATEMENTS,
        sync_runs::read::STATEMENTS,
        sync_runs::summary::STATEMENTS,
        sync_state::STATEMENTS,
        sync_state::pauses::STATEMENTS,
        sync_state::pending::STATEMENTS,
        sync_state::windows::STATEMENTS,
        transactions::STATEMENTS,
        transactions::by_state::STATEMENTS,
        transactions::READ_STATEMENTS,
        transactions::undecided::STATEMENTS,
        users::STATEMENTS,
        users::managed::STATEMENTS,
        vendor_accounts::STATEMENTS,
    ];
    let of_facts = facts::statements().into_iter().map(|(sql, _)| sql);
    tables.concat().into_iter().chain(of_facts).collect()
}
