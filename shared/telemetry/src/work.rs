//! The unit of work that is under way: a request, a message of a queue, a run, a round.
//!
//! It is known to the task and not passed along, as log lines and messages are made in the deepest
//! of places. Whatever is logged or sent within it carries its trace.

use penstock_domain::trace::Trace;

/// The attribute of a message that names the function which has sent it.
pub const SENT_BY: &str = "sent_by";

tokio::task_local! {
    static WORK: Work;
}

/// A unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The name of the function that does it.
    pub function: &'static str,
    /// The id by which the caller and the log speak of it: the caller's own, or Lambda's.
    pub request_id: String,
    /// Its place in its trace.
    pub trace: Trace,
}

impl Work {
    /// Creates the work of an invocation, as Lambda tells of it: `request_id` is its id, and
    /// `amazon_trace` the trace header of what has invoked it.
    #[must_use]
    pub fn invoked(function: &'static str, request_id: &str, amazon_trace: Option<&str>) -> Self {
        let unit = format!("{function}/{request_id}");
        let told = amazon_trace.and_then(|header| Trace::of_amazon(header, &unit));
        let trace = told.unwrap_or_else(|| Trace::begun(&unit));
        Self { function, request_id: request_id.to_owned(), trace }
    }

    /// Returns the work that this task is doing; `None` outside of any.
    #[must_use]
    pub fn current() -> Option<Self> {
        WORK.try_with(Clone::clone).ok()
    }

    /// Runs `future` within this work.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        WORK.scope(self, future).await
    }

    /// Calls `inner` within this work.
    pub fn enter<R>(self, inner: impl FnOnce() -> R) -> R {
        WORK.sync_scope(self, inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_within_work_is_the_inner_one_until_it_ends() {
        let outer = Work::invoked("process", "1", None);
        let inner = Work { trace: outer.trace.child("message"), ..outer.clone() };
        assert_eq!(Work::current(), None);
        outer.clone().enter(|| {
            inner.clone().enter(|| assert_eq!(Work::current(), Some(inner)));
            assert_eq!(Work::current(), Some(outer));
        });
        assert_eq!(Work::current(), None);
    }

    #[test]
    fn an_invocation_is_of_the_trace_that_lambda_tells_if_it_tells_one() {
        let told = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
        let work = Work::invoked("relay", "1", Some(told));
        assert_eq!(work.trace.id.to_string(), "5759e988bd862e3fe1be46a994272793");
        let none = "Root=1-00000000-000000000000000000000000;Sampled=0";
        assert_eq!(Work::invoked("relay", "1", Some(none)), Work::invoked("relay", "1", None));
    }
}
