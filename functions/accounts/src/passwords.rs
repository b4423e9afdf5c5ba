//! Passwords: changed by their owner, and set anew by one who has forgotten theirs.

use penstock_domain::account::limits::Bucket;
use penstock_domain::account::link::Kind;
use penstock_domain::account::password::{Password, Verdict};
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Problem, Reply};
use penstock_store::{
    StoreError, audit, begin, commit, reset_requests, sessions, sign_in_limits, users,
};

use crate::Ports;
use crate::body::{Body, new_password};
use crate::caller::{Caller, actor, entry};
use crate::code::Code;
use crate::limits::counters;
use crate::link::Redeem;
use crate::reply::{Status, TokenAndUser, done, handle};
use crate::sessions::{begin_session, email_of};

/// `POST /api/auth/change-password`
///
/// All sessions of the account end, whatever `revokeOtherSessions` says, and the caller has a new
/// one.
pub(crate) async fn change<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (current, wanted) = (body.required("currentPassword"), body.required("newPassword"));
    let shows_token = body.flag("revokeOtherSessions").unwrap_or(false);
    let next = body.callback()?;
    let (current, wanted) = body.finish(current.zip(wanted))?;
    let wanted = new_password(&wanted)?;

    let session = call.caller.session()?;
    let email = email_of(session)?;
    ports.draw(Bucket::PASSWORDS, call.request, call.now).await?;
    let counters = counters(&email, call.request);
    ports.take(&counters, call.now).await?;
    let find = async {
        let connection = ports.database.connection().await?;
        users::of_email(&**connection, &email).await
    };
    let user = ports.database.in_time::<_, StoreError>(find).await?;
    let stored = user.ok_or_else(Problem::signed_out)?.password;
    let verdict = ports.hashing.verify(Password::presented(&current), stored.clone()).await?;
    let stored = stored.ok_or(Code::NoPassword)?;
    if verdict == Verdict::Wrong {
        return Err(Code::InvalidPassword.into());
    }
    let hash = ports.hashing.hash(wanted).await?;

    let change = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let user = users::lock(&tx, session.user_id).await?.ok_or_else(Problem::signed_out)?;
        if user.password.as_deref() != Some(&stored) {
            // Somebody has changed it since it was compared.
            return Err(Failure::from(Code::InvalidPassword));
        }
        sign_in_limits::settle(&tx, &counters, call.now).await?;
        users::set_password(&tx, user.id, &hash, false, call.now).await?;
        let ended = sessions::end_all(&tx, user.id, None).await?;
        let begun = begin_session(&tx, user.id, call.request, session.remembered, call.now).await?;
        let begun = begun.ok_or_else(Problem::signed_out)?;
        let object = user.id.to_string();
        let trail = entry(&call, actor(session), Action::PasswordChanged, &object);
        audit::write(&tx, &audit::Entry { count: i64::try_from(ended).ok(), ..trail }).await?;
        commit(tx).await?;
        Ok((user, begun))
    };
    let (mut user, begun) = ports.database.in_time(change).await?;
    user.updated_at = call.now;
    tracing::info!(event = "password_changed", request_id = call.id.as_str(), user_id = %user.id);
    let cookies = begun.cookies(call.request)?;
    let body = TokenAndUser { token: shows_token.then(|| handle(begun.id)), user: user.into() };
    // The cookie of the session that has ended is not set again.
    let reply = done(&call.with(Caller { session: None }), next.as_deref(), &body)?;
    Ok(cookies.iter().fold(reply, Reply::with_cookie))
}

/// The words of Better Auth. They are the same for an address of nobody.
const ASKED: &str = "If this email exists in our system, check your email for the reset link";

/// `POST /api/auth/request-password-reset`
///
/// It notes the request and looks no account up, so that it takes as long for any address. A later
/// invocation sends the mail.
pub(crate) async fn request_reset<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let email = body.email("email");
    // Better Auth's client names the page that the mail leads to. Here it is always the same.
    let _ = body.optional("redirectTo");
    let next = body.callback()?;
    let email = body.finish(email)?;
    ports.draw(Bucket::MAILS, call.request, call.now).await?;
    let request = async {
        let connection = ports.database.connection().await?;
        reset_requests::request(&**connection, &email, call.now).await
    };
    ports.database.in_time::<_, StoreError>(request).await?;
    if ports.mail.is_none() {
        let reason = "no mail is set up: an admin makes a link";
        tracing::warn!(event = "no_mail", request_id = call.id.as_str(), reason);
    }
    done(&call, next.as_deref(), &Status { message: Some(ASKED), ..Status::DONE })
}

/// `POST /api/auth/reset-password`: by the token of a link, in the body or in the query. It signs
/// nobody in.
pub(crate) async fn reset<C: Clock>(
    ports: &Ports<C>,
    mut call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let of_query = query.take("token");
    query.finish()?;
    let mut body = Body::read(call.request)?;
    let (wanted, of_body) = (body.required("newPassword"), body.optional("token"));
    let next = body.callback()?;
    let password = body.finish(wanted)?;
    let redeem = Redeem {
        token: of_body.or(of_query).unwrap_or_default(),
        password: Some(password),
        name: None,
        only: Some(Kind::Reset),
        session: None,
    };
    ports.redeem(&call, redeem).await?;
    done(&call, next.as_deref(), &Status::DONE)
}
