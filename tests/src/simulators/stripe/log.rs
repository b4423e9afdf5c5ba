//! What was asked of the simulator, and hooks on the way in.

/// A request that came in. Control requests under `/_sim` are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number, from 1.
    pub number: u64,
    /// `GET`, as a rule.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as it was sent, without `?`; empty without one.
    pub query: String,
    /// `Stripe-Version`.
    pub stripe_version: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Whether an `Authorization` came with it.
    pub authorized: bool,
    /// The account's time when it came, Unix seconds.
    pub at: i64,
    /// What went wrong on command.
    pub fault: Option<super::Fault>,
    /// The reply's status; 0 while there is none, and for good when it hangs.
    pub status: u16,
}

type Hook = Box<dyn FnOnce() + Send>;

/// The log and its hooks.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) requests: Vec<Request>,
    hooks: Vec<(u64, Hook)>,
    count: u64,
}

impl Log {
    /// Files a request and returns its number and the hooks that wait for it.
    pub(crate) fn file(&mut self, mut request: Request) -> (u64, Vec<Hook>) {
        self.count += 1;
        request.number = self.count;
        self.requests.push(request);
        let (due, later) =
            std::mem::take(&mut self.hooks).into_iter().partition(|&(n, _)| n <= self.count);
        self.hooks = later;
        (self.count, due.into_iter().map(|(_, hook)| hook).collect())
    }

    pub(crate) fn set_status(&mut self, number: u64, status: u16) {
        if let Some(entry) = self.requests.iter_mut().rev().find(|r| r.number == number) {
            entry.status = status;
        }
    }

    pub(crate) fn hook(&mut self, n: u64, hook: Hook) {
        self.hooks.push((self.count + n, hook));
    }
}
