//! `POST /api/auth/sign-up/email`

use penstock_domain::account::limits::Bucket;
use penstock_domain::account::link::Kind;
use penstock_domain::account::{Role, token};
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::ids::id_at;
use penstock_edge::http::{Call, Failure, Reply};
use penstock_store::users::{self, NewUser, User};
use penstock_store::{account_links, audit, begin, commit, sign_in_limits};

use crate::body::{Body, new_password};
use crate::caller::{Caller, entry};
use crate::code::Code;
use crate::limits::counters;
use crate::reply::{TokenAndUser, done, handle};
use crate::sessions::begin_session;
use crate::sign_in::actor_of;
use crate::{Ports, SignUp};

/// `POST /api/auth/sign-up/email`
///
/// With `SIGN_UP=invite` the body has the `token` of an invitation to this very address. With
/// `SIGN_UP=open` it may have one, which gives its role; without one the account is a viewer's.
pub(crate) async fn sign_up<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (email, password) = (body.email("email"), body.required("password"));
    let (name, image) = (body.name("name"), body.image("image").flatten());
    let remembered = body.flag("rememberMe").unwrap_or(true);
    let (invitation, next) = (body.optional("token"), body.callback()?);
    let (email, password) = body.finish(email.zip(password))?;
    let invitation = match (ports.settings.sign_up, invitation) {
        (SignUp::Closed, _) | (SignUp::Invite, None) => return Err(Code::SignUpDisabled.into()),
        (_, None) => None,
        (_, Some(text)) => Some(token::hashed(&text).ok_or(Code::InvalidToken)?),
    };
    let password = new_password(&password)?;

    ports.draw(Bucket::PASSWORDS, call.request, call.now).await?;
    let stored = ports.hashing.hash(password).await?;
    let (id, now) = (id_at(call.now), call.now);
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| email.local().to_owned());
    let make = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let mut role = Role::Viewer;
        if let Some(sha256) = invitation {
            let link = account_links::use_up(&tx, &sha256, now).await?;
            let link =
                link.filter(|link| link.kind == Kind::Invite && link.email == email.as_str());
            role = link.and_then(|link| link.role).ok_or(Code::InvalidToken)?;
        }
        let new = NewUser {
            id,
            email: &email,
            name: &name,
            image: image.as_deref(),
            email_verified: invitation.is_some(),
            role,
            password: Some(&stored),
            now,
        };
        if !users::insert(&tx, new).await? {
            return Err(Code::UserAlreadyExists.into());
        }
        let user = User::from(new);
        sign_in_limits::settle(&tx, &counters(&email, call.request), now).await?;
        let begun = begin_session(&tx, id, call.request, remembered, now).await?;
        let begun = begun.ok_or_else(|| Failure::internal("a new account has no session"))?;
        let object = id.to_string();
        audit::write(&tx, &entry(&call, actor_of(&user), Action::SignedUp, &object)).await?;
        commit(tx).await?;
        Ok::<_, Failure>((user, begun))
    };
    let (user, begun) = ports.database.in_time(make).await?;
    tracing::info!(event = "signed_up", request_id = call.id.as_str(), user_id = %user.id);
    let cookies = begun.cookies(call.request)?;
    let body = TokenAndUser { token: Some(handle(begun.id)), user: user.into() };
    let reply = done(&call, next.as_deref(), &body)?;
    Ok(cookies.iter().fold(reply, Reply::with_cookie))
}
