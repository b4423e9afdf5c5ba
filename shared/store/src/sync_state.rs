//! The `sync_state` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
