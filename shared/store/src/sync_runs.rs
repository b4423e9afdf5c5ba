//! The `sync_runs` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
