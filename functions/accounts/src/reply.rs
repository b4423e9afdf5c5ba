//! The bodies of replies, as Better Auth has them.

use jiff::Timestamp;
use penstock_domain::account::Role;
use penstock_domain::account::link::Kind;
use penstock_edge::http::{Call, Failure, Reply, StatusCode, session};
use penstock_store::sessions::{self, Session};
use penstock_store::users;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::caller::Caller;
use crate::forms;
use crate::media::is_form;

/// A time with three fractional digits. Better Auth's client adds all digits up as milliseconds, so
/// that microseconds would be minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Millis(pub Timestamp);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

#[cfg(feature = "contract")]
impl schemars::JsonSchema for Millis {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "date-time",
            "pattern": r"^-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        })
    }
}

/// A role, as replies spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserRole {
    /// Reads; payloads are redacted.
    Viewer,
    /// Reads payloads, replays, runs, resumes, and works leads.
    Operator,
    /// Manages keys and accounts, and erases people.
    Admin,
}

impl From<Role> for UserRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    id: Uuid,
    name: String,
    email: String,
    /// Whether a link has reached the person at this address.
    email_verified: bool,
    /// The URL of a picture.
    image: Option<String>,
    role: UserRole,
    created_at: Millis,
    updated_at: Millis,
}

impl From<users::User> for User {
    fn from(user: users::User) -> Self {
        let users::User { id, name, email, email_verified, image, role, .. } = user;
        let (created_at, updated_at) = (Millis(user.created_at), Millis(user.updated_at));
        Self { id, name, email, email_verified, image, role: role.into(), created_at, updated_at }
    }
}

impl From<Session> for User {
    fn from(session: Session) -> Self {
        Self {
            id: session.user_id,
            name: session.name,
            email: session.email,
            email_verified: session.email_verified,
            image: session.image,
            role: session.role.into(),
            created_at: Millis(session.user_created_at),
            updated_at: Millis(session.user_updated_at),
        }
    }
}

/// A session. Its `token` is another name of it, by which it is revoked: the token itself is in the
/// cookie and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "UserSession"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionBody {
    id: Uuid,
    /// Names the session. It opens nothing.
    token: String,
    user_id: Uuid,
    expires_at: Millis,
    created_at: Millis,
    updated_at: Millis,
    /// The network address that has signed in.
    ip_address: Option<String>,
    user_agent: Option<String>,
}

/// The name of a session in the place of its token.
pub(crate) fn handle(id: Uuid) -> String {
    id.simple().to_string()
}

impl From<sessions::Listed> for SessionBody {
    fn from(session: sessions::Listed) -> Self {
        Self {
            id: session.id,
            token: handle(session.id),
            user_id: session.user_id,
            expires_at: Millis(session.expires_at),
            created_at: Millis(session.created_at),
            updated_at: Millis(session.renewed_at),
            ip_address: session.address,
            user_agent: session.user_agent,
        }
    }
}

impl From<&Session> for SessionBody {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            token: handle(session.id),
            user_id: session.user_id,
            expires_at: Millis(session.expires_at),
            created_at: Millis(session.created_at),
            updated_at: Millis(session.renewed_at),
            ip_address: session.address.clone(),
            user_agent: session.user_agent.clone(),
        }
    }
}

/// A session with its user.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct SessionAndUser {
    session: SessionBody,
    user: User,
}

impl From<Session> for SessionAndUser {
    fn from(session: Session) -> Self {
        Self { session: SessionBody::from(&session), user: session.into() }
    }
}

/// The reply to one who has signed in.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct SignedIn {
    /// Whether a page comes next.
    pub redirect: bool,
    /// Names the session. It opens nothing.
    pub token: String,
    /// The page that comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub user: User,
}

/// The reply to one who has made an account, or changed its password.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct TokenAndUser {
    /// Names the session that has begun. It opens nothing.
    pub token: Option<String>,
    pub user: User,
}

