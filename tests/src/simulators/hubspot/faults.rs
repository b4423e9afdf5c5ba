//! What goes wrong on command, for which paths, how often.

use fastrand::Rng;

/// Which limit a 429 speaks of (developers.hubspot.com/docs/api/usage-details).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Requests a second, of search.
    Secondly,
    /// Requests in ten seconds.
    TenSecondlyRolling,
    /// Requests a day, of the portal.
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

/// What goes wrong with one request.
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
    /// 200 with an error inside.
    ErrorInside,
    /// 200, complete by its length, but the JSON stops in the middle.
    TruncatedJson,
    /// The right headers, half of the body, then the connection is closed.
    CutBody,
    /// `results` is empty and `paging.next` is there.
    EmptyPage,
    /// No answer at all.
    Hang,
    /// 401 as for a token that was revoked.
    Unauthorized,
    /// 403 as for a token without the scope.
    Forbidden,
    /// 404 with the HTML of a proxy in between, which knows nothing of objects.
    NoSuchPage,
}

impl Fault {
    /// Every fault that passes when the request is repeated; [`Fault::Hang`] needs a client with a time-out.
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

#[derive(Debug)]
enum When {
    Next(u64),
    At(u64),
    Always,
    Random(Rng, u32),
}

#[derive(Debug)]
struct Rule {
    prefix: String,
    when: When,
    faults: Vec<Fault>,
}

/// The plan; the first rule that strikes wins.
#[derive(Debug, Default)]
pub struct Faults(Vec<Rule>);

impl Faults {
    /// The next `n` requests to paths that start with `prefix` go wrong.
    pub fn next_n(&mut self, prefix: &str, n: u64, fault: Fault) {
        self.add(prefix, When::Next(n), &[fault]);
    }

    /// The `n`-th request to `prefix` from now, counted from 1, goes wrong; where an earlier rule strikes it, the next.
    pub fn at(&mut self, n: u64, prefix: &str, fault: Fault) {
        self.add(prefix, When::At(n), &[fault]);
    }

    /// All of them go wrong until [`Faults::clear`].
    pub fn always(&mut self, prefix: &str, fault: Fault) {
        self.add(prefix, When::Always, &[fault]);
    }

    /// `permille` in 1000 requests go wrong, in one of the ways of `faults`, by seed.
    pub fn random(&mut self, seed: u64, permille: u32, prefix: &str, faults: &[Fault]) {
        self.add(prefix, When::Random(Rng::with_seed(seed), permille), faults);
    }

    /// All goes well from here on.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, prefix: &str, when: When, faults: &[Fault]) {
        self.0.push(Rule { prefix: prefix.to_owned(), when, faults: faults.to_vec() });
    }

    pub(super) fn strike(&mut self, path: &str) -> Option<Fault> {
        let struck =
            self.0.iter_mut().filter(|rule| path.starts_with(&rule.prefix)).find_map(Rule::strike);
        self.0.retain(|rule| !matches!(rule.when, When::Next(0) | When::At(0)));
        struck
    }
}

impl Rule {
    fn strike(&mut self) -> Option<Fault> {
        let pick = match &mut self.when {
            When::Next(left) => {
                *left = left.saturating_sub(1);
                Some(0)
            }
            When::At(left) => {
                *left = left.saturating_sub(1);
                (*left == 0).then_some(0)
            }
            When::Always => Some(0),
            When::Random(rng, permille) => (rng.u32(0..1000) < *permille
                && !self.faults.is_empty())
            .then(|| rng.usize(0..self.faults.len())),
        };
        pick.and_then(|index| self.faults.get(index).copied())
    }
}
