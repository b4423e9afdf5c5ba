//! `POST /api/auth/sign-in/email` and `POST /api/auth/sign-out`.

use penstock_domain::account::limits::Bucket;
use penstock_domain::account::password::{Password, Verdict};
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Reply, session};
use penstock_store::audit::Actor;
use penstock_store::users::User;
use penstock_store::{StoreError, audit, begin, commit, sessions, sign_in_limits, users};

use crate::Ports;
use crate::body::Body;
use crate::caller::{Caller, actor, entry};
use crate::code::Code;
use crate::limits::counters;
use crate::reply::{SignedIn, SignedOut, done, handle};
use crate::sessions::begin_session;

/// `POST /api/auth/sign-in/email`
///
/// An unknown address, a disabled account, one without a password and a wrong password are answered
/// by the same bytes after the same statements and one hash (trap 58).
pub(crate) async fn sign_in<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (email, password) = (body.email("email"), body.required("password"));
    let remembered = body.flag("rememberMe").unwrap_or(true);
    let next = body.callback()?;
    let (email, password) = body.finish(email.zip(password))?;

    ports.draw(Bucket::PASSWORDS, call.request, call.now).await?;
    let counters = counters(&email, call.request);
    ports.take(&counters, call.now).await?;
    let find = async {
        let connection = ports.database.connection().await?;
        users::of_email(&**connection, &email).await
    };
    let found = ports.database.in_time::<_, StoreError>(find).await?;
    let found = found.filter(|user| user.disabled_at.is_none());
    let stored = found.as_ref().and_then(|user| user.password.clone());
    let verdict = ports.hashing.verify(Password::presented(&password), stored.clone()).await?;
    let (Some(user), Verdict::Right { raise }) = (found, verdict) else {
        return Err(Code::InvalidEmailOrPassword.into());
    };
    let raised = match raise {
        true => Some(ports.hashing.hash(Password::presented(&password)).await?),
        false => None,
    };

    let begin_it = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        sign_in_limits::settle(&tx, &counters, call.now).await?;
        if let Some((was, raised)) = stored.as_deref().zip(raised.as_deref()) {
            users::raise_password(&tx, user.id, was, raised).await?;
        }
        let begun = begin_session(&tx, user.id, call.request, remembered, call.now).await?;
        let begun = begun.ok_or(Code::InvalidEmailOrPassword)?;
        let object = begun.id.to_string();
        audit::write(&tx, &entry(&call, actor_of(&user), Action::SignedIn, &object)).await?;
        commit(tx).await?;
        Ok::<_, Failure>(begun)
    };
    let begun = ports.database.in_time(begin_it).await?;
    tracing::info!(event = "signed_in", request_id = call.id.as_str(), user_id = %user.id);
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

/// The user as the author of a change.
pub(crate) fn actor_of(user: &User) -> Actor<'_> {
    Actor::User { id: user.id, email: &user.email }
}

/// `POST /api/auth/sign-out`: without a session too, so that the cookies go in any case.
pub(crate) async fn sign_out<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let next = body.callback()?;
    body.finish(Some(()))?;
    if let Some(found) = ports.peeked_session(call.request, call.now).await? {
        let end = async {
            let mut connection = ports.database.connection().await?;
            let tx = begin(&mut connection).await?;
            if sessions::end(&tx, found.user_id, found.id).await? {
                let object = found.id.to_string();
                audit::write(&tx, &entry(&call, actor(&found), Action::SignedOut, &object)).await?;
            }
            commit(tx).await
        };
        ports.database.in_time(end).await?;
    }
    let reply = done(&call, next.as_deref(), &SignedOut { success: true })?;
    Ok(session::end(call.request).iter().fold(reply, Reply::with_cookie))
}
