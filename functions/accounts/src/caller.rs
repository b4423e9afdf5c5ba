//! The person who calls, and where they call from.

use jiff::Timestamp;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::text::printable;
use penstock_edge::http::{Call, Failure, Problem, Request, header, session};
use penstock_store::audit::{Actor, Entry};
use penstock_store::sessions::{self, Session};

use crate::Ports;

/// The caller of a route.
#[derive(Debug)]
pub struct Caller {
    /// The session, on routes that ask for one.
    pub(crate) session: Option<Session>,
}

impl Caller {
    /// The session of a caller who was admitted by it.
    ///
    /// # Errors
    /// 401 if there is none.
    pub(crate) fn session(&self) -> Result<&Session, Problem> {
        self.session.as_ref().ok_or_else(Problem::signed_out)
    }
}

/// The author of a session's changes, for the audit log.
pub(crate) fn actor(session: &Session) -> Actor<'_> {
    Actor::User { id: session.user_id, email: &session.email }
}

/// An entry in the audit log about what a request has done.
pub(crate) fn entry<'a>(
    call: &'a Call<'_, Caller>,
    actor: Actor<'a>,
    action: Action,
    object: &'a str,
) -> Entry<'a> {
    let entry = Entry::new(actor, action, object, call.id.as_str(), call.now);
    Entry { address: call.request.source_ip.as_deref(), ..entry }
}

/// The network address of a request, as the gateway saw it.
pub(crate) fn address(request: &Request) -> &str {
    request.source_ip.as_deref().unwrap_or_default()
}

/// The most characters of a user agent that are kept.
const LONGEST_AGENT: usize = 255;

/// The user agent of a request, as it is kept with a session.
pub(crate) fn user_agent(request: &Request) -> Option<String> {
    let text = request.headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(printable(text).chars().take(LONGEST_AGENT).collect())
}

/// Scheme and host of this API, as the caller reached it.
pub(crate) fn base_of(call: &Call<'_, Caller>, own: Option<&str>) -> String {
    own.map_or_else(
        || {
            let host = call.request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let scheme = if session::is_https(call.request) { "https" } else { "http" };
            format!("{scheme}://{}", host.unwrap_or_default())
        },
        str::to_owned,
    )
}

impl<C: Clock> Ports<C> {
    /// Returns the session of a request, and renews it if it is older than a day.
    pub(crate) async fn session_of(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<Session>, Failure> {
        let Some(token) = session::token(request) else { return Ok(None) };
        let find = async {
            let connection = self.database.connection().await?;
            sessions::find(&**connection, token.sha256(), now).await
        };
        Ok(self.database.in_time(find).await?)
    }

    /// Returns the session of a request, and leaves it as it is.
    pub(crate) async fn peeked_session(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<Session>, Failure> {
        let Some(token) = session::token(request) else { return Ok(None) };
        let peek = async {
            let connection = self.database.connection().await?;
            sessions::peek(&**connection, token.sha256(), now).await
        };
        Ok(self.database.in_time(peek).await?)
    }
}
