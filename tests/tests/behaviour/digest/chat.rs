//! A chat's incoming webhook over HTTP, from the function's own client.

use std::sync::Arc;

use penstock_clients::sending::{Channel as _, Chat, NotSent};
use penstock_domain::digest::{Message, failures};
use penstock_tests::chat_server::ChatServer;
use penstock_tests::clock::SetClock;

use super::at;

fn message() -> Message {
    failures("prod", &[], at("2026-03-28T08:00:00Z")).message()
}

fn chat(url: &str) -> Chat<SetClock> {
    let env = [("DIGEST_CHAT_URL", url)].into_iter().collect();
    Chat::from_env(&env, &Arc::default(), SetClock::at(at("2026-03-28T08:00:00Z"))).unwrap()
}

#[tokio::test]
async fn each_answer_of_a_chat_says_whether_the_message_can_have_gone_out() {
    let server = ChatServer::start().await;
    let chat = chat(&server.url);
    for (status, wanted) in [
        (200, Ok(())),
        (429, Err(("later", Some(30)))),
        (404, Err(("refused", None))),
        (410, Err(("refused", None))),
        (400, Err(("refused", None))),
        (302, Err(("refused", None))),
        (500, Err(("unsure", None))),
        (503, Err(("unsure", None))),
    ] {
        server.answers(status);
        let sent = chat.send(&message()).await;
        let said = sent.as_ref().map_err(|error| match error {
            NotSent::Later { pause, .. } => ("later", pause.map(|pause| pause.as_secs())),
            NotSent::Refused(_) => ("refused", None),
            NotSent::Unsure(_) => ("unsure", None),
        });
        assert_eq!(said, wanted.as_ref().map_err(|it| *it), "{status}");
        let reason = sent.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!reason.contains("secret-path"), "{reason}");
    }
    let posted = server.take();
    assert_eq!(posted.len(), 8, "each once, and no redirect was followed");
    assert!(posted.iter().all(|body| body["text"].is_string() && body["blocks"].is_array()));
}

#[tokio::test]
async fn a_chat_that_is_not_reached_gets_it_later_and_a_secret_that_is_no_https_url_is_refused() {
    // Nobody listens there. A free port might be another test's a moment later.
    let sent = chat("http://127.0.0.1:1/secret-path").send(&message()).await;
    assert!(
        matches!(&sent, Err(NotSent::Later { reason, .. }) if !reason.contains("secret")),
        "{sent:?}"
    );
    for url in ["http://chat.example.com/a", "ftp://127.0.0.1/a", "no URL", "https://"] {
        let sent = chat(url).send(&message()).await;
        assert!(matches!(sent, Err(NotSent::Refused(_))), "{url}: {sent:?}");
    }
}