/// The reply to a change that has nothing to show.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "AuthStatus"))]
pub(crate) struct Status {
    /// Always true.
    pub status: bool,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// The number of sessions that were ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

impl Status {
    pub(crate) const DONE: Self = Self { status: true, message: None, ended: None };
}

/// The reply to one who has signed out.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct SignedOut {
    /// Always true.
    pub success: bool,
}

/// The reply to one who asks whether accounts are served here.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct AuthOk {
    /// Always true.
    pub ok: bool,
}

/// A way to sign in that an account has.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    pub id: Uuid,
    /// `credential`: by address and password.
    pub provider_id: &'static str,
    pub account_id: Uuid,
    pub user_id: Uuid,
    /// Always empty.
    pub scopes: Vec<String>,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// The use of a link, as replies spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkKind {
    /// Signs its user in at once.
    SignIn,
    /// Makes an account, with a password.
    Invite,
    /// Sets a new password.
    Reset,
}

impl From<Kind> for LinkKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::SignIn => Self::SignIn,
            Kind::Invite => Self::Invite,
            Kind::Reset => Self::Reset,
        }
    }
}

/// A link that was just made. No later reply shows it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeLink {
    pub kind: LinkKind,
    pub email: String,
    /// The role that an invitation gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<UserRole>,
    /// The address of the page to open. It works once.
    pub url: String,
    pub expires_at: Millis,
    /// Whether it was sent by mail.
    pub mailed: bool,
}

/// The reply to one who has made a link.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct LinkReply {
    /// Always true.
    pub status: bool,
    pub link: MadeLink,
}

/// An account in the list of all.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedUser {
    #[serde(flatten)]
    user: User,
    /// Whether the person has set a password.
    has_password: bool,
    /// Since when nobody can sign in.
    disabled_at: Option<Millis>,
    /// The last request of a session that has not ended.
    last_seen_at: Option<Millis>,
    /// The number of sessions that are not over.
    sessions: i64,
}

impl From<users::Listed> for ListedUser {
    fn from(listed: users::Listed) -> Self {
        let users::Listed { id, name, email, email_verified, image, role, .. } = listed;
        let (created_at, updated_at) = (Millis(listed.created_at), Millis(listed.updated_at));
        let role = role.into();
        Self {
            user: User { id, name, email, email_verified, image, role, created_at, updated_at },
            has_password: listed.has_password,
            disabled_at: listed.disabled_at.map(Millis),
            last_seen_at: listed.last_seen_at.map(Millis),
            sessions: listed.sessions,
        }
    }
}

/// A page of accounts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsersReply {
    pub users: Vec<ListedUser>,
    /// The parameter `cursor` of the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Answers a request that is done: a form by the page that comes next, and others by JSON. The
/// browser gets the cookie of a session again that was renewed.
pub(crate) fn done(
    call: &Call<'_, Caller>,
    next: Option<&str>,
    body: &impl Serialize,
) -> Result<Reply, Failure> {
    let reply = match is_form(call.request) {
        true => forms::see_other(next.unwrap_or_else(|| forms::page_after(call.request))),
        false => Reply::json(StatusCode::OK, body)?,
    };
    let renewed = call.caller.session.as_ref().is_some_and(|session| session.renewed);
    let cookie = session::renew(call.request).filter(|_| renewed);
    Ok(cookie.iter().fold(reply, Reply::with_cookie))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_exactly_three_fractional_digits() {
        for (nanos, written) in [
            (0, "\"1970-01-01T00:00:00.000Z\""),
            (782_123_456, "\"1970-01-01T00:00:00.782Z\""),
            (999_999_999, "\"1970-01-01T00:00:00.999Z\""),
        ] {
            let at = Timestamp::from_nanosecond(nanos).unwrap();
            assert_eq!(serde_json::to_string(&Millis(at)).unwrap(), written);
        }
    }
}
