//! Faults on command: which requests fail, and how. The plan serves all vendors. The faults here
//! are those of Stripe and Google Calendar; HubSpot has its own.

use fastrand::Rng;

/// The `Retry-After` header of a 429 or 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// No header.
    Absent,
    /// The seconds to wait.
    Seconds(u32),
    /// An HTTP date, this many seconds after the account's clock.
    Date(u32),
}

/// A fault of Stripe or Google Calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with the vendor's body.
    TooMany(RetryAfter),
    /// 500 with the vendor's body.
    ServerError,
    /// 502 with a proxy's HTML.
    BadGateway,
    /// 503 with the vendor's body.
    Unavailable(RetryAfter),
    /// No reply, for as long as the simulator lives.
    Hang,
    /// The right headers, half of the body, then the connection is closed.
    CutBody,
    /// 200, but a maintenance page in HTML.
    Html,
    /// 200, complete by its length, but the JSON stops in the middle.
    TruncatedJson,
    /// 200 with `{"error": …}` inside.
    ErrorInside,
    /// 200: an empty page that promises another.
    EmptyPage,
    /// 401 as for a revoked key.
    Unauthorized,
    /// 403 as for a restricted key.
    Forbidden,
    /// 404 as for a calendar that is not shared, or an object that does not exist.
    NotFound,
    /// 400 as for a request that the vendor does not understand.
    BadRequest,
    /// 403 with a proxy's HTML.
    Proxy,
}

impl Fault {
    /// Every fault that passes when the request is repeated, for random plans. [`Fault::Hang`] is
    /// left out: it needs a client with a time-out.
    pub const PASSING: [Self; 11] = [
        Self::TooMany(RetryAfter::Seconds(1)),
        Self::TooMany(RetryAfter::Date(1)),
        Self::TooMany(RetryAfter::Absent),
        Self::ServerError,
        Self::BadGateway,
        Self::Unavailable(RetryAfter::Absent),
        Self::CutBody,
        Self::Html,
        Self::TruncatedJson,
        Self::ErrorInside,
        Self::EmptyPage,
    ];
}

#[derive(Clone, Debug)]
enum When {
    Next(u64),
    Every(u64),
    At(u64),
    Since(u64),
    Always,
    Random(Rng, u32),
}

#[derive(Clone, Debug)]
struct Rule<F> {
    prefix: String,
    when: When,
    faults: Vec<F>,
    /// The requests to the prefix that reached this rule.
    seen: u64,
}

/// The plan of faults `F`. Rules are tried in the order in which they were added, and the first
/// match wins. A rule counts only requests to its own path prefix that no earlier rule has failed.
#[derive(Clone, Debug)]
pub struct Faults<F = Fault> {
    rules: Vec<Rule<F>>,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self { rules: Vec::new() }
    }
}

impl<F: Copy> Faults<F> {
    /// Fails the next request to `prefix`. Repeated calls queue up.
    pub fn next(&mut self, prefix: &str, fault: F) {
        self.next_n(prefix, 1, fault);
    }

    /// Fails the next `n` requests to `prefix`.
    pub fn next_n(&mut self, prefix: &str, n: u64, fault: F) {
        self.add(prefix, When::Next(n), vec![fault]);
    }

    /// Fails the `n`-th request to `prefix` from now, counted from 1.
    pub fn at(&mut self, n: u64, prefix: &str, fault: F) {
        self.add(prefix, When::At(n), vec![fault]);
    }

    /// Fails every `n`-th request to `prefix`.
    pub fn every(&mut self, n: u64, prefix: &str, fault: F) {
        self.add(prefix, When::Every(n.max(1)), vec![fault]);
    }

    /// Fails the `n`-th request to `prefix` from now and all after it, until [`Faults::clear`].
    pub fn since(&mut self, n: u64, prefix: &str, fault: F) {
        self.add(prefix, When::Since(n), vec![fault]);
    }

    /// Fails every request to `prefix` until [`Faults::clear`].
    pub fn always(&mut self, prefix: &str, fault: F) {
        self.add(prefix, When::Always, vec![fault]);
    }

    /// Fails `permille` in 1000 requests to `prefix`, each with one of `faults`, both by seed.
    pub fn random(&mut self, seed: u64, permille: u32, prefix: &str, faults: &[F]) {
        self.add(prefix, When::Random(Rng::with_seed(seed), permille), faults.to_vec());
    }

    /// Removes every rule, also those that have not struck.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    fn add(&mut self, prefix: &str, when: When, faults: Vec<F>) {
        self.rules.push(Rule { prefix: prefix.to_owned(), when, faults, seen: 0 });
    }

    /// Returns the fault, if any, of a request to `path` that has just come in.
    pub(super) fn strike(&mut self, path: &str) -> Option<F> {
        let struck =
            self.rules.iter_mut().filter(|r| path.starts_with(&r.prefix)).find_map(Rule::strike);
        self.rules.retain(|rule| match rule.when {
            When::Next(left) => left > 0,
            When::At(n) => rule.seen < n,
            _ => true,
        });
        struck
    }
}

impl<F: Copy> Rule<F> {
    fn strike(&mut self) -> Option<F> {
        self.seen += 1;
        let pick = match &mut self.when {
            When::Next(left) => {
                *left = left.saturating_sub(1);
                Some(0)
            }
            When::Every(n) => self.seen.is_multiple_of(*n).then_some(0),
            When::At(n) => (self.seen == *n).then_some(0),
            When::Since(n) => (self.seen >= *n).then_some(0),
            When::Always => Some(0),
            When::Random(rng, permille) => (rng.u32(0..1000) < *permille
                && !self.faults.is_empty())
            .then(|| rng.usize(0..self.faults.len())),
        };
        pick.and_then(|index| self.faults.get(index).copied())
    }
}
