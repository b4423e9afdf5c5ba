//! A function polls for its first event before it opens any other connection.

use std::net::{SocketAddr, TcpListener};

use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::template::{Template, short_name};

/// Every address in the function's settings is the listener's.
fn given(name: &str, address: SocketAddr) -> Option<String> {
    match name {
        "DATABASE_HOST" => Some(address.ip().to_string()),
        "DATABASE_PORT" => Some(address.port().to_string()),
        "SOURCES" => Some("stripe".to_owned()),
        // Without them the address of the listener is none that a client is told at.
        "NOTIFY_PRIVATE_ADDRESSES" => Some("allowed".to_owned()),
        "NOTIFY_SECRET_ARN" => Some("notify".to_owned()),
        _ => name.ends_with("_URL").then(|| format!("http://{address}/{name}")),
    }
}

#[tokio::test]
async fn trap_48_a_cold_start_connects_to_nothing() {
    // A connection would wait in the listener's queue, without an answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let template = Template::read();
    for (logical, function) in template.functions() {
        let mut variables = template.environment(function, |name| given(name, address));
        variables.push(("AWS_ENDPOINT_URL".to_owned(), format!("http://{address}")));
        let env: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let host = RuntimeHost::start(&binary(short_name(function)), &env).await;
        host.first_poll().await;
        let connected = listener.accept();
        assert!(connected.is_err(), "{logical} connected to {connected:?} before its first event");
    }
}
