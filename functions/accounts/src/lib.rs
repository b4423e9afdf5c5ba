//! `accounts`: the accounts of people. It signs them in and out, and lets admins invite them and
//! give them roles. Its requests and replies are those of Better Auth, so that the client library
//! of that name talks to it.
//!
//! A person comes in by a password or by a link that works once. Either gives a session: a random
//! token in a cookie, of which the database has the SHA-256
//! (docs/adr/0064-accounts-and-sessions.md).

use std::sync::Arc;

use jiff::Timestamp;
use penstock_clients::sending::Post;
use penstock_domain::account::Role;
use penstock_domain::clock::Clock;
use penstock_edge::http::{
    self, Call, Failure, InvokeError, Need, Reply, Request, RequestId, Route, Service, session,
};
use penstock_store::Database;
use serde_json::Value;

mod body;
mod caller;
mod code;
#[cfg(feature = "contract")]
pub mod contract;
mod forms;
mod hashing;
mod limits;
mod link;
mod mails;
mod make_user;
mod media;
mod passwords;
mod random;
mod refusal;
mod reply;
mod sessions;
mod settings;
mod sign_in;
mod sign_up;
mod users;

use caller::Caller;
pub use hashing::Hashing;
pub use settings::{Settings, SignUp};

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "accounts";

/// Everything that `accounts` uses.
pub struct Ports<C> {
    /// Accounts, sessions, links, limits and the audit log.
    pub database: Database,
    /// Hashes passwords.
    pub hashing: Hashing,
    /// Sends links; `None` if no mail is set up. Then an admin passes them on.
    pub mail: Option<Arc<dyn Post>>,
    /// The settings of the operator.
    pub settings: Settings,
    /// The time.
    pub clock: C,
}

const ADMIN: Need = Need::Session(Role::Admin);
const PERSON: Need = Need::Session(Role::Viewer);

impl<C: Clock + 'static> Service for Ports<C> {
    type Caller = Caller;

    const NAME: &'static str = NAME;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::post("signUp", "/api/auth/sign-up/email", Need::Nothing, &sign_up::sign_up),
        Route::post("signIn", "/api/auth/sign-in/email", Need::Nothing, &sign_in::sign_in),
        Route::post("signOut", "/api/auth/sign-out", Need::Nothing, &sign_in::sign_out),
        Route::get("getAuthSession", "/api/auth/get-session", Need::Nothing, &sessions::get).with_query(),
        Route::get("getSession", "/session", Need::Nothing, &sessions::get).with_query(),
        Route::get("listSessions", "/api/auth/list-sessions", PERSON, &sessions::list),
        Route::post("revokeSession", "/api/auth/revoke-session", PERSON, &sessions::revoke),
        Route::post("revokeSessions", "/api/auth/revoke-sessions", PERSON, &sessions::revoke_all),
        Route::post("revokeOtherSessions", "/api/auth/revoke-other-sessions", PERSON, &sessions::revoke_others),
        Route::post("changePassword", "/api/auth/change-password", PERSON, &passwords::change),
        Route::post("requestPasswordReset", "/api/auth/request-password-reset", Need::Nothing, &passwords::request_reset),
        Route::post("resetPassword", "/api/auth/reset-password", Need::Nothing, &passwords::reset).with_query(),
        Route::post("useLink", "/api/auth/use-link", Need::Nothing, &link::take_up),
        Route::post("updateUser", "/api/auth/update-user", PERSON, &users::update_own),
        Route::get("listAccounts", "/api/auth/list-accounts", PERSON, &users::list_accounts),
        Route::get("authOk", "/api/auth/ok", Need::Nothing, &users::ok),
        Route::get("listUsers", "/users", ADMIN, &users::list).with_query(),
        Route::post("inviteUser", "/users/invite", ADMIN, &users::invite),
        Route::post("setUserRole", "/users/{userId}/role", ADMIN, &users::set_role),
        Route::post("signOutUser", "/users/{userId}/sign-out", ADMIN, &users::sign_out),
        Route::post("disableUser", "/users/{userId}/disable", ADMIN, &users::disable),
        Route::post("enableUser", "/users/{userId}/enable", ADMIN, &users::enable),
        Route::post("makeResetLink", "/users/{userId}/reset-link", ADMIN, &users::make_reset_link),
    ];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Refuses pages of other origins first, then looks the session up. Routes that are open to all
    /// look it up themselves, if they want it.
    async fn authorize(&self, call: &Call<'_>) -> Result<Caller, Failure> {
        session::same_origin(call.request, self.settings.public_base_url.as_deref())?;
        let found = match call.route.need {
            Need::Nothing => None,
            _ => self.session_of(call.request, call.now).await?,
        };
        if call.route.need != Need::Nothing {
            session::authorize(call.route, found.as_ref().map(|session| session.role))?;
        }
        Ok(Caller { session: found })
    }

    /// Gives every problem the members that Better Auth's client reads.
    fn refuse(&self, failure: &Failure, request: &Request, id: &RequestId) -> Reply {
        refusal::refusal(failure.problem(), request, id)
    }
}

impl<C: Clock + 'static> Ports<C> {
    /// Serves an event of any kind: a request through the gateway, an operator who makes an account
    /// (`make user`), or the schedule that sends the mails that are due.
    ///
    /// # Errors
    /// [`InvokeError`] if it is none of them, or the mails cannot be looked up.
    pub async fn invoke(
        &self,
        mut event: Value,
        invocation: &str,
        deadline: Timestamp,
    ) -> Result<Value, InvokeError> {
        if let Some(wanted) = event.get_mut("make_user").map(Value::take) {
            return Ok(self.make_user(wanted, invocation).await);
        }
        if event.get("mails").is_some() {
            return Ok(self.send_mails(invocation, deadline).await);
        }
        Ok(serde_json::to_value(http::answer(self, event, invocation).await?)?)
    }
}
