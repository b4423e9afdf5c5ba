//! The `api_keys` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
