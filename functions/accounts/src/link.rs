//! Links that work once: how they are made, and `POST /api/auth/use-link`.

use jiff::Timestamp;
use penstock_domain::account::link::{self, Kind};
use penstock_domain::account::{Email, Role, token};
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::ids::id_at;
use penstock_edge::http::{Call, Failure, Reply};
use penstock_store::account_links::{self, Link, NewLink};
use penstock_store::users::{self, NewUser, User};
use penstock_store::{
    GenericClient, StoreError, Transaction, audit, begin, commit, sessions, sign_in_limits,
};
use uuid::Uuid;

use crate::Ports;
use crate::body::{Body, new_password};
use crate::caller::{Caller, entry};
use crate::code::Code;
use crate::limits::counters;
use crate::random::new_token;
use crate::reply::{SignedIn, done, handle};
use crate::sessions::{Begun, begin_session};
use crate::sign_in::actor_of;

/// A link that was just made.
pub(crate) struct Made {
    pub kind: Kind,
    /// The token. It goes into the link, and nowhere else.
    pub token: String,
    pub expires_at: Timestamp,
}

impl Made {
    /// Returns the address of the link's page.
    pub(crate) fn url(&self, base: &str) -> String {
        link::url(base, &self.token)
    }
}

/// The person whom a link is for.
#[derive(Clone, Copy)]
pub(crate) struct Person<'a> {
    pub email: &'a Email,
    /// The role that an invitation gives.
    pub role: Option<Role>,
    /// The account; an invitation may have none.
    pub user_id: Option<Uuid>,
}

/// Makes a link inside of a transaction. Older ones of its kind work no more.
pub(crate) async fn make(
    on: &impl GenericClient,
    kind: Kind,
    of: Person<'_>,
    now: Timestamp,
) -> Result<Made, Failure> {
    let token = new_token()?;
    let Person { email, role, user_id } = of;
    let role = role.filter(|_| kind == Kind::Invite);
    let new =
        NewLink { id: id_at(now), kind, token_sha256: &token.sha256, email, role, user_id, now };
    let expires_at = account_links::insert(on, new).await?;
    Ok(Made { kind, token: token.text, expires_at })
}

/// The wish to use a link.
pub(crate) struct Redeem {
    pub token: String,
    /// The password to set, for kinds that ask for one.
    pub password: Option<String>,
    /// The name of a new account.
    pub name: Option<String>,
    /// The only kind that will do.
    pub only: Option<Kind>,
    /// Whether a session begins, and whether it is remembered.
    pub session: Option<bool>,
}

/// `POST /api/auth/use-link`: signs in by a link. One for a password asks for it.
pub(crate) async fn take_up<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (token, password) = (body.required("token"), body.optional("password"));
    let (name, remembered) = (body.name("name"), body.flag("rememberMe").unwrap_or(true));
    let next = body.callback()?;
    let token = body.finish(token)?;
    let redeem = Redeem { token, password, name, only: None, session: Some(remembered) };
    let (user, begun) = ports.redeem(&call, redeem).await?;
    let begun = begun.ok_or(Code::InvalidToken)?;
    let cookies = begun.cookies(call.request)?;
    let body = SignedIn {
        redirect: next.is_some(),
        token: handle(begun.id),
        url: next.clone(),
        user: user.into(),
    };
    let reply = done(&call, next.as_deref(), &body)?;
    Ok(cookies.iter().fold(reply, Reply::with_cookie))
}

impl<C: Clock> Ports<C> {
    /// Uses a link up: makes the account or sets its password, and begins a session. Of two people
    /// with one link the second is refused, and all that it would have done is rolled back.
    pub(crate) async fn redeem(
        &self,
        call: &Call<'_, Caller>,
        redeem: Redeem,
    ) -> Result<(User, Option<Begun>), Failure> {
        let Redeem { token, password, name, only, session } = redeem;
        let sha256 = token::hashed(&token).ok_or(Code::InvalidToken)?;
        let find = async {
            let connection = self.database.connection().await?;
            account_links::find(&**connection, &sha256, call.now).await
        };
        // No password is hashed for a token that is none.
        let found = self.database.in_time::<_, StoreError>(find).await?;
        let found = found.filter(|link| only.is_none_or(|only| link.kind == only));
        let kind = found.ok_or(Code::InvalidToken)?.kind;
        let hash = match (kind.asks_for_password(), password) {
            (false, _) => None,
            (true, None) => return Err(Code::PasswordRequired.into()),
            (true, Some(text)) => Some(self.hashing.hash(new_password(&text)?).await?),
        };
        let work = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let link = account_links::use_up(&tx, &sha256, call.now).await?;
            let link = link.ok_or(Code::InvalidToken)?;
            let (user, ended) =
                user_of(&tx, &link, name.as_deref(), hash.as_deref(), call.now).await?;
            let email = Email::parse(&link.email).ok_or(Code::InvalidToken)?;
            sign_in_limits::settle(&tx, &counters(&email, call.request), call.now).await?;
            let begun = match session {
                None => None,
                Some(remembered) => {
                    let begun = begin_session(&tx, user.id, call.request, remembered, call.now);
                    Some(begun.await?.ok_or(Code::InvalidToken)?)
                }
            };
            let object = user.id.to_string();
            let trail = |action| entry(call, actor_of(&user), action, &object);
            match kind {
                Kind::Invite if link.user_id.is_none() => {
                    audit::write(&tx, &trail(Action::SignedUp)).await?;
                }
                Kind::Invite | Kind::Reset => {
                    let count = i64::try_from(ended).ok();
                    let trail = audit::Entry { count, ..trail(Action::PasswordReset) };
                    audit::write(&tx, &trail).await?;
                }
                Kind::SignIn => {}
            }
            if let Some(begun) = &begun {
                let object = begun.id.to_string();
                audit::write(&tx, &entry(call, actor_of(&user), Action::SignedIn, &object)).await?;
            }
            commit(tx).await?;
            Ok::<_, Failure>((user, begun))
        };
        let (user, begun) = self.database.in_time(work).await?;
        let (request_id, kind) = (call.id.as_str(), kind.as_str());
        tracing::info!(event = "link_used", request_id, kind, user_id = %user.id);
        Ok((user, begun))
    }
}

/// Returns the account of a link that is being used, and how many sessions have ended. An account
/// that is not there yet is made, and one with a new password has no session left.
async fn user_of(
    tx: &Transaction<'_>,
    link: &Link,
    name: Option<&str>,
    hash: Option<&str>,
    now: Timestamp,
) -> Result<(User, u64), Failure> {
    let Some(id) = link.user_id else {
        let email = Email::parse(&link.email).ok_or(Code::InvalidToken)?;
        let new = NewUser {
            id: id_at(now),
            email: &email,
            name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| email.local()),
            image: None,
            email_verified: true,
            role: link.role.ok_or(Code::InvalidToken)?,
            password: hash,
            now,
        };
        return match users::insert(tx, new).await? {
            true => Ok((new.into(), 0)),
            false => Err(Code::UserAlreadyExists.into()),
        };
    };
    let user = users::lock(tx, id).await?.filter(|user| user.disabled_at.is_none());
    let user = user.ok_or(Code::InvalidToken)?;
    let Some(hash) = hash else { return Ok((user, 0)) };
    users::set_password(tx, id, hash, true, now).await?;
    let ended = sessions::end_all(tx, id, None).await?;
    Ok((User { email_verified: true, updated_at: now, ..user }, ended))
}
