//! A function asks for its first event before it has spoken to anybody.

use std::net::{SocketAddr, TcpListener};

use penstock_testkit::{RuntimeHost, binary};

use penstock_tests::template::{Template, short_name};

/// What a variable of the template says here: every address is the listener's.
fn value(
    template: &Template,
    name: &str,
    given: &serde_json::Value,
    address: SocketAddr,
) -> String {
    match name {
        "DATABASE_HOST" => address.ip().to_string(),
        "DATABASE_PORT" => address.port().to_string(),
        "SOURCES" => "stripe".to_owned(),
        _ if name.ends_with("_URL") => format!("http://{address}/{name}"),
        _ => template.text(given).unwrap_or_else(|| format!("arn:aws:test:{name}")),
    }
}

#[tokio::test]
async fn trap_48_a_cold_start_connects_to_nothing() {
    // Whoever connected would wait in the listener's queue, without an answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let template = Template::read();
    for (logical, function) in template.functions() {
        let mut variables = vec![("AWS_ENDPOINT_URL".to_owned(), format!("http://{address}"))];
        for (name, given) in template.variables(function) {
            let value = value(&template, &name, &given, address);
            variables.push((name, value));
        }
        let env: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let host = RuntimeHost::start(&binary(short_name(function)), &env).await;
        host.first_poll().await;
        let connected = listener.accept();
        assert!(connected.is_err(), "{logical} connected to {connected:?} before its first event");
    }
}
