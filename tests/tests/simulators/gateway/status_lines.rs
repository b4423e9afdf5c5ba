//! A status line comes back before the connection closes, whatever a client sends.

use std::time::Duration;

use penstock_tests::gateway::Patience;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Api, stand_in};

/// How a client ends its request.
#[derive(Clone, Copy)]
enum End {
    /// It waits for the reply.
    Waits,
    /// It has nothing more to say, as `nc -N` has.
    HalfCloses,
}

/// Sends bytes as they are. Returns all that comes back before the connection is closed.
async fn reply(api: &Api, bytes: &[u8], end: End) -> String {
    let address = api.url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let (mut read, mut write) = stream.split();
    let send = async {
        // An error means that the gateway has refused it before its end.
        let _ = write.write_all(bytes).await;
        if matches!(end, End::HalfCloses) {
            let _ = write.shutdown().await;
        }
    };
    let mut said = Vec::new();
    let receive = async { read.read_to_end(&mut said).await };
    let ((), received) = tokio::join!(send, receive);
    received.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&said)));
    String::from_utf8(said).unwrap()
}

fn status(reply: &str) -> u16 {
    let status = reply.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.unwrap_or_else(|| panic!("no status line: {reply:?}")).parse().unwrap()
}

fn post(rest: &str) -> Vec<u8> {
    format!("POST /healthz HTTP/1.1\r\nhost: here\r\n{rest}").into_bytes()
}

#[tokio::test]
async fn a_request_that_is_cut_short_is_a_400() {
    let api = Api::start(stand_in(), Patience::default());
    for cut in [
        post("content-length: 100\r\n\r\n{\"half\":"),
        post("transfer-encoding: chunked\r\n\r\n5\r\nhalf"),
        post("transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        post("content-len"),
        b"POST /heal".to_vec(),
    ] {
        let said = reply(&api, &cut, End::HalfCloses).await;
        assert_eq!(status(&said), 400, "{}", String::from_utf8_lossy(&cut));
    }
}

#[tokio::test]
async fn a_length_or_a_framing_that_is_wrong_is_a_400() {
    let api = Api::start(stand_in(), Patience::default());
    for wrong in [
        post("content-length: ten\r\n\r\n0123456789"),
        post("content-length: -1\r\n\r\n"),
        post("content-length: 1, 2\r\n\r\nab"),
        post("content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        post("content-length: 99999999999999999999999\r\n\r\nab"),
        post("transfer-encoding: chunked\r\n\r\nxyz\r\nab\r\n0\r\n\r\n"),
        post("transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n"),
        post("transfer-encoding: gzip\r\n\r\nab"),
        post("no colon\r\n\r\n"),
        b"nonsense\r\n\r\n".to_vec(),
    ] {
        let said = reply(&api, &wrong, End::Waits).await;
        assert_eq!(status(&said), 400, "{}", String::from_utf8_lossy(&wrong));
    }
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_is_a_408_and_an_idle_one_is_just_closed() {
    // Longer than a busy machine takes from a connection to its first bytes.
    let patience = Patience { request: Duration::from_secs(2), ..Patience::default() };
    let api = Api::start(stand_in(), patience);
    for slow in [
        post("content-length: 100\r\n\r\n{\"half\":"),
        post("transfer-encoding: chunked\r\n\r\n5\r\nhalf"),
        post("content-len"),
    ] {
        let said = reply(&api, &slow, End::Waits).await;
        assert_eq!(status(&said), 408, "{}", String::from_utf8_lossy(&slow));
    }
    assert_eq!(reply(&api, b"", End::Waits).await, "");
    let kept = reply(&api, b"GET /nowhere HTTP/1.1\r\nhost: here\r\n\r\n", End::Waits).await;
    assert_eq!((status(&kept), kept.matches("HTTP/1.1").count()), (404, 1), "{kept}");
}

#[tokio::test]
async fn a_long_url_is_a_414_and_long_headers_are_a_431() {
    let api = Api::start(stand_in(), Patience::default());
    let get = |path: usize, header: usize| {
        let (path, header) = ("a".repeat(path), "b".repeat(header));
        let head = format!("GET /{path} HTTP/1.1\r\nhost: here\r\nx-long: {header}\r\n");
        (head + "connection: close\r\n\r\n").into_bytes()
    };
    assert_eq!(status(&reply(&api, &get(8_000, 2_000), End::Waits).await), 404);
    for length in [10_240, 60_000, 70_000, 200_000] {
        assert_eq!(status(&reply(&api, &get(length, 1), End::Waits).await), 414, "{length}");
        assert_eq!(status(&reply(&api, &get(1, length), End::Waits).await), 431, "{length}");
    }
    // Longer than what is read at all before it is judged.
    assert_eq!(status(&reply(&api, &get(3_000_000, 1), End::Waits).await), 431);
    assert_eq!(status(&reply(&api, &get(1, 3_000_000), End::Waits).await), 431);
}

#[tokio::test]
async fn a_body_beyond_the_limits_is_a_413_that_the_client_can_read() {
    let api = Api::start(stand_in(), Patience::default());
    let mib = 1024 * 1024;
    let sized = |length: usize| {
        let mut request = post(&format!("content-length: {length}\r\nconnection: close\r\n\r\n"));
        request.resize(request.len() + length, b'a');
        request
    };
    // 5 MiB of unknown type are 6.7 MiB of base64, more than Lambda takes.
    for length in [5 * mib, 11 * mib, 40 * mib] {
        assert_eq!(status(&reply(&api, &sized(length), End::Waits).await), 413, "{length}");
    }
    assert_eq!(status(&reply(&api, &sized(4 * mib), End::Waits).await), 200);
    let mut chunked = post("transfer-encoding: chunked\r\n\r\n");
    for _ in 0..12 {
        chunked.extend_from_slice(format!("{mib:x}\r\n").as_bytes());
        chunked.resize(chunked.len() + mib, b'a');
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(status(&reply(&api, &chunked, End::Waits).await), 413);
}
