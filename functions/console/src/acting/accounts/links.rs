//! Links that work once: an invitation, and one that sets a new password. Each is shown once, by
//! the reply that makes it.

use askama::Template;
use penstock_domain::account::link::{self, Kind};
use penstock_domain::account::{Email, Role, token};
use penstock_domain::audit::Action;
use penstock_edge::http::{Call, Failure, Problem, Reply, Request, StatusCode, header, session};
use penstock_store::account_links::{self, NewLink};
use penstock_store::audit::{self, Entry};
use penstock_store::users::managed;
use penstock_store::{StoreError, begin, commit};
use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Uuid;

use super::{role, unknown};
use crate::acting::form::{Form, invalid};
use crate::acting::id;
use crate::acting::trail::entry;
use crate::filters::{self, Markup};
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

#[derive(Template)]
#[template(path = "acting/link_made.html")]
struct Made {
    shell: Shell,
    email: Markup,
    is_invitation: bool,
    /// The link itself. No other page has it, and the database has its token's hash.
    url: String,
    expires: Markup,
}

/// A link that is to be made.
struct Wanted {
    kind: Kind,
    email: Email,
    role: Option<Role>,
    user_id: Option<Uuid>,
}

/// `POST /console/accounts`: `email`, `role`. Invites a person.
pub(crate) async fn invite(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    let email = form.text("email").and_then(Email::parse);
    let email = email.ok_or_else(|| invalid("email", "must be an e-mail address"))?;
    let known = || async { managed::named(&**ports.database.connection().await?, &email).await };
    if ports.database.in_time_or_again(known).await?.is_some() {
        let detail = "There is an account of this address.";
        return Err(Problem::conflict("account-exists", detail).into());
    }
    let role = Some(role(&form)?);
    ports.link(&call, Wanted { kind: Kind::Invite, email, role, user_id: None }).await
}

/// `POST /console/accounts/{id}/reset`: makes a link by which the person sets a new password.
pub(crate) async fn reset(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let (id, now) = (id(&call, unknown)?, call.now);
    Form::of(call.request)?;
    let reading = || async { managed::one(&**ports.database.connection().await?, id, now).await };
    let user = ports.database.in_time_or_again(reading).await?.ok_or_else(unknown)?;
    if user.disabled_at.is_some() {
        let detail = "Nobody signs in to this account. Enable it first.";
        return Err(Problem::conflict("account-disabled", detail).into());
    }
    let email = Email::parse(&user.email).ok_or_else(|| Failure::internal("an address is none"))?;
    ports.link(&call, Wanted { kind: Kind::Reset, email, role: None, user_id: Some(id) }).await
}

impl Ports {
    /// Makes a link with its row in the audit log, and shows it.
    async fn link(&self, call: &Call<'_, Visitor>, wanted: Wanted) -> Result<Reply, Failure> {
        let Wanted { kind, email, role, user_id } = wanted;
        let random = SystemRandom::new();
        let token = token::make(|bytes| random.fill(bytes));
        let token = token.map_err(|_| Failure::internal("no random bytes"))?;
        let hash = token::hashed(&token).ok_or_else(|| Failure::internal("a token is none"))?;
        let (id, now) = (Uuid::now_v7(), call.now);
        let new = NewLink { id, kind, token_sha256: &hash, email: &email, role, user_id, now };
        let is_invitation = kind == Kind::Invite;
        let making = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let expires_at = account_links::insert(&tx, new).await?;
            let action = if is_invitation { Action::UserInvited } else { Action::LinkMade };
            let detail = match role {
                Some(role) => serde_json::json!({ "role": role.as_str() }),
                None => serde_json::json!({ "kind": kind.as_str() }),
            };
            let detail = detail.to_string();
            let entry = entry(call, action, email.as_str());
            audit::write(&tx, &Entry { detail: Some(&detail), ..entry }).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(expires_at)
        };
        let expires_at = self.database.in_time(making).await?;
        let base = self.config.public_base_url.clone();
        let page = Made {
            shell: Shell::of(call, Area::Accounts, "A link that works once"),
            email: filters::text(email.as_str()),
            is_invitation,
            url: link::url(&base.unwrap_or_else(|| origin(call.request)), &token),
            expires: filters::time(expires_at, &call.caller.zone),
        };
        html(StatusCode::CREATED, &page)
    }
}

/// Scheme and host by which the request has come.
fn origin(request: &Request) -> String {
    let scheme = if session::is_https(request) { "https" } else { "http" };
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("{scheme}://{}", host.unwrap_or_default())
}
