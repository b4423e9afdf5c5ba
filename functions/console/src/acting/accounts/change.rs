//! Changes of an account by an admin: another role, the end of its sessions, and whether anybody
//! signs in to it.

use penstock_domain::account::Role;
use penstock_domain::audit::Action;
use penstock_edge::http::{Call, Failure, Problem, Reply};
use penstock_store::audit::{self, Entry};
use penstock_store::users::managed::{self, Held};
use penstock_store::{StoreError, Transaction, begin, commit, sessions, users};
use uuid::Uuid;

use super::{address, role, unknown};
use crate::acting::form::Form;
use crate::acting::trail::entry;
use crate::acting::{id, maybe_why};
use crate::headers::see_other;
use crate::{Ports, Visitor};

/// A change of an account.
#[derive(Debug, Clone, Copy)]
enum Change {
    Role(Role),
    EndSessions,
    Disable,
    Enable,
}

impl Change {
    const fn action(self) -> Action {
        match self {
            Self::Role(_) => Action::RoleChanged,
            Self::EndSessions => Action::SessionsEnded,
            Self::Disable => Action::UserDisabled,
            Self::Enable => Action::UserEnabled,
        }
    }

    /// Whether it leaves an account that was an admin's as none.
    fn takes_admin(self) -> bool {
        match self {
            Self::Role(role) => role != Role::Admin,
            Self::Disable => true,
            Self::EndSessions | Self::Enable => false,
        }
    }

    /// Whether the account is so already.
    fn is_done(self, held: &Held) -> bool {
        match self {
            Self::Role(role) => held.role == role,
            Self::Disable => held.disabled_at.is_some(),
            Self::Enable => held.disabled_at.is_none(),
            Self::EndSessions => false,
        }
    }
}

/// The outcome of a change.
enum Changed {
    Done,
    Unknown,
    /// It would leave nobody who manages accounts.
    LastAdmin,
}

/// `POST /console/accounts/{id}/role`: `role`, `why`. Its sessions end: a new one has the new role.
pub(crate) async fn set_role(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    ports.change(&call, &form, Change::Role(role(&form)?)).await
}

/// `POST /console/accounts/{id}/sign-out`: `why`. All its sessions end.
pub(crate) async fn end_sessions(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    ports.change(&call, &form, Change::EndSessions).await
}

/// `POST /console/accounts/{id}/disable`: `why`. Nobody signs in to it, and its sessions end.
pub(crate) async fn disable(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    ports.change(&call, &form, Change::Disable).await
}

/// `POST /console/accounts/{id}/enable`: `why`. Its person signs in again.
pub(crate) async fn enable(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    ports.change(&call, &form, Change::Enable).await
}

impl Ports {
    async fn change(
        &self,
        call: &Call<'_, Visitor>,
        form: &Form,
        change: Change,
    ) -> Result<Reply, Failure> {
        let (id, why) = (id(call, unknown)?, maybe_why(form)?);
        match self.database.in_time(self.changed(call, id, change, why)).await? {
            Changed::Done => Ok(see_other(&address(id))),
            Changed::Unknown => Err(unknown().into()),
            Changed::LastAdmin => {
                let detail = "It is the last account that manages keys and accounts. Make another admin first.";
                Err(Problem::conflict("last-admin", detail).into())
            }
        }
    }

    async fn changed(
        &self,
        call: &Call<'_, Visitor>,
        id: Uuid,
        change: Change,
        why: Option<&str>,
    ) -> Result<Changed, StoreError> {
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        // First, because it locks all admins in one order.
        let is_last = change.takes_admin() && users::is_last_admin(&tx, id).await?;
        let Some(held) = managed::hold(&tx, id).await? else { return Ok(Changed::Unknown) };
        if change.is_done(&held) {
            return Ok(Changed::Done);
        }
        if is_last {
            return Ok(Changed::LastAdmin);
        }
        let ended = apply(&tx, id, change, call).await?;
        let detail = match change {
            Change::Role(role) => {
                serde_json::json!({ "from": held.role.as_str(), "to": role.as_str() }).to_string()
            }
            Change::EndSessions | Change::Disable | Change::Enable => "{}".to_owned(),
        };
        let entry = Entry {
            count: i64::try_from(ended).ok().filter(|ended| *ended > 0),
            why,
            detail: Some(&detail),
            ..entry(call, change.action(), &held.email)
        };
        audit::write(&tx, &entry).await?;
        commit(tx).await?;
        Ok(Changed::Done)
    }
}

/// Writes a change, and returns the number of sessions that it has ended.
async fn apply(
    tx: &Transaction<'_>,
    id: Uuid,
    change: Change,
    call: &Call<'_, Visitor>,
) -> Result<u64, StoreError> {
    let now = call.now;
    match change {
        Change::Role(role) => users::set_role(tx, id, role, now).await?,
        Change::Disable => users::set_disabled(tx, id, Some(now), now).await?,
        Change::Enable => {
            users::set_disabled(tx, id, None, now).await?;
            return Ok(0);
        }
        Change::EndSessions => {}
    }
    sessions::end_all(tx, id, None).await
}
