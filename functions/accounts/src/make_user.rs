//! `make user`: an operator who invokes the function makes an account, or lets its owner in again.
//! IAM decides who may. An event of API Gateway cannot become such a command: it has no field
//! `make_user`, and no caller can add one.

use penstock_domain::account::link::Kind;
use penstock_domain::account::{Email, Role};
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::ids::id_at;
use penstock_edge::http::Failure;
use penstock_store::audit::{self, Actor, Entry};
use penstock_store::users::{self, NewUser};
use penstock_store::{account_links, begin, commit, sessions};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Ports;
use crate::link::{Made, Person, make};
use crate::reply::Millis;

/// The name that the audit log has for one who invokes the function.
const INVOKED: &str = "invocation";

/// The command: `{"make_user": {"email": "ada@example.com", "role": "admin"}}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MakeUser {
    email: String,
    role: String,
    /// The use of the link.
    #[serde(default)]
    link: Wanted,
    /// Scheme and host of the API, if the deployment does not know them itself.
    base_url: Option<String>,
}

/// The use of the link.
#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    /// It asks for a password, and then signs in.
    #[default]
    Password,
    /// It signs in at once. The account may have no password.
    SignIn,
}

impl<C: Clock> Ports<C> {
    /// Makes an account with a role, or gives the one that is there this role, and returns a link
    /// for its owner. The status is that of an HTTP reply.
    pub(crate) async fn make_user(&self, wanted: Value, invocation: &str) -> Value {
        let refused = |detail: &str| json!({ "status": 400, "body": { "detail": detail } });
        let Ok(MakeUser { email, role, link, base_url }) = serde_json::from_value(wanted) else {
            return refused("make_user has email, role, and maybe link and baseUrl.");
        };
        let Some(email) = Email::parse(&email) else { return refused("EMAIL is no address.") };
        let Some(role) = Role::parse(&role) else {
            return refused("ROLE is viewer, operator or admin.");
        };
        let base = self.settings.public_base_url.clone().or(base_url).unwrap_or_default();
        match self.database.in_time(self.made_user(&email, role, link, invocation)).await {
            Ok((id, made)) => {
                let request_id = invocation;
                let user_id = id.map(|id| id.to_string());
                tracing::info!(event = "user_made", request_id, user_id, kind = made.kind.as_str());
                json!({ "status": 200, "body": {
                    "email": email.as_str(), "role": role.as_str(), "kind": made.kind.as_str(),
                    "url": made.url(&base), "expiresAt": Millis(made.expires_at),
                } })
            }
            Err(failure) => {
                let (status, error) = (failure.problem().status.as_u16(), failure.chain());
                tracing::error!(event = "user_not_made", request_id = invocation, status, error);
                json!({ "status": status, "body": { "detail": failure.problem().detail } })
            }
        }
    }

    async fn made_user(
        &self,
        email: &Email,
        role: Role,
        wanted: Wanted,
        invocation: &str,
    ) -> Result<(Option<Uuid>, Made), Failure> {
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let actor = Actor::Operator { name: INVOKED };
        let (id, kind) = match users::lock_email(&tx, email).await? {
            Some(user) => {
                // An invitation that was never taken up would make it anew.
                account_links::withdraw_all(&tx, email.as_str()).await?;
                if user.disabled_at.is_some() {
                    users::set_disabled(&tx, user.id, None, now).await?;
                }
                if user.role != role {
                    users::set_role(&tx, user.id, role, now).await?;
                    sessions::end_all(&tx, user.id, None).await?;
                }
                (Some(user.id), if wanted == Wanted::SignIn { Kind::SignIn } else { Kind::Reset })
            }
            None if wanted == Wanted::SignIn => {
                let new = NewUser {
                    id: id_at(now),
                    email,
                    name: email.local(),
                    image: None,
                    email_verified: true,
                    role,
                    password: None,
                    now,
                };
                if !users::insert(&tx, new).await? {
                    return Err(Failure::internal("the account was made at the same time"));
                }
                (Some(new.id), Kind::SignIn)
            }
            // The account is made when its owner chooses a password.
            None => (None, Kind::Invite),
        };
        let made = make(&tx, kind, Person { email, role: Some(role), user_id: id }, now).await?;
        let object = id.map_or_else(|| email.as_str().to_owned(), |id| id.to_string());
        let detail = json!({ "role": role.as_str(), "link": kind.as_str() }).to_string();
        let entry = Entry::new(actor, Action::UserMade, &object, invocation, now);
        audit::write(&tx, &Entry { detail: Some(&detail), ..entry }).await?;
        commit(tx).await?;
        Ok((id, made))
    }
}
