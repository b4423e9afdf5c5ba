//! The `refetch` table.

use crate::Sql;

pub(crate) static STATEMENTS: &[&Sql] = &[];
