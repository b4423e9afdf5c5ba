//! Changes that an admin makes to an account. Each ends all of its sessions.

use penstock_domain::account::Role;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Reply};
use penstock_store::users::User;
use penstock_store::{
    StoreError, Transaction, account_links, audit, begin, commit, sessions, users,
};
use serde_json::json;
use uuid::Uuid;

use super::id_of_path;
use crate::Ports;
use crate::body::Body;
use crate::caller::{Caller, actor, entry};
use crate::code::Code;
use crate::reply::{Status, done};

/// A change to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Role(Role),
    SignOut,
    Disable,
    Enable,
}

impl Change {
    /// Whether an account that has gone through it can still be signed in to as an admin.
    fn keeps_admin(self) -> bool {
        matches!(self, Self::Role(Role::Admin) | Self::SignOut | Self::Enable)
    }

    fn action(self) -> Action {
        match self {
            Self::Role(_) => Action::RoleChanged,
            Self::SignOut => Action::SessionsEnded,
            Self::Disable => Action::UserDisabled,
            Self::Enable => Action::UserEnabled,
        }
    }

    /// Whether the account is as wanted already.
    fn is_done(self, user: &User) -> bool {
        match self {
            Self::Role(role) => user.role == role,
            Self::SignOut => false,
            Self::Disable => user.disabled_at.is_some(),
            Self::Enable => user.disabled_at.is_none(),
        }
    }

    fn detail(self, user: &User) -> Option<String> {
        let Self::Role(role) = self else { return None };
        Some(json!({ "from": user.role.as_str(), "to": role.as_str() }).to_string())
    }
}

/// `POST /users/{userId}/role`
pub(crate) async fn set_role<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (role, next) = (body.role("role"), body.callback()?);
    let role = body.finish(role)?;
    ports.change(&call, Change::Role(role), next.as_deref()).await
}

/// `POST /users/{userId}/sign-out`: ends all sessions of the account.
pub(crate) async fn sign_out<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    plain(ports, &call, Change::SignOut).await
}

/// `POST /users/{userId}/disable`: nobody can sign in to the account any more.
pub(crate) async fn disable<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    plain(ports, &call, Change::Disable).await
}

/// `POST /users/{userId}/enable`: the account can be signed in to again.
pub(crate) async fn enable<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    plain(ports, &call, Change::Enable).await
}

/// Makes a change that has nothing to say in its body.
async fn plain<C: Clock>(
    ports: &Ports<C>,
    call: &Call<'_, Caller>,
    change: Change,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let next = body.callback()?;
    body.finish(Some(()))?;
    ports.change(call, change, next.as_deref()).await
}

impl<C: Clock> Ports<C> {
    async fn change(
        &self,
        call: &Call<'_, Caller>,
        change: Change,
        next: Option<&str>,
    ) -> Result<Reply, Failure> {
        let id = id_of_path(call)?;
        let session = call.caller.session()?;
        let work = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            // The admins first, so that two of them who change each other wait and do not block.
            let is_last = !change.keeps_admin() && users::is_last_admin(&tx, id).await?;
            let user = users::lock(&tx, id).await?.ok_or(Code::UserNotFound)?;
            if change.is_done(&user) {
                return Ok(0);
            }
            if is_last {
                return Err(Failure::from(Code::LastAdmin));
            }
            let ended = carry_out(&tx, change, &user, call).await?;
            let (object, detail) = (id.to_string(), change.detail(&user));
            let trail = entry(call, actor(session), change.action(), &object);
            let (count, detail) = (i64::try_from(ended).ok(), detail.as_deref());
            audit::write(&tx, &audit::Entry { count, detail, ..trail }).await?;
            commit(tx).await?;
            Ok(ended)
        };
        let ended = self.database.in_time(work).await?;
        told(call, id, change, ended);
        done(call, next, &Status { ended: Some(ended), ..Status::DONE })
    }
}

async fn carry_out(
    tx: &Transaction<'_>,
    change: Change,
    user: &User,
    call: &Call<'_, Caller>,
) -> Result<u64, StoreError> {
    match change {
        Change::Role(role) => users::set_role(tx, user.id, role, call.now).await?,
        Change::SignOut => {}
        Change::Disable => {
            users::set_disabled(tx, user.id, Some(call.now), call.now).await?;
            account_links::withdraw_all(tx, &user.email).await?;
        }
        Change::Enable => users::set_disabled(tx, user.id, None, call.now).await?,
    }
    sessions::end_all(tx, user.id, None).await
}

fn told(call: &Call<'_, Caller>, user_id: Uuid, change: Change, ended: u64) {
    let (request_id, action) = (call.id.as_str(), change.action().as_str());
    tracing::info!(event = "user_changed", request_id, user_id = %user_id, action, ended);
}
