//! A request on its way to the handler of its route.

use jiff::Timestamp;
use penstock_domain::access::{self, ApiKey, KeyStatus, PresentedKey};

use super::credentials::presented_key;
use super::problem::Problem;
use super::query::Query;
use super::request::Request;
use super::request_id::RequestId;
use super::route_info::{PathParts, RouteInfo};

/// A request, its route, and once it is authorized its caller.
#[derive(Debug)]
pub struct Call<'a, Caller = ()> {
    /// The request.
    pub request: &'a Request,
    /// The id that the log and the reply name it by.
    pub id: &'a RequestId,
    /// The time at which it came in; one for all that is decided about it.
    pub now: Timestamp,
    /// The route.
    pub route: &'static RouteInfo,
    /// Its query. A handler takes from it only on a route [`with_query`](super::Route::with_query).
    pub query: Query,
    /// The caller, as the function knows it.
    pub caller: Caller,
    pub(super) path: PathParts<'a>,
}

impl<'a, Caller> Call<'a, Caller> {
    /// A parameter of the path, decoded once; `None` if it is no text.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<String> {
        let (_, part) = self.path.iter().find(|(found, _)| *found == name)?;
        self.request.path_text(name, part)
    }

    /// The key that the request carries in a header that the route accepts.
    ///
    /// # Errors
    /// 401 if there is none.
    pub fn presented_key(&self) -> Result<PresentedKey, Problem> {
        let key = presented_key(&self.request.headers);
        key.filter(|key| self.route.need.accepts(key.header)).ok_or_else(Problem::unauthorized)
    }

    /// Decides whether the key that was looked up opens the route
    /// ([`authorize`](access::authorize)).
    ///
    /// # Errors
    /// 401 if it does not, 429 if its rate is spent.
    pub fn authorize(&self, key: &PresentedKey, status: KeyStatus) -> Result<ApiKey, Problem> {
        Ok(access::authorize(self.route.need, key, status)?)
    }

    /// The same call of a caller who is known now.
    #[must_use]
    pub fn with<Other>(self, caller: Other) -> Call<'a, Other> {
        let Self { request, id, now, route, query, path, .. } = self;
        Call { request, id, now, route, query, caller, path }
    }
}
