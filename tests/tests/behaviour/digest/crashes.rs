//! The function ends in the middle: no message goes out twice, and none is lost unseen.

use std::time::Duration;

use digest::Request;
use penstock_testkit::{Cut, TestDatabase};
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::chat_server::ChatServer;
use penstock_tests::thorough::part;
use penstock_tests::victim::Victim;
use serde_json::json;

use super::app::{Reply, schedule};
use super::{DigestApp, at};

/// Points at which the function is killed.
const POINTS: u64 = 18;

#[tokio::test]
async fn a_function_that_ends_while_it_sends_has_sent_once_or_never_and_says_so() {
    let app = DigestApp::new(at("2026-03-28T08:00:01Z"), &[]).await;
    app.mail.replies([Reply::Never]);
    let other = app.environment();
    let request = Request::Daily { scheduled_at: at("2026-03-28T08:00:00Z") };
    let serve = other.serve(request.clone(), at("2026-03-28T08:01:01Z"));
    // The mail is taken, and its answer never comes.
    let cut = tokio::time::timeout(Duration::from_secs(20), async {
        tokio::select! {
            _ = serve => panic!("it waits for the answer"),
            () = async {
                while app.mail.is_empty() || app.states().await != ["chat sent", "mail sending"] {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
    });
    Box::pin(cut).await.unwrap();
    assert_eq!(app.mail.take().len(), 1);
    // Lambda's second try, and checks.
    app.serve(request).await;
    app.clock.set(at("2026-03-28T08:04:00Z"));
    app.serve(Request::Check).await;
    assert_eq!(app.states().await, ["chat sent", "mail sending"]);
    app.clock.set(at("2026-03-28T08:05:02Z"));
    let log = CapturedLog::start();
    app.serve(Request::Check).await;
    assert_eq!(
        app.states().await,
        ["chat sent", "mail unsure the function ended while it was sent"]
    );
    assert!(log.text().contains(r#""event":"digest_not_sent","channel":"mail""#), "{}", log.text());
    assert!(app.mail.take().is_empty());
    assert_eq!(app.chat.take().len(), 1);
}

/// A victim, its database, and the chat that it posts to.
async fn victim() -> (TestDatabase, ChatServer, Victim) {
    let (db, server) = (TestDatabase::new().await, ChatServer::start().await);
    let victim = another(&db, &server).await;
    (db, server, victim)
}

async fn another(db: &TestDatabase, server: &ChatServer) -> Victim {
    Victim::start("digest", db, &[("DIGEST_CHAT_URL", server.url.clone())]).await
}

#[tokio::test]
async fn killed_at_any_message_to_postgres_a_digest_goes_out_once_or_is_known_to_be_unsure() {
    let (_, event) = schedule(at("2026-03-28T09:00:00Z"));
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    let (_db, server, whole) = victim().await;
    let reply = whole.host.invoke_unhurried(event.clone()).await.reply();
    assert_eq!(reply["sent"], 1);
    let messages = whole.proxy.messages();
    assert_eq!(server.posts(), 1);
    let (mut rng, mut unsure) = (fastrand::Rng::with_seed(57), 0);
    for point in 0..part(POINTS) {
        // Spread over all messages: the last of them are those around the request.
        let nth = messages - point * messages / part(POINTS);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let (db, server, victim) = victim().await;
        victim.die_at(nth, cut, event.clone()).await;
        drop(victim);
        let again = another(&db, &server).await;
        // Lambda's second try, and an event later. A check would send the digest of today, too.
        again.host.invoke_unhurried(event.clone()).await.reply();
        let late = "update digest_sendings set tried_at = tried_at - interval '6 minutes' where state = 'sending'";
        db.client().await.batch_execute(late).await.unwrap();
        let due = json!({"digest": "again", "day": "2000-01-01"});
        again.host.invoke_unhurried(due).await.reply();
        let sql = "select string_agg(state, ' ') from digest_sendings \
                   join digests d on d.id = digest_id where d.day = '2026-03-28'";
        match (db.scalar::<String>(sql).await.as_str(), server.posts()) {
            ("sent", 1) => {}
            ("unsure", 0 | 1) => unsure += 1,
            (state, posts) => {
                panic!("message {nth} of {messages}, {cut:?}: {state}, {posts} posts")
            }
        }
    }
    assert!(unsure < part(POINTS), "nothing was ever sent");
}
