//! Pages that change something. A GET shows what would be changed and asks. Its form sends a POST,
//! which changes it together with its row in the audit log, and leads to a page of the outcome.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod connections;
pub(crate) mod docs;
mod filter;
mod form;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod leads;
pub(crate) mod remap;
pub(crate) mod replay;
pub(crate) mod reveal;
pub(crate) mod runs;
mod trail;
pub(crate) mod transactions;

use penstock_edge::http::{Call, Problem};
use uuid::Uuid;

use crate::Visitor;

/// The longest reason, in bytes.
const LONGEST_WHY: usize = 500;

/// The id in the path. One that is no UUID names nothing.
fn id(call: &Call<'_, Visitor>, unknown: fn() -> Problem) -> Result<Uuid, Problem> {
    call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)
}

/// The reason that a form gives.
///
/// # Errors
/// 400 if it gives none, or one that is too long: whoever reads the audit log wants to know.
fn why(form: &form::Form) -> Result<&str, Problem> {
    let why = form.text("why").unwrap_or_default();
    let is_sound = !why.is_empty() && why.len() <= LONGEST_WHY;
    let detail = format!("must say the reason, in 1 to {LONGEST_WHY} bytes");
    is_sound.then_some(why).ok_or_else(|| form::invalid("why", &detail))
}

/// The reason that a form may give.
///
/// # Errors
/// 400 if it is too long.
fn maybe_why(form: &form::Form) -> Result<Option<&str>, Problem> {
    if form.text("why").is_none() { Ok(None) } else { why(form).map(Some) }
}
