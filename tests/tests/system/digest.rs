//! The digest as a deployment sends it. The emulator stores the schedule and fires none, so the
//! test invokes the function with the schedule's own payload.

use penstock_clients::aws::Aws;
use penstock_tests::chat_server::ChatServer;
use penstock_tests::template::Template;
use serde_json::{Value, json};

use crate::deployed_app::DeployedApp;

/// The payload of the schedule, at an instant.
fn payload(at: &str) -> Value {
    let template = Template::read();
    let functions = template.functions();
    let events = functions.iter().flat_map(|(_, function)| function["Events"].as_object());
    let mut schedules = events.flatten().filter(|(_, event)| event["Type"] == "ScheduleV2");
    let (_, daily) = schedules.next().expect("a schedule");
    let input = daily["Properties"]["Input"].as_str().expect("its payload");
    serde_json::from_str(&input.replace("<aws.scheduler.scheduled-time>", at)).unwrap()
}

#[tokio::test]
async fn the_digest_of_the_day_goes_to_the_chat_whose_url_is_a_secret_once() {
    let chat = ChatServer::start().await;
    let (aws, name) = (Aws::default(), "sys-digest-chat");
    let secret = aws.secrets().await.create_secret().name(name).secret_string(&chat.url);
    let arn = secret.send().await.unwrap().arn.unwrap();
    let app = DeployedApp::new("sys-digest", &[("DigestChatSecretArn", &arn)]).await;
    let due = payload("2026-03-28T09:00:00Z");
    let report = app.stack.invoke("digest", &due).await.unwrap();
    assert_eq!(report, json!({"planned": 1, "sent": 1, "notSent": 0}));
    let again = app.stack.invoke("digest", &due).await.unwrap();
    assert_eq!(again, json!({"planned": 0, "sent": 0, "notSent": 0}));
    let [message] = chat.take().try_into().expect("one message");
    let text = message["text"].as_str().unwrap();
    assert!(text.contains("2026-03-27"), "the day before is over: {text}");
}
