//! The routes by which people read and change their own account.

use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Reply};
use penstock_store::{StoreError, audit, begin, commit, users};

use crate::Ports;
use crate::body::Body;
use crate::caller::{Caller, actor, entry};
use crate::reply::{AuthOk, Credential, Millis, Status, done};
use crate::sessions::email_of;

/// `POST /api/auth/update-user`: the name and the picture. Fields that are missing stay.
pub(crate) async fn update_own<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut body = Body::read(call.request)?;
    let (name, image, next) = (body.name("name"), body.image("image"), body.callback()?);
    body.finish(Some(()))?;
    let session = call.caller.session()?;
    if name.is_some() || image.is_some() {
        let change = async {
            let mut connection = ports.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let image = image.as_ref().map(Option::as_deref);
            users::set_profile(&tx, session.user_id, name.as_deref(), image, call.now).await?;
            let object = session.user_id.to_string();
            let trail = entry(&call, actor(session), Action::UserChanged, &object);
            audit::write(&tx, &trail).await?;
            commit(tx).await
        };
        ports.database.in_time::<_, StoreError>(change).await?;
    }
    done(&call, next.as_deref(), &Status::DONE)
}

/// `GET /api/auth/list-accounts`: the ways to sign in that the account has. There is one at most.
pub(crate) async fn list_accounts<C: Clock>(
    ports: &Ports<C>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let email = email_of(call.caller.session()?)?;
    let find = async {
        let connection = ports.database.connection().await?;
        users::of_email(&**connection, &email).await
    };
    let user = ports.database.in_time::<_, StoreError>(find).await?;
    let user = user.filter(|user| user.password.is_some());
    let credentials: Vec<Credential> = user
        .into_iter()
        .map(|user| Credential {
            id: user.id,
            provider_id: "credential",
            account_id: user.id,
            user_id: user.id,
            scopes: Vec::new(),
            created_at: Millis(user.created_at),
            updated_at: Millis(user.updated_at),
        })
        .collect();
    done(&call, None, &credentials)
}

/// `GET /api/auth/ok`
pub(crate) async fn ok<C: Clock>(_: &Ports<C>, call: Call<'_, Caller>) -> Result<Reply, Failure> {
    done(&call, None, &AuthOk { ok: true })
}
