//! The function with channels that keep what they get.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use digest::{Ports, Report, Request, Settings};
use jiff::Timestamp;
use penstock_clients::sending::{Channel, NotSent, Sending};
use penstock_domain::clock::Clock as _;
use penstock_domain::digest::Message;
use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::TestDatabase;
use penstock_tests::clock::SetClock;
use penstock_tests::template::{Template, short_name};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A channel in memory, and what it answers: first the replies of the test, then that it has taken
/// the message.
#[derive(Clone, Default)]
pub struct Told {
    messages: Arc<Mutex<Vec<Message>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

#[derive(Debug, Clone)]
pub enum Reply {
    NotSent(NotSent),
    /// The message is taken, and no answer ever comes.
    Never,
}

impl Told {
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// Returns the messages that were taken since the last call.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.messages.lock().unwrap())
    }

    pub fn is_empty(&self) -> bool {
        self.messages.lock().unwrap().is_empty()
    }

    /// Returns the subjects of the messages that were taken since the last call.
    pub fn subjects(&self) -> Vec<String> {
        self.take().into_iter().map(|message| message.subject).collect()
    }
}

struct Memory(&'static str, Told);

impl Channel for Memory {
    fn name(&self) -> &'static str {
        self.0
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let reply = self.1.replies.lock().unwrap().pop_front();
            if let Some(Reply::NotSent(error)) = reply {
                return Err(error);
            }
            self.1.messages.lock().unwrap().push(message.clone());
            match reply {
                Some(_) => std::future::pending().await,
                None => Ok(()),
            }
        })
    }
}

pub struct DigestApp {
    pub db: TestDatabase,
    pub clock: SetClock,
    pub mail: Told,
    pub chat: Told,
    pub ports: Ports<SetClock>,
    settings: Vec<(String, String)>,
}

impl DigestApp {
    /// Starts the function in Berlin with these settings beside.
    pub async fn new(now: Timestamp, settings: &[(&str, &str)]) -> Self {
        Self::over(TestDatabase::new().await, now, settings)
    }

    pub fn over(db: TestDatabase, now: Timestamp, settings: &[(&str, &str)]) -> Self {
        let own = [("STACK_NAME", "prod"), ("BUSINESS_TIMEZONE", "Europe/Berlin")];
        let settings = own.iter().chain(settings);
        let settings: Vec<_> =
            settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (clock, mail, chat) = (SetClock::at(now), Told::default(), Told::default());
        let ports = ports(db.database_of("digest", 1), &settings, &clock, &mail, &chat);
        Self { db, clock, mail, chat, ports, settings }
    }

    /// Returns another environment of the function, which knows nothing of this one.
    pub fn environment(&self) -> Ports<SetClock> {
        let database = self.db.database_of("digest", 1);
        ports(database, &self.settings, &self.clock, &self.mail, &self.chat)
    }

    /// Lets the database be away, or back.
    pub fn let_database_be(&mut self, is_there: bool) {
        let mut login = self.db.login_of("digest");
        login.port = if is_there { login.port } else { 1 };
        let login = Arc::new(StaticLogin(login));
        self.ports.database = Database::new(login, Tls::Disable, None, 1).unwrap();
    }

    pub async fn serve(&self, request: Request) -> Report {
        let deadline = self.clock.now() + Duration::from_secs(60);
        self.ports.serve(request, deadline).await.unwrap()
    }

    /// Hands the schedule's event for that time to the function.
    pub async fn daily(&self, scheduled_at: Timestamp) -> Report {
        self.serve(scheduled(scheduled_at)).await
    }

    /// Calls the rule's event each minute of a time, and returns the subjects that the mail got,
    /// each with the minute.
    pub async fn check_each_minute(&self, from: Timestamp, minutes: i64) -> Vec<(i64, String)> {
        let mut told = Vec::new();
        for minute in 0..minutes {
            self.clock.set(from + Duration::from_secs(60) * u32::try_from(minute).unwrap());
            self.serve(Request::Check).await;
            told.extend(self.mail.subjects().into_iter().map(|subject| (minute, subject)));
        }
        told
    }

    pub async fn execute(&self, sql: &str) {
        self.db.client().await.batch_execute(sql).await.unwrap();
    }

    /// Returns the state of each sending by channel, with its error.
    pub async fn states(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', channel, state, error) as sending from digest_sendings s \
                   join digests d on d.id = s.digest_id order by d.planned_at, channel";
        let rows = self.db.client().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn ports(
    database: Database,
    settings: &[(String, String)],
    clock: &SetClock,
    mail: &Told,
    chat: &Told,
) -> Ports<SetClock> {
    let channels: Vec<Box<dyn Channel>> =
        vec![Box::new(Memory("mail", mail.clone())), Box::new(Memory("chat", chat.clone()))];
    let settings = Settings::from_env(&settings.iter().cloned().collect()).unwrap();
    Ports::new(database, channels, settings, clock.clone())
}

/// Returns the schedule of the template: its expression, and the event that it sends at that time.
pub fn schedule(scheduled_at: Timestamp) -> (String, String) {
    let template = Template::read();
    let functions = template.functions();
    let (_, function) = functions.iter().find(|(_, it)| short_name(it) == "digest").unwrap();
    let daily = &function["Events"]["Daily"];
    assert_eq!(daily["Type"], "ScheduleV2");
    let text = |name: &str| daily["Properties"][name].as_str().unwrap().to_owned();
    // As EventBridge Scheduler writes it.
    let time = scheduled_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    (text("ScheduleExpression"), text("Input").replace("<aws.scheduler.scheduled-time>", &time))
}

fn scheduled(scheduled_at: Timestamp) -> Request {
    serde_json::from_str(&schedule(scheduled_at).1).unwrap()
}
