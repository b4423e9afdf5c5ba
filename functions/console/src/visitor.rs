//! The person who asks for a page.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_domain::revenue::Zone;
use penstock_edge::http::session::{self, is_https};
use penstock_edge::http::{Call, Failure, Problem, Query, Reply, SetCookie};
use penstock_store::sessions::{self, Session};

use crate::headers::see_other;
use crate::{Ports, addresses};

/// The cookie with the name of the reader's zone. The script sets it, or the form below each page.
const ZONE_COOKIE: &str = "penstock-zone";

/// The browser keeps the zone for a year.
const ZONE_LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The longest form that a page sends, in bytes.
pub(crate) const MOST_FORM_BYTES: usize = 64 * 1024;

/// A person with a session, and how they read times.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The session. A route without one has no visitor.
    pub session: Session,
    /// The zone in which times are shown.
    pub zone: Zone,
    /// Whether the reader has chosen the zone; otherwise it is the deployment's.
    pub is_zone_chosen: bool,
    /// The cookie of a session that this request has renewed.
    pub(crate) renewed: Option<SetCookie>,
}

/// Decides who asks, and whether the page is open to them. An unsafe method must come from a page
/// of our own (trap 61).
///
/// # Errors
/// 401 without a session, 403 if its role is too low or another site's page sends the request, 503
/// if that cannot be decided.
pub(crate) async fn authorize(ports: &Ports, call: &Call<'_>) -> Result<Visitor, Failure> {
    let request = call.request;
    session::same_origin(request, ports.config.public_base_url.as_deref())?;
    let token = session::token(request).ok_or_else(Problem::signed_out)?;
    let find = || async {
        let connection = ports.database.connection().await?;
        sessions::find(&**connection, token.sha256(), call.now).await
    };
    let found = ports.database.in_time_or_again(find).await?;
    session::authorize(call.route, found.as_ref().map(|session| session.role))?;
    let session = found.ok_or_else(Problem::signed_out)?;
    let chosen = request.cookie(ZONE_COOKIE).and_then(zone_of);
    Ok(Visitor {
        renewed: if session.renewed { session::renew(request) } else { None },
        session,
        is_zone_chosen: chosen.is_some(),
        zone: chosen.unwrap_or_else(|| ports.config.business_zone.clone()),
    })
}

/// The zone that a cookie names. Its slash may be encoded.
fn zone_of(value: &str) -> Option<Zone> {
    Zone::parse(&value.replace("%2F", "/").replace("%2B", "+")).ok()
}

/// `POST /console/zone`: `zone`, and `back`, the page to come back to. It writes a cookie, and
/// nothing else.
pub(crate) async fn choose_zone(_: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut form = form(&call)?;
    let zone = form.take_as("zone", |name| Zone::parse(name).map_err(|error| error.to_string()));
    let back = form.take("back");
    form.finish_knowing()?;
    let zone = zone.unwrap_or_else(Zone::utc);
    let cookie = SetCookie::new(ZONE_COOKIE, zone.name()).map_err(Failure::internal)?;
    let cookie = cookie.lasting(ZONE_LASTS);
    let cookie = if is_https(call.request) { cookie } else { cookie.over_http() };
    let back = back.as_deref().and_then(addresses::own_page).unwrap_or("/console");
    Ok(see_other(back).with_cookie(&cookie))
}

/// Reads the form that a request carries.
///
/// # Errors
/// 413 if it is too long, 400 if it is not UTF-8.
pub(crate) fn form<Caller>(call: &Call<'_, Caller>) -> Result<Query, Problem> {
    let bytes = call.request.bytes(MOST_FORM_BYTES)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::bad_request("invalid-body", "The form is not UTF-8."))?;
    Ok(Query::parse(text))
}

impl Visitor {
    /// Whether the person may do what needs a role.
    #[must_use]
    pub fn is_at_least(&self, role: Role) -> bool {
        self.session.role >= role
    }
}
