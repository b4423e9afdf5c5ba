//! The `dead_letters` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
