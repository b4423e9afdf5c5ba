//! The faults of a simulated HubSpot.

/// The plan of HubSpot's faults.
pub type Faults = crate::simulators::faults::Faults<Fault>;

/// The limit that a 429 names (developers.hubspot.com/docs/api/usage-details).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Requests per second, of search.
    Secondly,
    /// Requests per ten seconds.
    TenSecondlyRolling,
    /// Requests per day, of the portal.
    Daily,
}

impl Policy {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Secondly => "SECONDLY",
            Self::TenSecondlyRolling => "TEN_SECONDLY_ROLLING",
            Self::Daily => "DAILY",
        }
    }
}

/// A fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with HubSpot's body.
    TooMany(Policy),
    /// 500 with HubSpot's body.
    ServerError,
    /// 502 with a proxy's HTML.
    BadGateway,
    /// 200, but a maintenance page in HTML.
    Html,
    /// 200 with an error in the body.
    ErrorInside,
    /// 200, complete by its length, but the JSON stops in the middle.
    TruncatedJson,
    /// The right headers, half of the body, then the connection is closed.
    CutBody,
    /// `results` is empty and `paging.next` is there: the objects come with the pages after.
    EmptyPage,
    /// No answer at all.
    Hang,
    /// 401 as for a revoked token.
    Unauthorized,
    /// 403 as for a token without the scope.
    Forbidden,
    /// 404 with the HTML of a proxy, which knows nothing of objects.
    NoSuchPage,
    /// 400 as for a request that HubSpot does not understand.
    BadRequest,
    /// 403 with a proxy's HTML.
    Proxy,
}

impl Fault {
    /// Every fault that passes when the request is repeated. [`Fault::Hang`] is left out: it needs
    /// a client with a time-out.
    pub const PASSING: [Self; 9] = [
        Self::TooMany(Policy::Secondly),
        Self::TooMany(Policy::TenSecondlyRolling),
        Self::ServerError,
        Self::BadGateway,
        Self::Html,
        Self::ErrorInside,
        Self::TruncatedJson,
        Self::CutBody,
        Self::EmptyPage,
    ];
}
