//! The commands to try. Each is a line that can be marked with the mouse and run as it is.

/// Returns the lines for the HTTP API at `url`, with the keys to read and to send, and a link that
/// signs in to the console once.
pub(super) fn links(url: &str, read: &str, send: &str, console: &str) -> Vec<String> {
    let host = url.trim_start_matches("http://");
    vec![
        format!("READ={read}"),
        format!("SEND={send}"),
        console.to_owned(),
        format!("curl -H \"x-api-key: $READ\" {url}/metrics/revenue/summary"),
        format!("curl -H \"x-api-key: $READ\" \"{host}/metrics/revenue/weekly?currency=EUR\""),
        format!("curl -H \"x-api-key: $READ\" {url}/runs"),
        format!("curl -H \"x-api-key: $READ\" \"{url}/users/me/journey\""),
        format!("curl -H \"x-api-key: $SEND\" -d '{{\"email\":\"me@example.com\"}}' {host}/leads"),
        format!(
            "curl -H \"x-api-key: $SEND\" -d '{{\"userId\":\"me\",\"sessionId\":\"1\",\"type\":\"click\"}}' {host}/events"
        ),
        format!("{url}/docs"),
    ]
}
