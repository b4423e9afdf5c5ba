//! The sessions of a person: the one that a request carries, the list of all, and their end. Also
//! how one begins.

use jiff::Timestamp;
use penstock_domain::account::Email;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::ids::id_at;
use penstock_edge::http::{
    Call, Failure, HeaderValue, Problem, Reply, Request, SetCookie, StatusCode, header, session,
};
use penstock_store::sessions::{self, NewSession};
use penstock_store::{GenericClient, StoreError, audit, begin, commit};
use serde_json::Value;
use uuid::Uuid;

use crate::Ports;
use crate::body::Body;
use crate::caller::{Caller, actor, entry, user_agent};
use crate::random::{NewToken, new_token};
use crate::reply::{SessionAndUser, SessionBody, Status, done};

/// A session that has begun. Its token goes into the cookie of one reply.
pub(crate) struct Begun {
    /// Names the session.
    pub id: Uuid,
    token: NewToken,
    remembered: bool,
}

impl Begun {
    /// Sets the cookies of the session.
    ///
    /// # Errors
    /// A 500 if the token cannot be one.
    pub(crate) fn cookies(&self, request: &Request) -> Result<Vec<SetCookie>, Failure> {
        session::begin(request, &self.token.text, self.remembered).map_err(Failure::internal)
    }
}

/// Begins a session of a user inside of a transaction. The session that the request carries ends:
/// whoever signs in has a new token, so that nobody can plant one (trap 57). Returns `None` if the
/// account was disabled meanwhile.
pub(crate) async fn begin_session(
    on: &impl GenericClient,
    user_id: Uuid,
    request: &Request,
    remembered: bool,
    now: Timestamp,
) -> Result<Option<Begun>, Failure> {
    if let Some(presented) = session::token(request) {
        sessions::end_token(on, presented.sha256()).await?;
    }
    let (id, token, user_agent) = (id_at(now), new_token()?, user_agent(request));
    let new = NewSession {
        id,
        user_id,
        token_sha256: &token.sha256,
        remembered,
        address: request.source_ip.as_deref(),
        user_agent: user_agent.as_deref(),
        now,
    };
    let has_begun = sessions::insert(on, new).await?;
    Ok(has_begun.then_some(Begun { id, token, remembered }))
}

/// `GET /api/auth/get-session` and `GET /session`: null without a session, never 401.
pub(crate) async fn get<C: Clock>(
    ports: &Ports<C>,
    mut call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let is_left_alone = query.take("disableRefresh").is_some_and(|word| word == "true");
    let _ = query.take("disableCookieCache");
    // Clients of later releases add parameters of their own.
    query.finish_knowing()?;
    let found = match is_left_alone {
        true => ports.peeked_session(call.request, call.now).await?,
        false => ports.session_of(call.request, call.now).await?,
    };
    let cookies = match &found {
        Some(found) if found.renewed => session::renew(call.request).into_iter().collect(),
        None if session::is_presented(call.request) => session::end(call.request).to_vec(),
        _ => Vec::new(),
    };
    let mut reply = match found {
        Some(found) => Reply::json(StatusCode::OK, &SessionAndUser::from(found))?,
        None => Reply::json(StatusCode::OK, &Value::Null)?,
    };
    reply.headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(cookies.iter().fold(reply, Reply::with_cookie))
}

/// `GET /api/auth/list-sessions`
pub(crate) async fn list<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let user_id = call.caller.session()?.user_id;
    let list = async {
        let connection = ports.database.connection().await?;
        sessions::of_user(&**connection, user_id, call.now).await
    };
    let sessions = ports.database.in_time::<_, StoreError>(list).await?;
    let sessions: Vec<SessionBody> = sessions.into_iter().map(SessionBody::from).collect();
    done(&call, None, &sessions)
}

/// `POST /api/auth/revoke-session`: by the name that a session has in replies. One that is unknown
/// is revoked already.
pub(crate) async fn revoke<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (token, next) = (body.required("token"), body.callback()?);
    let token = body.finish(token)?;
    if let Ok(id) = Uuid::try_parse(&token) {
        ports.end(&call, Some(id), None).await?;
    }
    done(&call, next.as_deref(), &Status::DONE)
}

/// `POST /api/auth/revoke-sessions`: all, the caller's own too.
pub(crate) async fn revoke_all<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let next = body.callback()?;
    body.finish(Some(()))?;
    ports.end(&call, None, None).await?;
    done(&call, next.as_deref(), &Status::DONE)
}

/// `POST /api/auth/revoke-other-sessions`
pub(crate) async fn revoke_others<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let next = body.callback()?;
    body.finish(Some(()))?;
    let own = call.caller.session()?.id;
    ports.end(&call, None, Some(own)).await?;
    done(&call, next.as_deref(), &Status::DONE)
}

impl<C: Clock> Ports<C> {
    /// Ends one session of the caller, or all but `but`.
    async fn end(
        &self,
        call: &Call<'_, Caller>,
        one: Option<Uuid>,
        but: Option<Uuid>,
    ) -> Result<(), Failure> {
        let session = call.caller.session()?;
        let end = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let ended = match one {
                Some(id) => u64::from(sessions::end(&tx, session.user_id, id).await?),
                None => sessions::end_all(&tx, session.user_id, but).await?,
            };
            if ended > 0 {
                let object = session.user_id.to_string();
                let trail = entry(call, actor(session), Action::SessionsEnded, &object);
                let count = i64::try_from(ended).ok();
                audit::write(&tx, &audit::Entry { count, ..trail }).await?;
            }
            commit(tx).await
        };
        Ok(self.database.in_time(end).await?)
    }
}

/// The address of a session's user, in its own type.
///
/// # Errors
/// 401 if it is none: no account has such an address.
pub(crate) fn email_of(session: &sessions::Session) -> Result<Email, Problem> {
    Email::parse(&session.email).ok_or_else(Problem::signed_out)
}
