//! The accounts of people: who signs in, who may do what, and what a stranger learns.

mod ask;
mod better_auth;
mod forms;
mod journal;
mod limits;
mod links;
mod mails;
mod purging;
mod routes;
mod sessions;
mod timing;
mod traps;
mod users;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Hashing, Ports, Settings, SignUp};
use jiff::Timestamp;
use penstock_clients::sending::{NotSent, Post, Sending};
use penstock_domain::account::letter::Letter;
use penstock_domain::account::password::{self, Cost, Password};
use penstock_domain::account::{Email, Role, token};
use penstock_domain::clock::Clock as _;
use penstock_domain::ids::id_at;
use penstock_store::sessions::NewSession;
use penstock_store::users::NewUser;
use penstock_store::{
    Database, StaticLogin, Tls, sessions as stored_sessions, users as stored_users,
};
use penstock_testkit::TestDatabase;
use penstock_tests::clock::SetClock;
use serde_json::Value;
use uuid::Uuid;

pub use ask::{Answer, Ask};

/// The password of all accounts here.
pub const PASSWORD: &str = "correct horse";

/// The time of most tests, with digits that no reply may show.
pub const NOW: &str = "2026-06-01T12:00:00.123456Z";

/// The base URL of the deployment.
pub const BASE: &str = "https://api.example.com";

/// A mail box that keeps what is sent, or refuses it.
#[derive(Default)]
pub struct MemoryMail {
    sent: Mutex<Vec<(String, Letter)>>,
    refusal: Mutex<Option<NotSent>>,
}

impl MemoryMail {
    /// Takes the mails that were sent.
    pub fn take(&self) -> Vec<(String, Letter)> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// Refuses mails from now on, or takes them again.
    pub fn refuse(&self, refusal: Option<NotSent>) {
        *self.refusal.lock().unwrap() = refusal;
    }
}

impl Post for MemoryMail {
    fn post<'a>(&'a self, to: &'a str, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            if let Some(refusal) = self.refusal.lock().unwrap().clone() {
                return Err(refusal);
            }
            self.sent.lock().unwrap().push((to.to_owned(), letter.clone()));
            Ok(())
        })
    }
}

/// An account of a test.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
}

/// `accounts` over a database of its own.
pub struct World {
    pub db: TestDatabase,
    pub clock: SetClock,
    pub mail: Arc<MemoryMail>,
    pub ports: Ports<SetClock>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(SignUp::Invite).await
    }

    pub async fn with(sign_up: SignUp) -> Self {
        let (db, clock) = (TestDatabase::new().await, SetClock::at(NOW.parse().unwrap()));
        let mail = Arc::new(MemoryMail::default());
        let settings = Settings { sign_up, public_base_url: Some(BASE.to_owned()) };
        let ports = Ports {
            database: db.database_of("accounts", 1),
            hashing: Hashing::at(Cost::LEAST),
            mail: Some(Arc::clone(&mail) as Arc<dyn Post>),
            settings,
            clock: clock.clone(),
        };
        Self { db, clock, mail, ports }
    }

    /// Another environment of the function, at the same time and over the same database.
    pub fn environment(&self) -> Ports<SetClock> {
        Ports {
            database: self.db.database_of("accounts", 1),
            hashing: Hashing::at(Cost::LEAST),
            mail: None,
            settings: self.ports.settings.clone(),
            clock: self.clock.clone(),
        }
    }

    /// A database that is away.
    pub fn nowhere(&self) -> Database {
        let mut login = self.db.login();
        login.port = 1;
        Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + time);
    }

    /// Makes an account with [`PASSWORD`].
    pub async fn person(&self, email: &str, role: Role) -> Person {
        let password = Password::fit(PASSWORD).unwrap();
        let stored = password::hash(&password, [7; password::SALT], Cost::LEAST).unwrap();
        self.person_with(email, role, Some(&stored)).await
    }

    /// Makes an account with the stored form of a password.
    pub async fn person_with(&self, email: &str, role: Role, stored: Option<&str>) -> Person {
        made_user(&self.db, email, role, stored, self.now()).await
    }

    /// Begins a session of an account, and returns its token.
    pub async fn session_of(&self, person: &Person, remembered: bool) -> String {
        planted_session(&self.db, person.id, remembered, self.now()).await
    }

    /// Makes an account of a role, and returns it with the token of a session.
    pub async fn signed_in(&self, role: Role) -> (Person, String) {
        let person = self.person(&format!("{}@example.com", role.as_str()), role).await;
        let token = self.session_of(&person, true).await;
        (person, token)
    }

    pub async fn send(&self, ask: Ask) -> Answer {
        ask.send_to(&self.ports).await
    }

    /// Whether a token opens a session.
    pub async fn is_signed_in(&self, token: &str) -> bool {
        let answer = self.send(Ask::get("/session?disableRefresh=true").session(token)).await;
        assert_eq!(answer.status, 200);
        answer.body != Value::Null
    }

    /// The actions of the audit log in their order, each with its object.
    pub async fn trail(&self) -> Vec<(String, String)> {
        let sql = "select action, object from audit_log order by seq";
        let rows = self.db.client().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The names of the actions in the audit log.
    pub async fn actions(&self) -> Vec<String> {
        self.trail().await.into_iter().map(|(action, _)| action).collect()
    }

    /// Makes a link by the command of an operator, and returns its token.
    pub async fn made(&self, command: Value) -> String {
        let reply = self.invoke(serde_json::json!({ "make_user": command })).await;
        assert_eq!(reply["status"], 200, "{reply}");
        token_of(reply["body"]["url"].as_str().unwrap())
    }

    pub async fn invoke(&self, event: Value) -> Value {
        let deadline = self.now() + Duration::from_secs(20);
        self.ports.invoke(event, "an invocation", deadline).await.unwrap()
    }
}

/// The token in a link.
pub fn token_of(url: &str) -> String {
    let (page, token) = url.split_once("?token=").unwrap();
    assert_eq!(page, format!("{BASE}/console/link"));
    token.to_owned()
}

/// Makes an account with the stored form of a password.
pub async fn made_user(
    db: &TestDatabase,
    email: &str,
    role: Role,
    stored: Option<&str>,
    now: Timestamp,
) -> Person {
    let (id, email) = (id_at(now), Email::parse(email).unwrap());
    let new = NewUser {
        id,
        email: &email,
        name: "Somebody",
        image: None,
        email_verified: true,
        role,
        password: stored,
        now,
    };
    assert!(stored_users::insert(&db.client().await, new).await.unwrap());
    Person { id }
}

/// Begins a session, and returns its token.
pub async fn planted_session(
    db: &TestDatabase,
    user_id: Uuid,
    remembered: bool,
    now: Timestamp,
) -> String {
    let text = new_token();
    let new = NewSession {
        id: id_at(now),
        user_id,
        token_sha256: &token::hashed(&text).unwrap(),
        remembered,
        address: None,
        user_agent: None,
        now,
    };
    assert!(stored_sessions::insert(&db.client().await, new).await.unwrap());
    text
}

/// A token that nobody else has.
pub fn new_token() -> String {
    Uuid::now_v7().simple().to_string()
}
