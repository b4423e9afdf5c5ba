//! BigQuery as its REST API writes it: jobs, tables, and the reasons for which it refuses
//! (cloud.google.com/bigquery/docs/reference/rest). Requests and replies only; `load` sends them.

mod job;
mod place;
mod refusal;
mod table;

pub use job::{File, Job, Move, Write, copy_id, load_id, request};
pub use place::{Place, partition, staging};
pub use refusal::{Kind, Refusal};
pub use table::{Conflict, Table, dataset, missing, table};
