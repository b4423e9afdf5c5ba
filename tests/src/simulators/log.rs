//! The log of a simulator's requests, and hooks that run when a request comes in.

/// Requests `R`, numbered from 1, and hooks `H`.
pub(super) struct Log<R, H> {
    requests: Vec<R>,
    /// The number of requests so far, those taken out included.
    count: u64,
    hooks: Vec<(u64, H)>,
}

impl<R, H> Default for Log<R, H> {
    fn default() -> Self {
        Self { requests: Vec::new(), count: 0, hooks: Vec::new() }
    }
}

impl<R, H> Log<R, H> {
    /// Adds a request. Returns its number and the hooks that are due.
    pub(super) fn add(&mut self, request: impl FnOnce(u64) -> R) -> (u64, Vec<H>) {
        self.count += 1;
        self.requests.push(request(self.count));
        let (due, later) =
            std::mem::take(&mut self.hooks).into_iter().partition(|&(n, _)| n <= self.count);
        self.hooks = later;
        (self.count, due.into_iter().map(|(_, hook)| hook).collect())
    }

    /// Changes the entry of request `number`, unless it was taken out.
    pub(super) fn amend(&mut self, number: u64, change: impl FnOnce(&mut R)) {
        let newer = usize::try_from(self.count - number).unwrap_or(usize::MAX);
        if let Some(entry) = self.requests.iter_mut().rev().nth(newer) {
            change(entry);
        }
    }

    /// Registers a hook for the `n`-th request from now, counted from 1.
    pub(super) fn hook(&mut self, n: u64, hook: H) {
        self.hooks.push((self.count + n, hook));
    }

    /// Returns the requests in the order of arrival.
    pub(super) fn requests(&self) -> &[R] {
        &self.requests
    }

    /// Takes the requests out; the numbering goes on.
    pub(super) fn take(&mut self) -> Vec<R> {
        std::mem::take(&mut self.requests)
    }
}
