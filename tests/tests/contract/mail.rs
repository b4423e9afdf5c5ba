//! Mail and topic as `digest` as built uses them, against `moto` (infra/local/contract.in).

use std::process::Stdio;

use penstock_testkit::{RuntimeHost, TestDatabase, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::clients::{here, program};

/// SES and SNS. They end with this value.
struct Moto {
    _process: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
    topic: String,
}

impl Moto {
    async fn start() -> Self {
        let mut process = Command::new(program("python"))
            .arg(here().join("mail.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ask = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let place = answers.next_line().await.unwrap().expect("moto starts");
        let place: Value = serde_json::from_str(&place).unwrap();
        let text = |name: &str| place[name].as_str().unwrap().to_owned();
        let (url, topic) = (text("url"), text("topic"));
        Self { _process: process, ask, answers, url, topic }
    }

    /// Returns all that was sent since the last call.
    async fn take(&mut self) -> Value {
        self.ask.write_all(b"\n").await.unwrap();
        let answer = self.answers.next_line().await.unwrap().expect("moto answers");
        serde_json::from_str(&answer).unwrap()
    }

    /// Starts `digest` as built, with a sender of this address.
    async fn digest(&self, db: &TestDatabase, from: &str) -> RuntimeHost {
        let url = db.url_of("digest");
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_TLS", "disable"),
            ("AWS_ENDPOINT_URL", &self.url),
            ("STACK_NAME", "prod"),
            ("SOURCES", "stripe"),
            ("DIGEST_MAIL_FROM", from),
            ("DIGEST_MAIL_TO", "a@example.com,b@example.com"),
            ("DIGEST_TOPIC_ARN", &self.topic),
        ];
        RuntimeHost::start(&binary("digest"), &settings).await
    }
}

/// The event of the schedule. It is due on a day on which nothing is caught up.
fn due() -> Value {
    json!({"digest": "daily", "scheduledAt": "2026-03-28T09:00:00Z"})
}

#[tokio::test]
async fn ses_and_sns_take_the_digest_once_as_html_and_as_text() {
    let (mut moto, db) = (Moto::start().await, TestDatabase::new().await);
    let digest = moto.digest(&db, "ops@example.com").await;
    let report = digest.invoke(due()).await.reply();
    assert_eq!(report, json!({"planned": 1, "sent": 2, "notSent": 0}));
    assert_eq!(digest.invoke(due()).await.reply()["planned"], 0);
    let sent = moto.take().await;
    let [mail] = sent["mails"].as_array().unwrap().as_slice() else { panic!("{sent}") };
    assert_eq!(mail["FromEmailAddress"], "ops@example.com");
    assert_eq!(mail["Destination"]["ToAddresses"], json!(["a@example.com", "b@example.com"]));
    let letter = &mail["Content"]["Simple"];
    let text = |of: &Value| {
        assert_eq!(of["Charset"], "UTF-8");
        of["Data"].as_str().unwrap().to_owned()
    };
    let subject = text(&letter["Subject"]);
    assert!(subject.starts_with("prod: nothing to do (2026-03-27"), "{subject}");
    assert!(text(&letter["Body"]["Html"]).starts_with("<!DOCTYPE html>"));
    let plain = text(&letter["Body"]["Text"]);
    assert!(plain.contains("Nothing to do."), "{plain}");
    let [published] = sent["published"].as_array().unwrap().as_slice() else { panic!("{sent}") };
    assert_eq!(published["Subject"], subject);
    assert_eq!(published["Message"], plain);
}

#[tokio::test]
async fn a_sender_that_ses_does_not_know_is_refused_once_and_the_topic_has_the_digest() {
    let (mut moto, db) = (Moto::start().await, TestDatabase::new().await);
    let digest = moto.digest(&db, "stranger@example.org").await;
    let report = digest.invoke(due()).await.reply();
    assert_eq!(report, json!({"planned": 1, "sent": 1, "notSent": 1}));
    assert_eq!(digest.invoke(due()).await.reply(), json!({"planned": 0, "sent": 0, "notSent": 0}));
    let state = "select state || ' ' || error from digest_sendings where channel = 'mail'";
    let state: String = db.scalar(state).await;
    assert!(state.starts_with("refused refused: 400 "), "{state}");
    let sent = moto.take().await;
    assert_eq!(sent["mails"], json!([]));
    assert_eq!(sent["published"].as_array().unwrap().len(), 1);
}
