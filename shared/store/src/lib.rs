//! Postgres only: one module a table, each owning its SQL.
