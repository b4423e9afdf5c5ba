//! `/console/account`: a person's own account: sessions, password.

use askama::Template;
use penstock_domain::audit::Action;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::audit::{self, Entry};
use penstock_store::{StoreError, begin, commit, sessions};
use uuid::Uuid;

use super::form::Form;
use super::id;
use super::trail::entry;
use crate::filters::{self, Markup};
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::panel::{Panels, Part};
use crate::{Ports, Visitor};

const PATH: &str = "/console/account";

/// A session of the person.
struct Open {
    id: Uuid,
    is_this: bool,
    address: Markup,
    agent: Markup,
    created: Markup,
    seen: Markup,
    expires: Markup,
}

#[derive(Template)]
#[template(path = "acting/account.html")]
struct Own {
    shell: Shell,
    email: Markup,
    name: Markup,
    role: &'static str,
    sessions: Part<Vec<Open>>,
    /// The code of the error with which a form came back.
    error: Option<Markup>,
    is_changed: bool,
}

/// `GET /console/account`: `error` and `changed` say how a form has ended.
pub(crate) async fn page(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let query = Form::parse(call.request.raw_query.as_bytes())?;
    let (visitor, now) = (&call.caller, call.now);
    let (user, this) = (visitor.session.user_id, visitor.session.id);
    let mut panels = Panels::of(&ports.database);
    let read = async |on: &_| sessions::of_user(on, user, now).await;
    let found = panels.read("sessions", read).await;
    panels.end().await;
    let open = |session: sessions::Listed| Open {
        id: session.id,
        is_this: session.id == this,
        address: filters::maybe(session.address.as_deref()),
        agent: filters::maybe(session.user_agent.as_deref()),
        created: filters::time(session.created_at, &visitor.zone),
        seen: filters::time(session.last_seen_at, &visitor.zone),
        expires: filters::time(session.expires_at, &visitor.zone),
    };
    let page = Own {
        shell: Shell::of(&call, Area::None, "Your account"),
        email: filters::text(&visitor.session.email),
        name: filters::text(&visitor.session.name),
        role: visitor.session.role.as_str(),
        sessions: found.map(|sessions| sessions.into_iter().map(open).collect()),
        error: query.text("error").map(|code| filters::cut(code, filters::SHORT, None)),
        is_changed: query.text("changed").is_some(),
    };
    html(StatusCode::OK, &page)
}

/// `POST /console/account/sessions/{id}/end`: ends one of the person's sessions.
pub(crate) async fn end(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("You have no such session.");
    let id = id(&call, unknown)?;
    Form::of(call.request)?;
    let user = call.caller.session.user_id;
    let ending = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        if !sessions::end(&tx, user, id).await? {
            return Ok(false);
        }
        let object = id.to_string();
        let is_own = id == call.caller.session.id;
        let action = if is_own { Action::SignedOut } else { Action::SessionsEnded };
        audit::write(&tx, &Entry { count: Some(1), ..entry(&call, action, &object) }).await?;
        commit(tx).await?;
        Ok::<_, StoreError>(true)
    };
    if ports.database.in_time(ending).await? { Ok(see_other(PATH)) } else { Err(unknown().into()) }
}

/// `POST /console/account/sessions/end`: ends all sessions of the person but this one.
pub(crate) async fn end_others(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    Form::of(call.request)?;
    let session = &call.caller.session;
    let ending = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let ended = sessions::end_all(&tx, session.user_id, Some(session.id)).await?;
        if ended > 0 {
            let entry = entry(&call, Action::SessionsEnded, &session.email);
            audit::write(&tx, &Entry { count: i64::try_from(ended).ok(), ..entry }).await?;
            commit(tx).await?;
        }
        Ok::<_, StoreError>(())
    };
    ports.database.in_time(ending).await?;
    Ok(see_other(PATH))
}
