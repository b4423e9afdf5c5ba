//! Faults on command: which requests fail, and how. The plan serves all vendors; the faults here are
//! those of Stripe and Google Calendar, HubSpot has its own.

use fastrand::Rng;

/// How a 429 or 503 says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Says nothing.
    Absent,
    /// Names the seconds to wait.
    Seconds(u32),
    /// Names an HTTP date, this many seconds after the account's clock.
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
    /// No answer at all, for as long as the simulator lives.
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
    /// Requests to the prefix that reached this rule.
    seen: u64,
}

/// The plan of faults `F`. Rules are asked in the order in which they were added; the first that strikes
/// wins. A rule counts only the requests to its own path prefix that no earlier rule has struck.
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
    /// The next request to `prefix` goes wrong. Repeated calls queue up.
    pub fn next(&mut self, prefix: &str, fault: F) {
        self.next_n(prefix, 1, fault);
    }

    /// The next `n` requests to `prefix` go wrong.
    pub fn next_n(&mut self, prefix: &str, n: u64, fault: F) {
        self.add(prefix, When::Next(n), vec![fault]);
    }

    /// The `n`-th request to `prefix` from now, counted from 1, goes wrong.
    pub fn at(&mut self, n: u64, prefix: &str, fault: F) {
        self.add(prefix, When::At(n), vec![fault]);
    }

    /// Every `n`-th request to `prefix` goes wrong.
    pub fn every(&mut self, n: u64, prefix: &str, fault: F) {
        self.add(prefix, When::Every(n.max(1)), vec![fault]);
    }

    /// The `n`-th request to `prefix` from now and all after it go wrong, until [`Faults::clear`].
    pub fn since(&mut self, n: u64, prefix: &str, fault: F) {
        self.add(prefix, When::Since(n), vec![fault]);
    }

    /// Every request to `prefix` goes wrong until [`Faults::clear`].
    pub fn always(&mut self, prefix: &str, fault: F) {
        self.add(prefix, When::Always, vec![fault]);
    }

    /// `permille` in 1000 requests to `prefix` go wrong, in one of the ways of `faults`, by seed.
    pub fn random(&mut self, seed: u64, permille: u32, prefix: &str, faults: &[F]) {
        self.add(prefix, When::Random(Rng::with_seed(seed), permille), faults.to_vec());
    }

    /// Removes every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    fn add(&mut self, prefix: &str, when: When, faults: Vec<F>) {
        self.rules.push(Rule { prefix: prefix.to_owned(), when, faults, seen: 0 });
    }

    /// Draws the fault, if any, of a request to `path` that has just come in.
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
