//! The `outbox` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
