//! Channels over which a vendor pushes: opened, renewed before they end, and the old ones closed
//! once the new one is there.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::paging::Reply;
use penstock_domain::signature::{SigningSecrets, channel};
use penstock_domain::source::{Channel, NewChannel, Push, Webhook};
use penstock_store::push_channels::{self, Open};
use secrecy::ExposeSecret;

use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::ports::Ports;
use crate::vendors::{PushTo, Vendor};

/// How long a channel is asked to last: a week, which is the most that Google gives.
pub const LASTING: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A channel is renewed this long before it ends: time for a person to see why it cannot be.
pub const RENEW_BEFORE: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Keeps one channel open for days to come, and closes the others.
///
/// A crash between the vendor's reply and the commit leaves a channel that Postgres does not know.
/// It pushes the same as the next one, and ends by itself.
pub(crate) async fn serve<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    request: &FetchRequest,
    stop_at: Timestamp,
) -> Result<Outcome, FetchError> {
    let (Some(Webhook::Notified(push)), Some(to)) = (vendor.source().webhook(), &vendor.push)
    else {
        return Err(FetchError::unknown(Some(vendor.source()), request));
    };
    let source = vendor.name();
    let part = vendor.paging.part.as_deref().unwrap_or_default();
    let now = ports.clock.now();
    let known = push_channels::all(&**ports.database.connection().await?, source).await?;
    let fits = |open: &Open| open.part == part && open.address == to.address;
    let lasts = |open: &Open| open.channel.expires_at > now + RENEW_BEFORE;
    let kept = known.iter().find(|open| fits(open) && lasts(open)).cloned();
    let (kept, opened) = match kept {
        Some(kept) => (kept, false),
        None => (open(ports, vendor, push, to, &request.entity, stop_at).await?, true),
    };
    let mut closed = 0;
    for old in known.iter().filter(|open| open.channel.id != kept.channel.id) {
        if close(vendor, push, &old.channel, ports.clock.now(), stop_at).await? {
            push_channels::remove(&**ports.database.connection().await?, source, &old.channel.id)
                .await?;
            closed += 1;
        }
    }
    let expires_at = kept.channel.expires_at;
    tracing::info!(event = "watched", source, channel = kept.channel.id, opened, closed, %expires_at);
    Ok(Outcome::Watched { opened, closed, expires_at })
}

async fn open<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    push: &dyn Push,
    to: &PushTo,
    entity: &str,
    stop_at: Timestamp,
) -> Result<Open, FetchError> {
    let source_name = vendor.name();
    let now = ports.clock.now();
    let secret = to.secret.get(now, false).await.map_err(VendorError::from)?;
    let secrets = SigningSecrets::parse(secret.expose_secret())
        .map_err(|e| VendorError::Setup(e.to_string()))?;
    let id = RunId::new(now).to_string();
    let token = channel::token(&secrets, &id);
    let new = NewChannel { id: &id, token: &token, address: &to.address, lasting: LASTING };
    let request = push.open(entity, new, &vendor.paging);
    let fetched = vendor.client.ask(Mode::Watch, &request, stop_at).await?;
    let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
    let channel = push
        .opened(reply)
        .map_err(|error| FetchError::Page { source_name: source_name.to_owned(), error })?;
    let part = vendor.paging.part.clone().unwrap_or_default();
    let open = Open { channel, part, address: to.address.clone() };
    push_channels::insert(&**ports.database.connection().await?, source_name, &open, now).await?;
    Ok(open)
}

/// Closes a channel, and returns whether it is closed now. If the vendor fails, the next invocation
/// tries again.
async fn close<C: Clock>(
    vendor: &Vendor<C>,
    push: &dyn Push,
    channel: &Channel,
    now: Timestamp,
    stop_at: Timestamp,
) -> Result<bool, FetchError> {
    if channel.expires_at <= now {
        return Ok(true);
    }
    match vendor.client.ask(Mode::Watch, &push.close(channel), stop_at).await {
        Ok(_) => Ok(true),
        // It has been closed before, or has ended.
        Err(VendorError::Rejected { status: 404, .. }) => Ok(true),
        Err(VendorError::Unavailable { last, .. }) => {
            tracing::warn!(event = "channel_not_closed", channel = channel.id, last);
            Ok(false)
        }
        Err(e) => Err(e.into()),
    }
}
