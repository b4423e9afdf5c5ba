//! Links that an admin makes for others: `POST /users/invite` and `POST
//! /users/{userId}/reset-link`.

use penstock_domain::account::Email;
use penstock_domain::account::letter::Letter;
use penstock_domain::account::link::Kind;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Reply, session};
use penstock_store::{audit, begin, commit, users};
use serde_json::json;
use std::time::Duration;

use super::id_of_path;
use crate::Ports;
use crate::body::Body;
use crate::caller::{Caller, actor, base_of, entry};
use crate::code::Code;
use crate::link::{Made, Person, make};
use crate::media::is_form;
use crate::reply::{LinkReply, MadeLink, Millis, done};

/// A page shows a link that was just made within this time, or never.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// `POST /users/invite`
pub(crate) async fn invite<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (email, role, next) = (body.email("email"), body.role("role"), body.callback()?);
    let (email, role) = body.finish(email.zip(role))?;
    let session = call.caller.session()?;
    let work = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        if users::of_email(&tx, &email).await?.is_some() {
            return Err(Failure::from(Code::UserAlreadyExists));
        }
        let person = Person { email: &email, role: Some(role), user_id: None };
        let made = make(&tx, Kind::Invite, person, call.now).await?;
        let detail = json!({ "role": role.as_str() }).to_string();
        let trail = entry(&call, actor(session), Action::UserInvited, email.as_str());
        audit::write(&tx, &audit::Entry { detail: Some(&detail), ..trail }).await?;
        commit(tx).await?;
        Ok(made)
    };
    let made = ports.database.in_time(work).await?;
    let shown = MadeLink {
        kind: made.kind.into(),
        email: email.as_str().to_owned(),
        role: Some(role.into()),
        url: made.url(&base_of(&call, ports.settings.public_base_url.as_deref())),
        expires_at: Millis(made.expires_at),
        mailed: false,
    };
    ports.show(&call, &email, &made, shown, next.as_deref()).await
}

/// `POST /users/{userId}/reset-link`: for people whom no mail reaches.
pub(crate) async fn make_reset_link<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let id = id_of_path(&call)?;
    let mut body = Body::read(call.request)?;
    let next = body.callback()?;
    body.finish(Some(()))?;
    let session = call.caller.session()?;
    let work = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let user = users::lock(&tx, id).await?.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(Code::UserNotFound)?;
        let email = Email::parse(&user.email).ok_or(Code::UserNotFound)?;
        let person = Person { email: &email, role: None, user_id: Some(id) };
        let made = make(&tx, Kind::Reset, person, call.now).await?;
        let object = id.to_string();
        audit::write(&tx, &entry(&call, actor(session), Action::LinkMade, &object)).await?;
        commit(tx).await?;
        Ok::<_, Failure>((email, made))
    };
    let (email, made) = ports.database.in_time(work).await?;
    let shown = MadeLink {
        kind: made.kind.into(),
        email: email.as_str().to_owned(),
        role: None,
        url: made.url(&base_of(&call, ports.settings.public_base_url.as_deref())),
        expires_at: Millis(made.expires_at),
        mailed: false,
    };
    ports.show(&call, &email, &made, shown, next.as_deref()).await
}

impl<C: Clock> Ports<C> {
    /// Mails a link if mail is set up, and shows it once: in the body of the reply, or for a form
    /// in a cookie that the next page reads.
    async fn show(
        &self,
        call: &Call<'_, Caller>,
        email: &Email,
        made: &Made,
        shown: MadeLink,
        next: Option<&str>,
    ) -> Result<Reply, Failure> {
        let request_id = call.id.as_str();
        let mailed = match &self.mail {
            None => false,
            Some(mail) => {
                let letter = Letter::with_link(made.kind, &shown.url);
                match mail.post(email.as_str(), &letter).await {
                    Ok(()) => true,
                    Err(error) => {
                        let reason = error.to_string();
                        tracing::error!(event = "mail_not_sent", request_id, reason);
                        false
                    }
                }
            }
        };
        tracing::info!(event = "link_made", request_id, kind = made.kind.as_str(), mailed);
        let link = MadeLink { mailed, ..shown };
        let reply = done(call, next, &LinkReply { status: true, link })?;
        if !is_form(call.request) {
            return Ok(reply);
        }
        let cookie = session::LINK_COOKIE.set(call.request, &made.token);
        Ok(reply.with_cookie(&cookie.map_err(Failure::internal)?.lasting(SHOWN_WITHIN)))
    }
}
