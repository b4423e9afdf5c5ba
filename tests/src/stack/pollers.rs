//! The event source mappings of a stack. LocalStack asks their queues once a second, as long as it
//! runs: those of all stacks that were ever deployed would keep a processor busy.

use std::thread;

use ::http::Method;

use super::http;

/// Deletes mappings by their ids. Nobody waits for it: a stack ends with its test, whose runtime
/// ends too.
pub(super) fn stop(localstack: &str, mappings: Vec<String>) {
    let url = |id: String| format!("{localstack}/2015-03-31/event-source-mappings/{id}");
    let urls: Vec<String> = mappings.into_iter().map(url).collect();
    let stop = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let delete = async || {
            for url in &urls {
                // One that stays asks on. That costs time and nothing else.
                drop(http::ask(Method::DELETE, url, &[]).await);
            }
        };
        runtime.map(|runtime| runtime.block_on(delete()))
    };
    drop(thread::spawn(stop));
}
