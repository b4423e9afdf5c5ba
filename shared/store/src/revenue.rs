//! The `revenue` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
