//! Accounts: one's own, and those of all for an admin.

mod change;
mod invite;
mod list;
mod own;

pub(crate) use change::{disable, enable, set_role, sign_out};
pub(crate) use invite::{invite, make_reset_link};
pub(crate) use list::list;
#[cfg(feature = "contract")]
pub(crate) use list::{DEFAULT_LIMIT, MOST};
pub(crate) use own::{list_accounts, ok, update_own};

use penstock_edge::http::Call;
use uuid::Uuid;

use crate::caller::Caller;
use crate::code::Code;

/// Returns the id in the path. A text that is no id names no account.
fn id_of_path(call: &Call<'_, Caller>) -> Result<Uuid, Code> {
    call.path("userId").and_then(|id| Uuid::try_parse(&id).ok()).ok_or(Code::UserNotFound)
}
